"""Workers that are threads of the test, with a network that needs no torch."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import evolve
from packets import packets
from stubs import open_stub

from birefnet_video.backends.base import BackendInfo
from birefnet_video.events import JobEvent
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.pipeline.line import Line
from birefnet_video.types import Preview
from birefnet_video.workers import opening
from birefnet_video.workers.segment_worker import SegmentWorker
from birefnet_video.workers.tasks import Brief, Done, Task
from birefnet_video.workers.worker import WorkerLost

#: Called before each segment; may raise.
Fault = Callable[[Task], None]


class ThreadWorker:
    """A worker in this process."""

    def __init__(self, name: str, brief: Brief, load: OpenBackend, fault: Fault = lambda task: None) -> None:
        self.name = name
        # Through JSON, as all go.
        self._brief, self._load = Brief.from_json(brief.to_json()), load
        self._inner = SegmentWorker(lambda message: None, load)
        self._fault = fault
        self._is_closed = threading.Event()
        self.made: list[int] = []
        self.others = 0
        """How many more there may be in its place."""

    @property
    def line(self) -> Line | None:
        """That makes a segment just now."""
        return self._inner._line

    def open(self) -> BackendInfo:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        return self._inner.open(self._brief)

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._fault(task)
        if self._is_closed.is_set():
            raise WorkerLost(f"{self.name} was stopped")
        done = self._inner.render(task, told)
        self.made.append(task.number)
        return Done.from_json(done.to_json(), self._brief.plan.info.time_base)

    def pause(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._inner.pause()

    def resume(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._inner.resume()

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        return self._inner.preview(width, height, zoom, at)

    def again(self) -> "ThreadWorker | None":
        """See :class:`birefnet_video.workers.worker.Worker`."""
        if not self.others:
            return None
        other = type(self)(self.name, self._brief, self._load, self._fault)
        other.made, other.others = self.made, self.others - 1
        return other

    def close(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._is_closed.set()
        self._inner.stop()


def crew_job(
    spec: JobSpec,
    monkeypatch: pytest.MonkeyPatch,
    faults: Sequence[Fault] = (lambda task: None, lambda task: None),
    load: OpenBackend | None = None,
    others: int = 0,
) -> tuple[Job, list[JobEvent], list[ThreadWorker]]:
    """A job of workers, one for each fault, each with so many more for its place, that has not been started."""
    hired: list[ThreadWorker] = []

    def hire(brief: Brief, notify: object, kept: object) -> list[ThreadWorker]:
        new = [
            ThreadWorker(f"worker {number}", brief, load or open_stub(), fault)
            for number, fault in enumerate(faults, 1)
        ]
        for worker in new:
            worker.others = others
        hired.extend(new)
        return new

    monkeypatch.setattr(opening, "hire", hire)
    job, events = Job(spec), []
    job.subscribe(events.append)
    return job, events, hired


def left_in(folder: Path) -> list[str]:
    """Names of all files in a folder and below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def begun(spec: JobSpec) -> tuple[Job, list[JobEvent]]:
    """A job that has been started, and the list that its events go to."""
    job, events = Job(spec), list[JobEvent]()
    job.subscribe(events.append)
    job.start()
    return job, events


def alone(spec: JobSpec, folder: Path) -> list[Path]:
    """The outputs of the same render by one process, in a new folder."""
    folder.mkdir()
    outputs = tuple(evolve(each, path=folder / each.path.name) for each in spec.outputs)
    writing = evolve(spec.writing, workers=None, ray=None)
    job = Job(evolve(spec, outputs=outputs, writing=writing), open_backend=open_stub())
    job.start()
    job.result()
    return [each.path for each in outputs]


def check_whole(spec: JobSpec, folder: Path) -> None:
    """Compare outputs packet by packet with what one process makes."""
    for mine, whole in zip(spec.outputs, alone(spec, folder), strict=True):
        assert packets(mine.path) == packets(whole)
