"""Segments of a render that are not joined yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from birefnet_video.workers.tasks import Done, Task
from birefnet_video.workers.worker import Worker


@dataclass(slots=True, kw_only=True)
class Pending:
    """A segment that is not joined yet."""

    task: Task
    stored: int = 0
    """Frames of it that lie on the disk, of the try that has most."""
    given: int = 0
    """Of those, the ones that were told."""
    tries: int = 0
    begun_at: float = 0.0
    """When it was handed out for the last time."""
    failed: int = 0
    shunned: set[Worker] = field(default_factory=set)
    """Those that could not make it."""
    done: Done | None = None


def told(segment: Pending) -> Iterator[None]:
    """Frames of a segment that were not told of, but for the last one."""
    for _ in range(min(segment.stored, segment.task.frames - 1) - segment.given):
        segment.given += 1
        yield None


def joinable(begun: dict[int, Pending]) -> Iterator[Done | None]:
    """Segments that are done, up to the first one that is not; they are taken out."""
    while begun and (first := begun[min(begun)]).done is not None:
        yield from told(first)
        del begun[first.task.number]
        yield first.done
