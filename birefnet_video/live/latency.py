"""How long things take, without remembering every one of them."""

from collections import deque


class Durations:
    """The latest so many durations, and the longest of all. Written by one thread, read by any."""

    def __init__(self, remembered: int = 900) -> None:
        """
        Args:
            remembered: thirty seconds of thirty pictures.
        """
        self.count = 0
        self.longest_s = 0.0
        self._latest: deque[float] = deque(maxlen=remembered)

    def add(self, seconds: float) -> None:
        """Remember one."""
        self.count += 1
        self.longest_s = max(self.longest_s, seconds)
        self._latest.append(seconds)

    def percentile_s(self, share: float, *, of_latest: int | None = None) -> float:
        """The duration that ``share`` of the latest ones do not exceed; 0 before the first."""
        known = self._latest.copy()
        ranked = sorted(list(known)[-of_latest:] if of_latest else known)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0

    def forget(self) -> None:
        """Begin anew, but for the longest."""
        self._latest.clear()
