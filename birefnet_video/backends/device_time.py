"""How long a GPU has computed a network: from events around each batch, which nobody waits for."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, Protocol


class Event(Protocol):
    """A moment in a GPU's work, as :class:`torch.cuda.Event` with ``enable_timing``."""

    def record(self) -> None:
        """Let it be when all work that was given so far is done."""
        ...

    def query(self) -> bool:
        """Whether it has been. Does not wait."""
        ...

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from it to another one; both have been."""
        ...


class DeviceMeter:
    """Adds up the time from the beginning to the end of each batch on the device. From any thread."""

    def __init__(self, make_event: Callable[[], Event]) -> None:
        """
        Args:
            make_event: makes one on the device.
        """
        self._make_event = make_event
        self._open: deque[tuple[Event, Event]] = deque()
        self._busy_s = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Count what the current stream is given within; what ends in an error is not counted."""
        begin, end = self._make_event(), self._make_event()
        begin.record()
        yield
        end.record()
        with self._lock:
            self._open.append((begin, end))
            self._collect()

    @property
    def busy_s(self) -> float:
        """Seconds of all batches that are done."""
        with self._lock:
            self._collect()
            return self._busy_s

    def _collect(self) -> None:
        try:
            while self._open and self._open[0][1].query():
                begin, end = self._open.popleft()
                self._busy_s += begin.elapsed_time(end) / 1000
        except RuntimeError:
            # A device that has failed says so to whoever computes on it.
            self._open.clear()


@lru_cache
def meter_of(device: str) -> DeviceMeter:
    """The meter of a CUDA device: of all that this process computes there.

    Args:
        device: ``cuda`` or ``cuda:N``.
    """
    import torch

    # Its methods take each other only, which a protocol cannot say.
    make_event: Any = partial(torch.cuda.Event, enable_timing=True)
    return DeviceMeter(make_event)


def busy_from_now(device: str) -> Callable[[], float] | None:
    """What gives the seconds that a device has computed since this call; ``None`` for devices that have no events.

    Args:
        device: as of :class:`birefnet_video.backends.base.BackendInfo`.
    """
    if not device.startswith("cuda"):
        return None
    meter = meter_of(device)
    before = meter.busy_s
    return lambda: meter.busy_s - before
