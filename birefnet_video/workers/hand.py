"""A worker as the crew sees it, and what it has to say."""

import queue
from dataclasses import dataclass, field

from birefnet_video.backends.base import BackendInfo
from birefnet_video.events import WorkerSnapshot
from birefnet_video.workers.tasks import Done, Task
from birefnet_video.workers.worker import Worker


@dataclass(slots=True, eq=False)
class Hand:
    """A worker as the crew sees it."""

    worker: Worker
    orders: "queue.SimpleQueue[Task | None]" = field(default_factory=queue.SimpleQueue)
    task: Task | None = None
    """That it makes; ``None``: it waits for one, or is not open yet."""
    stored: int = 0
    """Frames of that which lie on the disk."""
    is_open: bool = False
    is_lost: bool = False

    def snapshot(self) -> WorkerSnapshot:
        """As it is at this moment. From any thread."""
        task, name = self.task, self.worker.name
        if self.is_lost or not self.is_open:
            return WorkerSnapshot(name=name, state="lost" if self.is_lost else "loading")
        if task is None:
            return WorkerSnapshot(name=name, state="waiting")
        return WorkerSnapshot(name=name, state="working", segment=task.number, stored=self.stored, frames=task.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a hand's thread has to say."""

    hand: Hand
    info: BackendInfo | None = None
    stored: int = 0
    done: Done | None = None
    error: BaseException | None = None
    is_lost: bool = False
