"""Workers that are processes of this machine."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from birefnet_video.backends.base import BackendInfo
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.serial import structured
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.types import Step
from birefnet_video.workers.tasks import Brief, Done, Task, error_from_json
from birefnet_video.workers.worker import WorkerLost

#: Starts the other end; files of the folder that this is started in are not taken for modules.
SERVER = (sys.executable, "-P", "-m", "birefnet_video.workers.serving")
#: Seconds that a process has to end by itself.
_LEAVE_S = 2.0


class LocalWorker:
    """A :class:`birefnet_video.workers.worker.Worker` that is a process of this machine."""

    def __init__(
        self,
        name: str,
        brief: Brief,
        notify: Notify,
        cores: Sequence[int] = (),
        command: Sequence[str] = SERVER,
    ) -> None:
        """
        Args:
            name: as users know it.
            brief: of the render; says which device.
            notify: takes what a user should know; called on the thread that uses the worker.
            cores: processors that it may use; none: all.
            command: starts a program that answers as :mod:`birefnet_video.workers.serving` does.
        """
        self.name = name
        self._brief, self._notify, self._cores, self._command = brief, notify, cores, command
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open until the worker is closed
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return self._process.pid if self._process is not None else None

    def open(self) -> BackendInfo:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        with self._lock:
            if self._is_closed:
                raise WorkerLost(f"{self.name} was stopped")
            # A terminal's Ctrl-C is for who hands out the work.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
            )
        self._order(brief=self._brief.to_json(), cores=list(self._cores))
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

    def again(self) -> "LocalWorker":
        """See :class:`birefnet_video.workers.worker.Worker`."""
        return LocalWorker(self.name, self._brief, self._notify, self._cores, self._command)

    def close(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # a pipe
        try:
            process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]  # a pipe
        self._said.close()

    def _order(self, **values: Any) -> None:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                raise WorkerLost(f"{self.name} was stopped")
            try:
                process.stdin.write(json.dumps(values).encode() + b"\n")
                process.stdin.flush()
            except OSError:
                # Why, is said where its answer does not come.
                return

    def _answer(self, wanted: str, told: Callable[[int], None]) -> Any:
        """The next answer of one kind; others are seen to meanwhile.

        Raises:
            NotAsListed, BirefnetVideoError: what has gone wrong there.
            WorkerLost: if the process ends before.
        """
        process = self._process
        if process is None or process.stdout is None:
            raise WorkerLost(f"{self.name} was stopped")
        try:
            for line in process.stdout:
                for kind, values in json.loads(line).items():
                    if kind == wanted:
                        return values
                    if kind == "stored":
                        told(values)
                    elif kind == "failed":
                        raise NotAsListed if values["type"] == NotAsListed.__name__ else error_from_json(values)
                    else:
                        self._notify(Step(values) if kind == "step" else values)
        except ValueError:
            # Half a line, or a pipe that was closed meanwhile.
            pass
        raise WorkerLost(f"{self.name} has ended without a word, {self._last_words(process)}")

    def _last_words(self, process: "subprocess.Popen[bytes]") -> str:
        code = process.wait()
        with suppress(OSError, ValueError):
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            return f"with code {code}{': ' + lines[-1] if lines else ''}"
        return f"with code {code}"
