"""Who uses a device besides this program."""

import os
import sys
from pathlib import Path

from birefnet_video.errors import BackendUnavailable


def require_known_audience() -> None:
    """
    Raises:
        BackendUnavailable: if this system does not tell.
    """
    if sys.platform != "linux":
        raise BackendUnavailable("--only-watched: only Linux tells whether a program uses the virtual camera")


def has_audience(device: str) -> bool:
    """Whether another process has ``device`` open; those of other users are seen by root alone."""
    name = os.path.realpath(device)
    own = str(os.getpid())
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or process.name == own:
            continue
        try:
            if any(str(entry.readlink()) == name for entry in (process / "fd").iterdir()):
                return True
        except OSError:
            # It has ended, or is another user's.
            continue
    return False
