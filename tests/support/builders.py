"""Stand-ins for the process that builds an engine: python -m builders, with what to do in the environment."""

import json
import os
import sys
import threading
from pathlib import Path

from wait import PATIENCE_S

#: Names the way below.
WAY = "TEST_BUILDER"


def main() -> int:
    """Do as told."""
    order = json.load(sys.stdin)
    workshop = Path(order["cache"]) / "better" / f"building-{os.getpid()}-1"
    workshop.mkdir(parents=True)
    (workshop / "session").write_text(f"{os.getpid()} {os.getsid(0)}")
    way = os.environ[WAY]
    if way == "fails":
        print("loading\nno converter for fold", file=sys.stderr)
        return 4
    if way == "hangs":
        threading.Event().wait(PATIENCE_S)
    workshop.rename(workshop.with_name("engine"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
