"""Workers that are processes of this machine."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from birefnet_video.backends.base import BackendInfo
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.serial import structured
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.types import Preview, Step
from birefnet_video.workers.kept import KeptWorkers
from birefnet_video.workers.picture import picture_from_json
from birefnet_video.workers.process import WorkerProcess
from birefnet_video.workers.tasks import Brief, Done, Task, error_from_json
from birefnet_video.workers.worker import WorkerLost

#: Starts the other end; files of the folder that this is started in are not taken for modules.
SERVER = (sys.executable, "-P", "-m", "birefnet_video.workers.serving")

#: Seconds between two wishes for a picture.
PREVIEW_S = 0.5


class LocalWorker:
    """A :class:`birefnet_video.workers.worker.Worker` that is a process of this machine."""

    def __init__(
        self,
        name: str,
        brief: Brief,
        notify: Notify,
        cores: Sequence[int] = (),
        command: Sequence[str] = SERVER,
        kept: KeptWorkers | None = None,
    ) -> None:
        """
        Args:
            name: as users know it.
            brief: of the render; says which device.
            notify: takes what a user should know; called on the thread that uses the worker.
            cores: processors that it may use; none: all.
            command: starts a program that answers as :mod:`birefnet_video.workers.serving` does.
            kept: processes of earlier renders, and of this one for later ones; ``None``: none are kept.
        """
        self.name = name
        self._brief, self._notify, self._cores, self._command = brief, notify, cores, command
        self._kept = kept
        self._process: WorkerProcess | None = None
        self._lock = threading.Lock()
        self._is_closed = self._is_idle = False
        self._picture: Preview | None = None
        self._asked_at = 0.0

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return self._process.pid if self._process is not None else None

    def open(self) -> BackendInfo:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        with self._lock:
            if self._is_closed:
                raise WorkerLost(f"{self.name} was stopped")
            found = self._kept.take(self._key) if self._kept is not None else None
            if found is not None and not found.is_alive:
                found.end()
                found = None
            self._process = found or WorkerProcess(self._command, self._cores)
        self._order(brief=self._brief.to_json())
        return structured(self._answer("ready", lambda count: None), BackendInfo)

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._order(render=task.to_json())
        return Done.from_json(self._answer("done", told), self._brief.plan.info.time_base)

    def pause(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        with suppress(WorkerLost):
            self._order(pause=True)

    def resume(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        with suppress(WorkerLost):
            self._order(resume=True)

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :class:`birefnet_video.workers.worker.Worker`; asks at most every so often."""
        now = time.monotonic()
        if not self._is_idle and now - self._asked_at >= PREVIEW_S:
            self._asked_at = now
            with suppress(WorkerLost):
                self._order(preview=[width, height, zoom, at])
        return self._picture

    def again(self) -> "LocalWorker":
        """See :class:`birefnet_video.workers.worker.Worker`."""
        return LocalWorker(self.name, self._brief, self._notify, self._cores, self._command, self._kept)

    def close(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`; a process that does nothing may be kept."""
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
        if process is None:
            return
        if self._kept is not None and self._is_idle and process.is_alive:
            self._kept.give(self._key, process, process.end)
        else:
            process.end()

    @property
    def _key(self) -> tuple[object, ...]:
        return tuple(self._command), tuple(self._cores), self._brief.plan.spec.backend.device

    def _order(self, **values: Any) -> None:
        with self._lock:
            if self._process is None:
                raise WorkerLost(f"{self.name} was stopped")
            self._is_idle = self._is_idle and not values.keys() & {"brief", "render"}
            self._process.order(**values)

    def _answer(self, wanted: str, told: Callable[[int], None]) -> Any:
        """The next answer of one kind; others are seen to meanwhile.

        Raises:
            NotAsListed, BirefnetVideoError: what has gone wrong there.
            WorkerLost: if the process ends before.
        """
        process = self._process
        if process is None:
            raise WorkerLost(f"{self.name} was stopped")
        for kind, values in process.answers():
            if kind == wanted:
                self._is_idle = True
                return values
            if kind == "picture":
                self._picture = picture_from_json(values)
            elif kind == "stored":
                told(values)
            elif kind == "failed":
                self._is_idle = wanted == "done"
                raise NotAsListed if values["type"] == NotAsListed.__name__ else error_from_json(values)
            else:
                self._notify(Step(values) if kind == "step" else values)
        raise WorkerLost(f"{self.name} has ended without a word, {process.last_words()}")
