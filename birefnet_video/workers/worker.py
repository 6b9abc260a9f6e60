"""Who makes segments, wherever it runs."""

from collections.abc import Callable
from typing import Protocol, Self

from birefnet_video.backends.base import BackendInfo
from birefnet_video.types import Preview
from birefnet_video.workers.tasks import Done, Task


class WorkerLost(Exception):
    """A worker has gone away; says how."""


class Worker(Protocol):
    """Makes segments. Opened and used by one thread; paused and closed from any."""

    name: str
    """As users know it."""

    def open(self) -> BackendInfo:
        """Start it and load the network.

        Raises:
            BirefnetVideoError: if it cannot be loaded.
            WorkerLost: if it ends meanwhile.
        """
        ...

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """Make a segment.

        Args:
            task: which one.
            told: takes how many more of its frames lie on the disk.

        Raises:
            NotAsListed: if the frames are not those that packets have told of.
            BirefnetVideoError: if it cannot be made.
            WorkerLost: if the worker ends meanwhile.
        """
        ...

    def pause(self) -> None:
        """Take no further frames."""
        ...

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        ...

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """The latest picture that was asked for of what it makes, and a wish for the next. Waits for nothing.

        Args:
            width: see :meth:`birefnet_video.pipeline.preview.PreviewTap.ask`, as all others.
            height: the same.
            zoom: the same.
            at: the same.
        """
        ...

    def again(self) -> Self | None:
        """Another one in its place after it was lost, not open yet; ``None``: there is none to be had.

        Whether its device, or a machine of its cluster, still answers, opening it will tell.
        """
        ...

    def close(self) -> None:
        """End it, whatever it does. May be called twice."""
        ...
