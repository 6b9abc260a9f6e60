"""A worker as the crew sees it, and what it has to say."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from birefnet_video.backends.base import BackendInfo
from birefnet_video.errors import BirefnetVideoError, explained
from birefnet_video.events import WorkerSnapshot
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.workers.tasks import Done, Task
from birefnet_video.workers.worker import Worker, WorkerLost


@dataclass(slots=True, eq=False, kw_only=True)
class Hand:
    """A worker as the crew sees it, or one after another in the same place."""

    worker: Worker
    orders: "queue.SimpleQueue[Task | None]" = field(default_factory=queue.SimpleQueue)
    task: Task | None = None
    """That it makes; ``None``: it waits for one, or is not open yet."""
    stored: int = 0
    """Frames of that which lie on the disk."""
    is_open: bool = False
    has_been_open: bool = False
    """It, or one before it in its place."""
    is_lost: bool = False
    begun_anew: int = 0
    """Workers that were begun in the place of others since a segment was made here."""
    failed: int = 0
    """Segments that it has failed at, one after the other."""
    _thread: threading.Thread | None = None

    def start(
        self, tell: "Callable[[News], None]", check: Callable[[Done], str | None], on_open: Callable[[Worker], None]
    ) -> None:
        """Open the worker and have it follow orders, on a thread of its own.

        Args:
            tell: takes what it has to say; called on that thread, as the others are.
            check: says why a segment is not what its worker says, or ``None``.
            on_open: called once it is open.
        """
        name = f"birefnet-video {self.worker.name}"
        self._thread = threading.Thread(target=self._work, args=(tell, check, on_open), name=name)
        self._thread.start()

    def replace(self, worker: Worker) -> None:
        """Another worker is in its place, not yet open. The one before is closed, or lost, and makes nothing."""
        self.orders.put(None)
        self.join()
        # What was ordered last is not what this one is to do.
        self.worker, self.orders, self.is_open = worker, queue.SimpleQueue(), False
        self.begun_anew, self.failed = self.begun_anew + 1, 0

    def join(self) -> None:
        """Wait until its thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def snapshot(self) -> WorkerSnapshot:
        """As it is at this moment. From any thread."""
        task, name = self.task, self.worker.name
        if self.is_lost or not self.is_open:
            return WorkerSnapshot(name=name, state="lost" if self.is_lost else "loading")
        if task is None:
            return WorkerSnapshot(name=name, state="waiting")
        return WorkerSnapshot(name=name, state="working", segment=task.number, stored=self.stored, frames=task.frames)

    def _work(
        self, tell: "Callable[[News], None]", check: Callable[[Done], str | None], on_open: Callable[[Worker], None]
    ) -> None:
        try:
            info = self.worker.open()
            on_open(self.worker)
            tell(News(hand=self, info=info))
            while (task := self.orders.get()) is not None:
                tell(self._render(task, tell, check))
        except BaseException as error:  # noqa: BLE001 - the thread border: who takes the results is told
            tell(News(hand=self, error=error, is_lost=True))

    def _render(self, task: Task, tell: "Callable[[News], None]", check: Callable[[Done], str | None]) -> "News":
        """
        Raises:
            WorkerLost: if it ends meanwhile.
        """
        stored = 0

        def note(count: int) -> None:
            nonlocal stored
            stored += count
            if count:
                tell(News(hand=self, stored=stored))

        try:
            done = self.worker.render(task, note)
            if (why := check(done)) is not None:
                return News(hand=self, error=BirefnetVideoError(why))
            return News(hand=self, done=done)
        except (NotAsListed, BirefnetVideoError) as error:
            return News(hand=self, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a hand's thread has to say."""

    hand: Hand
    info: BackendInfo | None = None
    stored: int = 0
    done: Done | None = None
    error: BaseException | None = None
    is_lost: bool = False

    @property
    def why(self) -> str:
        """What has gone wrong with the worker, with its name once."""
        name, text = self.hand.worker.name, str(self.error) or type(self.error).__name__
        return text if text.startswith(name) else f"{name}: {text}"


def as_ours(error: BaseException) -> BaseException:
    """What has gone wrong with a worker, as an error of a render."""
    if isinstance(error, WorkerLost):
        return BirefnetVideoError(str(error), hint="the same command goes on from what is done")
    return explained(error)
