"""A bounded queue between two threads that can be closed and aborted."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """Another stage failed or the job was cancelled; unwind without reporting."""


class Left(Exception):
    """Whoever takes items wants no more of them."""


class Channel(Generic[T]):
    """FIFO of at most ``capacity`` items for one producer and one consumer.

    ``put`` blocks while it is full, iteration blocks while it is empty. ``close`` ends the iteration after the
    last item; ``leave`` makes the producer raise :class:`Left`, ``abort`` makes both sides raise :class:`Cancelled`.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity={capacity}: expected at least 1")
        self.capacity = capacity
        self.blocked_put_s = 0.0
        """Seconds the producer waited: the consumer is the slower side."""
        self.blocked_get_s = 0.0
        """Seconds the consumer waited."""
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = self._left = False

    def put(self, item: T) -> None:
        """Append ``item``, waiting for room.

        Raises:
            Cancelled: if the channel was aborted.
            Left: if nobody takes items any more.
            ValueError: if it was closed.
        """
        with self._changed:
            if self._closed:
                raise ValueError("put on a closed channel")
            if len(self._items) >= self.capacity and not self._aborted and not self._left:
                started = time.perf_counter()
                self._changed.wait_for(lambda: len(self._items) < self.capacity or self._aborted or self._left)
                self.blocked_put_s += time.perf_counter() - started
            if self._aborted:
                raise Cancelled
            if self._left:
                raise Left
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                if not self._items and not self._closed and not self._aborted:
                    started = time.perf_counter()
                    self._changed.wait_for(lambda: bool(self._items) or self._closed or self._aborted)
                    self.blocked_get_s += time.perf_counter() - started
                if self._aborted:
                    raise Cancelled
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """No more items will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def leave(self) -> None:
        """No more items are wanted; what is queued is dropped."""
        with self._changed:
            self._left = True
            self._items.clear()
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with :class:`Cancelled` and drop what is queued."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()
