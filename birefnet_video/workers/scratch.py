"""A folder of this machine for what is on its way, removed even where its owner was killed."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "birefnet-video-parts-"
#: Seconds after which a folder has surely been locked by whoever has made it.
_YOUNG_S = 60.0


class Scratch:
    """Among the temporary files, as long as it is not closed and its process lives."""

    def __init__(self) -> None:
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            _remove_if_left(path)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = FileLock(self.path / ".lock")
        self._lock.acquire()

    def close(self) -> None:
        """Remove it. May be called twice, from any thread."""
        self._lock.release(force=True)
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_if_left(path: Path) -> None:
    """Remove a folder whose owner is gone."""
    # Those of other users, too, are none of ours.
    with suppress(OSError, Timeout):
        if time.time() - path.stat().st_mtime > _YOUNG_S:
            with FileLock(path / ".lock", timeout=0):
                shutil.rmtree(path, ignore_errors=True)
