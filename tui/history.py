"""What a render and its machine did lately, once a second, for graphs."""

from collections import deque
from collections.abc import Sequence

from birefnet_video.tui.telemetry import Reading

from birefnet_video.events import JobSnapshot

#: Seconds from one value to the next, and how many are kept: two dots a column of the widest graph.
_EVERY_S, _MOST = 1.0, 600
#: Share of the time for which the busiest stage works, from which it holds the others up.
LIMIT = 0.6


class History:
    """Of one render."""

    def __init__(self) -> None:
        self.fps: deque[float] = deque(maxlen=_MOST)
        """Frames a second."""
        self.readings: deque[Reading] = deque(maxlen=_MOST)
        self.busy: dict[str, float] = {}
        """By stage, the share of the time for which it works, lately."""
        self.stages: dict[str, deque[float]] = {}
        """The same of the past."""
        self._before: JobSnapshot | None = None
        self._last: float | None = None

    def remember(self, snapshot: JobSnapshot, reading: Reading | None, now: float) -> None:
        """
        Args:
            snapshot: of the render.
            reading: of the machine.
            now: seconds, on a clock that only goes on.
        """
        self._measure(snapshot)
        if self._last is not None and now - self._last < _EVERY_S:
            return
        self._last = now
        if snapshot.stages:
            self.fps.append(snapshot.fps)
        if reading is not None:
            self.readings.append(reading)
        for name, busy in self.busy.items():
            self.stages.setdefault(name, deque(maxlen=_MOST)).append(busy)

    def limit(self) -> str | None:
        """The stage that holds all others up, or ``None``."""
        busiest = max(self.busy, key=lambda name: self.busy[name], default=None)
        return busiest if busiest is not None and self.busy[busiest] >= LIMIT else None

    def of_stage(self, name: str) -> Sequence[float]:
        """Shares of the past of one stage."""
        return self.stages.get(name, ())

    def _measure(self, snapshot: JobSnapshot) -> None:
        before, self._before = self._before, snapshot
        if before is None or len(before.stages) != len(snapshot.stages):
            return
        passed = snapshot.elapsed_s - before.elapsed_s
        if passed <= 0:
            return
        for old, new in zip(before.stages, snapshot.stages, strict=True):
            lately = min(1.0, max(0.0, (new.busy_s - old.busy_s) / passed))
            # Work is counted when it is handed on: one look can miss it, several do not.
            self.busy[new.name] = lately if new.name not in self.busy else 0.7 * self.busy[new.name] + 0.3 * lately
