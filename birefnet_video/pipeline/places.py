"""Places on a device whose memory may run out: who composes there, and who does it elsewhere meanwhile."""

import threading
from collections.abc import Callable
from typing import TypeVar

from birefnet_video.defaults import DEVICE_BACK_AFTER, DEVICE_LONGEST_REST

T = TypeVar("T")
#: Times that one frame is tried at most; each one halves how many are there at once, or waits for others.
_MOST_TRIES = 4
#: More than anybody asks for.
_ALL = 1 << 30


class Places:
    """As many as come, until memory runs out: then half as many at once, at last one; what fails alone has no place.

    After that frames keep away, first one, then two, four and so on up to a bound, before one tries again; and after
    some that were good in a row twice as many are let in, until all are. Frames are counted and not seconds: what
    happens depends on the order of calls alone. Each turn for the worse, and that all is well again, is said once.
    """

    def __init__(
        self,
        device: str,
        tell: Callable[[str], None],
        *,
        back_after: int = DEVICE_BACK_AFTER,
        longest_rest: int = DEVICE_LONGEST_REST,
    ) -> None:
        """
        Args:
            device: its name, for messages.
            tell: takes what a user should know.
            back_after: frames that must be good in a row.
            longest_rest: frames that keep away at most.
        """
        self._device, self._tell_user = device, tell
        self._back_after, self._longest_rest = back_after, longest_rest
        self._changed = threading.Condition()
        self._allowed = _ALL
        self._taken = self._most_taken = 0
        self._good = self._rest = self._resting = 0
        self._told: set[str] = set()

    def run(self, work: Callable[[], T | None]) -> T | None:
        """What ``work`` gives in a place on the device; ``None``: there is none, and it is to be made elsewhere.

        Args:
            work: gives ``None`` if memory has run out. May be called several times.
        """
        for _ in range(_MOST_TRIES):
            allowed = self._enter()
            if not allowed:
                return None
            made, is_over = None, False
            try:
                made = work()
                is_over = True
            finally:
                again = self._leave(allowed, is_good=made is not None) if is_over else self._go()
            if made is not None or not again:
                return made
        with self._changed:
            self._tell_elsewhere()
        return None

    def _enter(self) -> int:
        """How many were allowed at once when a place was given; 0: there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._resting or self._taken < self._allowed)
            if self._resting:
                self._resting -= 1
                return 0
            self._taken += 1
            self._most_taken = max(self._most_taken, self._taken)
            return self._allowed

    def _go(self) -> bool:
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()
        return False

    def _leave(self, allowed: int, *, is_good: bool) -> bool:
        """Whether to try once more."""
        with self._changed:
            self._go()
            if not is_good:
                return self._make_room(allowed)
            self._count_good()
        return False

    def _count_good(self) -> None:
        if self._allowed == _ALL:
            return
        self._good += 1
        if self._good < self._back_after:
            return
        self._good = self._rest = 0
        self._allowed *= 2
        if self._allowed >= self._most_taken:
            self._allowed = _ALL
            self._tell("back", "pictures are composed there again as before")

    def _make_room(self, allowed: int) -> bool:
        self._good = 0
        was_alone = allowed == 1 or self._most_taken == 1
        if not was_alone:
            # If others have failed meanwhile there are fewer already.
            if allowed == self._allowed:
                self._allowed = max(1, (self._taken + 1) // 2)
                self._tell("fewer", "out of memory for pictures: fewer at once are composed there for a while")
            return True
        self._allowed = 1
        self._rest = min(max(1, 2 * self._rest), self._longest_rest)
        self._resting = self._rest
        self._tell_elsewhere()
        return False

    def _tell_elsewhere(self) -> None:
        self._tell("elsewhere", "out of memory for pictures: what does not fit is composed on the CPU for a while")

    def _tell(self, key: str, message: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._tell_user(f"{self._device}: {message}")
