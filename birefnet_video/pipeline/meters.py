"""Where a stage's time goes: waiting for input, working, waiting for room behind it."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class StageMeter:
    """Counts one stage. Written by the stage's thread, read by any."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items = 0
        """Items handed on."""
        self.busy_s = 0.0
        """Seconds of work, without waiting on either side."""
        self.first_at = self.last_at = 0.0
        """When the first and the latest item were handed on, on the monotonic clock."""
        self._waited_s = 0.0

    def waiting(self, source: Iterable[T]) -> Iterator[T]:
        """Pass ``source`` through and count the time its items take to come."""
        items = iter(source)
        while True:
            started = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._waited_s += time.perf_counter() - started
            yield item

    def working(self, produced: Iterator[T]) -> Iterator[T]:
        """Pass the stage's results through and count the time they take to make."""
        while True:
            started, waited = time.perf_counter(), self._waited_s
            try:
                item = next(produced)
            except StopIteration:
                return
            finally:
                self.busy_s += time.perf_counter() - started - (self._waited_s - waited)
            self.items += 1
            self.last_at = time.monotonic()
            self.first_at = self.first_at or self.last_at
            yield item
