"""Processes and actors that have made their segments and wait for the next render."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class KeptWorkers:
    """What several renders use, one after the other. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, list[tuple[Any, Callable[[], None]]]] = defaultdict(list)
        self._lasting: dict[Hashable, tuple[Any, Callable[[], None]]] = {}
        self._is_closed = False

    def take(self, key: Hashable) -> Any | None:
        """One that waits; ``None``: there is none.

        Args:
            key: equal for what can stand for each other.
        """
        with self._lock:
            return self._waiting[key].pop()[0] if self._waiting[key] else None

    def give(self, key: Hashable, found: Any, end: Callable[[], None]) -> None:
        """Let one wait.

        Args:
            key: that it is taken by.
            found: what is given.
            end: called if nobody has taken it when all is closed.
        """
        with self._lock:
            if not self._is_closed:
                self._waiting[key].append((found, end))
                return
        end()

    def lasting(self, key: Hashable, make: Callable[[], T], end: Callable[[T], None]) -> T:
        """What all renders use until the end, made at the first call.

        Args:
            key: of it.
            make: makes it.
            end: ends it, after all that wait.
        """
        with self._lock:
            if key not in self._lasting:
                made = make()
                self._lasting[key] = made, lambda: end(made)
            found: T = self._lasting[key][0]
            return found

    def close(self) -> None:
        """End all that wait. May be called twice."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, defaultdict(list)
            lasting, self._lasting = self._lasting, {}
        for found in waiting.values():
            for _, end in found:
                end()
        for _, end in lasting.values():
            end()
