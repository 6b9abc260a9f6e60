"""Clocks for tests, to stand in for a module's ``time``."""

import time


class Clock:
    """Stands still, or runs as usual, and is set on by hand."""

    def __init__(self, *, runs: bool = False) -> None:
        self._ahead_s = 0.0
        self._runs = runs

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return (time.monotonic() if self._runs else 1000.0) + self._ahead_s

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead_s += seconds
