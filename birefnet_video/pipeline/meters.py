"""Where a stage's time goes: waiting for input, working, waiting for room behind it."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
#: Hand-overs whose durations are remembered.
_RECENT = 128
#: Seconds of the pace of late, and hand-overs whose times are remembered at most.
_LATELY_S, _MOST_TIMES = 10.0, 4096


class ActiveClock:
    """Seconds that pass while nobody has stopped it. From any thread."""

    def __init__(self) -> None:
        self._stopped_s = 0.0
        self._stopped_at: float | None = None

    def now(self) -> float:
        """Seconds since some moment."""
        stopped_at = self._stopped_at
        return (time.monotonic() if stopped_at is None else stopped_at) - self._stopped_s

    def stop(self) -> None:
        """Stand still."""
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()

    def start(self) -> None:
        """Go on."""
        if self._stopped_at is not None:
            # In this order nobody sees a time in the future.
            self._stopped_s += time.monotonic() - self._stopped_at
            self._stopped_at = None


class StageMeter:
    """Counts one stage. Written by the stage's thread, read by any."""

    def __init__(self, name: str, clock: ActiveClock) -> None:
        self.name = name
        self._now = clock.now
        self.items = 0
        """Items handed on."""
        self.busy_s = 0.0
        """Seconds of work, without waiting on either side."""
        self.first_at = self.last_at = 0.0
        """When the first and the latest item were handed on, on the line's clock."""
        self.waited_in_s = 0.0
        """Seconds of waiting for what comes before."""
        self.waited_out_s = 0.0
        """Seconds of waiting for room behind it."""
        self._times: deque[float] = deque(maxlen=_MOST_TIMES)
        self._recent: list[float] = []
        self._handed_on = 0

    def waiting(self, source: Iterable[T]) -> Iterator[T]:
        """Pass ``source`` through and count the time its items take to come."""
        items = iter(source)
        while True:
            started = self._now()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self.waited_in_s += self._now() - started
            yield item

    def working(self, produced: Iterator[T]) -> Iterator[T]:
        """Pass the stage's results through and count the time they take to make."""
        while True:
            started, waited = self._now(), self.waited_in_s
            try:
                item = next(produced)
            except StopIteration:
                return
            finally:
                took = self._now() - started - (self.waited_in_s - waited)
                self.busy_s += took
            self.items += 1
            self._remember(took)
            self.last_at = self._now()
            self.first_at = self.first_at or self.last_at
            self._times.append(self.last_at)
            started = self._now()
            yield item
            self.waited_out_s += self._now() - started

    def pace(self) -> float:
        """Items handed on a second, of the last ten seconds; 0 before there are two."""
        times = list(self._times.copy())
        if len(times) < 2:
            return 0.0
        now = self._now()
        lately = [at for at in times if now - at <= _LATELY_S]
        if len(lately) < 2:
            # Slower than that: what the latest two took, or longer if nothing has come since.
            return 1 / max(times[-1] - times[-2], now - times[-1])
        return (len(lately) - 1) / max(lately[-1] - lately[0], 1e-9)

    def percentile_s(self, share: float) -> float:
        """Work on one hand-over in seconds, of the latest ones the one that ``share`` of them do not exceed."""
        recent = sorted(self._recent.copy())
        return recent[min(len(recent) - 1, int(share * len(recent)))] if recent else 0.0

    def _remember(self, seconds: float) -> None:
        if len(self._recent) < _RECENT:
            self._recent.append(seconds)
        else:
            self._recent[self._handed_on % _RECENT] = seconds
        self._handed_on += 1
