"""Hands segments to workers, and gives back what they have made in the order of display."""

import math
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from birefnet_video.backends.base import BackendInfo
from birefnet_video.events import WorkerSnapshot
from birefnet_video.inputs.reader import Notify
from birefnet_video.pipeline.channel import Cancelled
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.types import Preview
from birefnet_video.workers.hand import Hand, News, as_ours
from birefnet_video.workers.pending import Pending, joinable, told
from birefnet_video.workers.tasks import Done, Task
from birefnet_video.workers.worker import Worker, WorkerLost

#: Times that a segment is tried, each time by another worker if there is one.
MOST_TRIES = 3
#: Workers that are begun in the place of one, without one of them having made a segment.
MOST_BEGUN_ANEW = 3
#: Segments that a worker may fail at, one after the other, until another one is begun in its place.
_MOST_FAILED = 2
#: Segments for each worker that may be on their way or wait for those before them.
_AHEAD = 4
#: A segment that takes so many times as long as others usually do is begun by an idle worker, too.
_SLOW = 3.0
#: Segments after which it is known how long they usually take.
_LEAST_TAKEN = 3
#: Seconds between two looks at who is slow.
_LOOK_S = 1.0


class Crew:
    """Workers of one render. One thread opens and takes; all else from any."""

    def __init__(
        self,
        workers: Sequence[Worker],
        notify: Notify,
        *,
        check: Callable[[Done], str | None] = lambda done: None,
        drop: Callable[[Task], None] = lambda task: None,
    ) -> None:
        """
        Args:
            workers: at least one.
            notify: takes what a user should know.
            check: says why a segment is not what its worker says, or ``None``.
            drop: removes what a try that is not wanted any more has left.
        """
        self._hands = [Hand(worker=worker) for worker in workers]
        self._notify, self._check, self._drop = notify, check, drop
        self._news: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_paused = False
        self._picture: Preview | None = None
        self._left: list[Hand] = []
        self._error: BaseException | None = None
        self._took: list[float] = []
        """Seconds of segments."""

    def open(self) -> BackendInfo:
        """Start the workers, and wait for the first network: the others find on the disk what it has built.

        Raises:
            BirefnetVideoError: if none can be loaded.
        """
        self._left = list(self._hands)
        for number, hand in enumerate(self._hands):
            self._start(hand)
            news = self._hear()
            if news is not None and news.info is not None:
                for later in self._hands[number + 1 :]:
                    self._start(later)
                return news.info
        raise self._without_workers()

    def run(self, tasks: Iterable[Task], ready: Iterable[Done] = ()) -> Iterator[Done | None]:
        """What the workers make of segments.

        Args:
            tasks: in order.
            ready: those of them that have been made before.

        Yields:
            ``None`` for each frame on the disk, and in place of the last one of a segment the segment, in order.

        Raises:
            NotAsListed: if the frames are not those that packets have told of.
            BirefnetVideoError: if a segment could not be made, or no worker is left.
            Cancelled: if the crew was stopped.
        """
        made = {(done.task.number, done.task.first, done.task.after): done for done in ready}
        waiting = deque(Pending(task=task, done=made.get((task.number, task.first, task.after))) for task in tasks)
        begun: dict[int, Pending] = {}
        while waiting or begun:
            self._hand_out(waiting, begun)
            yield from joinable(begun)
            if not begun:
                continue
            if not self._left:
                raise self._without_workers()
            if (news := self._hear(_LOOK_S)) is not None:
                yield from self._settle(news, begun)

    def snapshots(self) -> tuple[WorkerSnapshot, ...]:
        """The workers at this moment. From any thread."""
        return tuple(hand.snapshot() for hand in self._hands)

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :meth:`Worker.preview`: of the earliest segment that is being made. From any thread."""
        makers = [(task.number, place) for place, hand in enumerate(self._hands) if (task := hand.task) is not None]
        if makers:
            _, place = min(makers)
            self._picture = self._hands[place].worker.preview(width, height, zoom, at) or self._picture
        return self._picture

    def pause(self) -> None:
        """Have all workers take no further frames."""
        with self._lock:
            self._is_paused = True
            for hand in self._hands:
                hand.worker.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._lock:
            self._is_paused = False
            for hand in self._hands:
                hand.worker.resume()

    def stop(self) -> None:
        """Take nothing more from the workers."""
        self._news.put(None)

    def close(self) -> None:
        """End all workers, whatever they do. May be called twice."""
        for hand in self._hands:
            hand.orders.put(None)
            hand.worker.close()
        for hand in self._hands:
            hand.join()
        for hand in self._hands:
            task, hand.task = hand.task, None
            if task is not None:
                self._drop(task)

    def _start(self, hand: Hand) -> None:
        hand.start(self._news.put, self._check, self._keep_pause)

    def _keep_pause(self, worker: Worker) -> None:
        """A pause reaches those that were opened after it."""
        with self._lock:
            if self._is_paused:
                worker.pause()

    def _hear(self, timeout_s: float | None = None) -> News | None:
        """The next news, after what it says of its hand has been noted; ``None``: none has come in time.

        Raises:
            Cancelled: if the crew was stopped.
        """
        try:
            news = self._news.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if news is None:
            raise Cancelled
        if news.info is not None:
            news.hand.is_open = news.hand.has_been_open = True
        if news.is_lost:
            self._lose(news)
        return news

    def _lose(self, news: News) -> None:
        """Do without a worker, or begin another one in its place."""
        hand, why = news.hand, news.why
        self._error = news.error
        # As long as none has been opened, none can be: why, is said at once.
        may_begin = any(each.has_been_open for each in self._hands) and hand.begun_anew < MOST_BEGUN_ANEW
        if isinstance(news.error, WorkerLost) and may_begin and self._begin_anew(hand, why):
            return
        hand.is_lost = True
        self._left.remove(hand)
        self._notify(f"{why}; {len(self._left)} of {len(self._hands)} are left")

    def _begin_anew(self, hand: Hand, why: str) -> bool:
        """Begin another worker in the place of one, if there is one to be had."""
        if (other := hand.worker.again()) is None:
            return False
        self._notify(f"{why}; another one is begun in its place")
        hand.worker.close()
        hand.replace(other)
        self._start(hand)
        return True

    def _hand_out(self, waiting: "deque[Pending]", begun: dict[int, Pending]) -> None:
        while waiting and waiting[0].done is not None:
            ready = waiting.popleft()
            ready.stored = ready.task.frames
            begun[ready.task.number] = ready
        for hand in self._left:
            if hand.task is not None or not hand.is_open:
                continue
            if (segment := self._next(hand, waiting, begun)) is None:
                continue
            hand.task, hand.stored = replace(segment.task, attempt=segment.tries), 0
            segment.tries += 1
            segment.begun_at = time.monotonic()
            begun[segment.task.number] = segment
            hand.orders.put(hand.task)

    def _next(self, hand: Hand, waiting: "deque[Pending]", begun: dict[int, Pending]) -> Pending | None:
        """What a hand should make."""
        running = [each.task.number for each in self._left if each.task is not None]
        undone = [each for each in begun.values() if each.done is None and hand.worker not in each.shunned]
        for segment in undone:
            if segment.task.number not in running:
                return segment
        if waiting and waiting[0].done is None and len(begun) < _AHEAD * len(self._left):
            return waiting.popleft()
        # Nobody waits for a machine that has become slow.
        usual = statistics.median(self._took) if len(self._took) >= _LEAST_TAKEN else math.inf
        for segment in undone:
            if running.count(segment.task.number) == 1 and time.monotonic() - segment.begun_at > _SLOW * usual:
                return segment
        return None

    def _settle(self, news: News, begun: dict[int, Pending]) -> Iterator[Done | None]:
        hand, task = news.hand, news.hand.task
        if task is None:
            return
        has_ended = news.done is not None or news.error is not None
        hand.task = None if has_ended else task
        segment = begun.get(task.number)
        if segment is None or segment.done is not None:
            # Somebody else was sooner.
            if has_ended:
                self._drop(task)
            return
        hand.stored = max(hand.stored, news.stored)
        segment.stored = max(segment.stored, hand.stored)
        if news.error is not None:
            self._drop(task)
            self._mark_failed(segment, news)
        if news.done is not None:
            self._took.append(time.monotonic() - segment.begun_at)
            segment.done, segment.stored = news.done, task.frames
            hand.begun_anew = hand.failed = 0
        yield from told(segment)

    def _mark_failed(self, segment: Pending, news: News) -> None:
        """
        Raises:
            NotAsListed, BirefnetVideoError: if it is not worth another try.
        """
        assert news.error is not None  # looked at before
        if isinstance(news.error, NotAsListed):
            raise news.error
        segment.failed += 1
        if not news.is_lost:
            segment.shunned.add(news.hand.worker)
        others = [each for each in self._left if each.worker not in segment.shunned]
        is_tried = any(each.task is not None and each.task.number == segment.task.number for each in self._left)
        if segment.failed >= MOST_TRIES or not self._left or not (others or news.is_lost or is_tried):
            raise as_ours(news.error)
        if not others:
            # All have failed once, or have gone: whoever is left tries again.
            segment.shunned.clear()
        if news.is_lost:
            return
        self._notify(f"{news.why}: segment {segment.task.number} is tried again by another worker")
        hand = news.hand
        hand.failed += 1
        if hand.failed >= _MOST_FAILED and hand.begun_anew < MOST_BEGUN_ANEW:
            # What is wrong may be its process: that of a GPU does not outlive every error.
            self._begin_anew(hand, f"{hand.worker.name} has failed {hand.failed} times, one after the other")

    def _without_workers(self) -> BaseException:
        return as_ours(self._error) if self._error is not None else Cancelled()
