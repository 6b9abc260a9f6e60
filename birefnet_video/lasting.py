"""Threads that a fault does not end."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)
#: Seconds until work is begun anew; each time in a row it is twice as many, up to the longest.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


class LastingThread(threading.Thread):
    """Does its work until that returns; a fault is told and the work begun anew."""

    def __init__(
        self, name: str, work: Callable[[], None], tell: Callable[[str], None], *, daemon: bool = True
    ) -> None:
        """
        Args:
            name: of the thread.
            work: returns when there is no more to do; may be called again after any exception.
            tell: takes what a user should know; called on this thread.
            daemon: does not keep the process from ending.
        """
        super().__init__(name=name, daemon=daemon)
        self._work, self._tell = work, tell
        self._is_closed = threading.Event()

    def close(self) -> None:
        """Begin nothing anew any more."""
        self._is_closed.set()

    def run(self) -> None:
        """See :class:`threading.Thread`."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                self._work()
                return
            except Exception as error:  # noqa: BLE001 - the thread border: nobody else would notice
                _log.exception("%s", self.name)
                reason = " ".join(str(error).split()) or "no reason given"
                self._tell(f"{self.name}: {type(error).__name__}: {reason}; begun anew")
            if self._is_closed.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_S)
