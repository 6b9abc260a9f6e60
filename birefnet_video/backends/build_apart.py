"""The process that builds an engine into the cache while another one renders: ``python -m`` this.

Standard input says in JSON what to build; the last line of standard error says what went wrong.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from birefnet_video.backends.apart import end_with
from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.registry import build
from birefnet_video.errors import BirefnetVideoError
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.serial import structured

#: Steps by which it gives way to the render.
_NICER = 10


def carry_out(order: Mapping[str, Any]) -> None:
    """Build what an order of :func:`birefnet_video.backends.registry.order_for` asks for.

    Raises:
        BirefnetVideoError: if it cannot be built.
    """
    spec, info = structured(order["spec"], BackendSpec), structured(order["info"], BackendInfo)
    build(spec, info, EngineCache(Path(order["cache"])))


def main() -> int:
    """Do what standard input says; the exit code."""
    order = json.load(sys.stdin)
    threading.Thread(target=end_with, args=(order["parent"],), daemon=True).start()
    with suppress(OSError, AttributeError):
        os.nice(_NICER)
    try:
        carry_out(order)
    except BirefnetVideoError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
