"""A hand-over of one item, where a new one takes the place of one that nobody has fetched."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Between one thread that puts and one that takes. Items are dropped and counted, never queued."""

    def __init__(self) -> None:
        self.dropped = 0
        """Items that were replaced before they were taken."""
        self._item: T | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Offer an item; never waits."""
        with self._changed:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout_s: float | None = None) -> T | None:
        """The latest item, waiting for one; ``None`` once the slot is closed and empty, or after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._is_closed, timeout_s)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """No more items will come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
