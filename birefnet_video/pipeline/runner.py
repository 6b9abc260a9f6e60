"""Run passive generator stages, each on its own thread, joined by channels."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from birefnet_video.events import StageSnapshot
from birefnet_video.pipeline.channel import Cancelled, Channel, Left
from birefnet_video.pipeline.meters import ActiveClock, StageMeter


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: a generator function from the items before it to the items after it.

    The contract: it runs on one thread of its own; it takes items one by one and may hand on none, one or several for
    each; it may return before its items have ended, which ends the stages before it without an error; it cleans up in
    ``finally``, which runs whatever ends the line; what it raises ends the line and is raised in the caller.
    """

    name: str
    work: Callable[[Iterable[Any]], Iterator[Any]]
    capacity: int = 2
    """Items that may wait behind it."""


class Runner:
    """A line of stages. The first one gets an empty iterable, what the last one yields is dropped."""

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages
        self.channels: list[Channel[Any]] = [Channel(stage.capacity) for stage in stages[:-1]]
        self.clock = ActiveClock()
        """Stands still while the line is paused."""
        self.meters = [StageMeter(stage.name, self.clock) for stage in stages]
        self._error: BaseException | None = None
        self._cancelled = self._aborted = False
        self._may_run = threading.Event()
        self._may_run.set()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run_stage, args=(i,), name=f"birefnet-video {stage.name}")
            for i, stage in enumerate(stages)
        ]

    def start(self) -> None:
        """Start all threads."""
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:
            self._abort()
            raise

    def cancel(self) -> None:
        """Stop without an error. Each stage ends at its next hand-over and cleans up."""
        with self._lock:
            self._cancelled = True
        self._abort()

    def pause(self) -> None:
        """Take nothing more into the line; what is on its way goes through."""
        with self._lock:
            if not self._aborted:
                self._may_run.clear()
                self.clock.stop()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._lock:
            self.clock.start()
            self._may_run.set()

    def join(self) -> bool:
        """Wait for all threads.

        Returns:
            True if every item went through, False if the line was cancelled.

        Raises:
            BaseException: the first error of any stage, with its traceback.
        """
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        if self._error is not None:
            raise self._error
        return not self._cancelled

    def _run_stage(self, index: int) -> None:
        source: Iterable[Any] = self.channels[index - 1] if index else ()
        target = self.channels[index] if index < len(self.channels) else None
        meter = self.meters[index]
        try:
            work = self.stages[index].work(meter.waiting(source))
            with closing(work) as items, suppress(Left):  # type: ignore[type-var]
                for item in meter.working(items):
                    if not index:
                        self._may_run.wait()
                    if target is not None:
                        target.put(item)
            if target is not None:
                target.close()
            if index:
                # A stage may have had enough before its items ended: nobody waits for it then.
                self.channels[index - 1].leave()
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - the thread border: join() raises it in the caller
            with self._lock:
                if self._error is None and not self._cancelled:
                    self._error = error
            self._abort()

    def _abort(self) -> None:
        with self._lock:
            self._aborted = True
            self.clock.start()
            self._may_run.set()
        for channel in self.channels:
            channel.abort()

    def snapshots(self) -> tuple[StageSnapshot, ...]:
        """The stages at this moment, with what waits behind each. Cheap, from any thread."""
        queued = [len(channel) for channel in self.channels] + [0]
        capacities = [channel.capacity for channel in self.channels] + [0]
        return tuple(
            StageSnapshot(
                name=meter.name,
                items=meter.items,
                busy_s=meter.busy_s,
                queued=waiting,
                capacity=capacity,
                waited_in_s=meter.waited_in_s,
                waited_out_s=meter.waited_out_s,
                median_s=meter.percentile_s(0.5),
                slow_s=meter.percentile_s(0.95),
            )
            for meter, waiting, capacity in zip(self.meters, queued, capacities, strict=True)
        )
