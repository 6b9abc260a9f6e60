"""Workers that are actors of a Ray cluster: only tasks, reports and paths travel, files lie on shared storage."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from birefnet_video.backends.base import BackendInfo
from birefnet_video.commit import full_version
from birefnet_video.errors import BackendUnavailable, InputMissing, OutputRefused, first_line
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.serial import converter, structured
from birefnet_video.outputs.segments import folder_of
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.types import Step
from birefnet_video.workers.segment_worker import SegmentWorker
from birefnet_video.workers.tasks import Brief, Done, Task, error_from_json, error_to_json
from birefnet_video.workers.worker import WorkerLost

#: Seconds from one look at how far a worker is to the next.
_LOOK_S = 0.5
#: Seconds after which a user is told that no machine has room for a worker.
_ROOM_S = 30.0


class Cluster:
    """A connection to a Ray cluster, for as long as somebody uses it. From any thread."""

    def __init__(self, address: str) -> None:
        """
        Args:
            address: of its head, or ``auto``.

        Raises:
            BackendUnavailable: if the extra is missing or there is no such cluster.
        """
        try:
            import ray
        except ImportError:
            raise BackendUnavailable("--ray: Ray is not installed", hint="pip install 'birefnet-video[ray]'") from None
        self.ray = ray
        self._users, self._lock = 0, threading.Lock()
        self._is_ours = not ray.is_initialized()
        if not self._is_ours:
            return
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            why = first_line(error)
            raise BackendUnavailable(f"--ray {address}: {why}", hint="ray start --head begins a cluster") from None

    @property
    def gpus(self) -> int:
        """In all nodes."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    @property
    def nodes(self) -> int:
        """That are alive."""
        return sum(1 for node in self.ray.nodes() if node["Alive"])

    def enter(self) -> None:
        """Somebody uses it."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Somebody does not any more; the last one disconnects."""
        with self._lock:
            self._users -= 1
            if not self._users and self._is_ours:
                self.ray.shutdown()


class RayWorker:
    """A :class:`birefnet_video.workers.worker.Worker` somewhere in a cluster."""

    def __init__(self, name: str, brief: Brief, notify: Notify, cluster: Cluster, needs: dict[str, float]) -> None:
        """
        Args:
            name: as users know it.
            brief: of the render; says which device.
            notify: takes what a user should know; called on the thread that uses the worker.
            cluster: that it runs in.
            needs: what Ray reserves for it: ``num_cpus``, ``num_gpus``.
        """
        self.name = self._asked = name
        self._brief, self._notify, self._cluster = brief, notify, cluster
        self._needs = needs
        self._actor: Any = None
        self._is_closed = threading.Event()
        cluster.enter()

    def open(self) -> BackendInfo:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        ray = self._cluster.ray
        # Opening and rendering need one thread; questions are answered meanwhile.
        remote = ray.remote(
            concurrency_groups={"render": 1, "ask": 2},
            scheduling_strategy="SPREAD",
            max_restarts=0,
            **self._needs,
        )(Actor)
        self._actor = remote.remote(self._brief.to_json(), full_version())
        self._await_room()
        answer = self._wait(self._actor.open.options(concurrency_group="render").remote(), lambda count: None)
        self.name = f"{self.name} on {answer['node']}"
        return structured(answer["info"], BackendInfo)

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        asked = self._actor.render.options(concurrency_group="render").remote(task.to_json())
        return Done.from_json(self._wait(asked, told), self._brief.plan.info.time_base)

    def pause(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._ask("pause")

    def resume(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._ask("resume")

    def close(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        with suppress(Exception):
            if self._actor is not None:
                self._cluster.ray.kill(self._actor, no_restart=True)
        self._cluster.leave()

    def again(self) -> "RayWorker":
        """See :class:`birefnet_video.workers.worker.Worker`; on whatever machine has room."""
        return RayWorker(self._asked, self._brief, self._notify, self._cluster, self._needs)

    def _await_room(self) -> None:
        """Say so if no machine has room: Ray waits for one, and asks for one where it can."""
        ray = self._cluster.ray
        with suppress(ray.exceptions.RayError):
            here = self._actor.news.options(concurrency_group="ask").remote()
            if not ray.wait([here], timeout=_ROOM_S)[0]:
                self._notify(f"{self.name}: no machine of the cluster has room for it: it waits for one")

    def _ask(self, what: str) -> None:
        actor = self._actor
        if actor is not None and not self._is_closed.is_set():
            getattr(actor, what).options(concurrency_group="ask").remote()

    def _wait(self, asked: Any, told: Callable[[int], None]) -> Any:
        """
        Raises:
            NotAsListed, BirefnetVideoError: what has gone wrong there.
            WorkerLost: if it, or its machine, has gone away.
        """
        ray = self._cluster.ray
        try:
            while True:
                ready, _ = ray.wait([asked], timeout=_LOOK_S)
                news = ray.get(self._actor.news.options(concurrency_group="ask").remote(), timeout=None)
                told(news["stored"])
                for kind, text in news["said"]:
                    self._notify(Step(text) if kind == "step" else text)
                if ready:
                    answer = ray.get(asked)
                    break
        except ray.exceptions.RayError as error:
            why = "was stopped" if self._is_closed.is_set() else f"has gone away: {first_line(error)}"
            raise WorkerLost(f"{self.name} {why}") from None
        if "failed" in answer:
            failed = answer["failed"]
            raise NotAsListed if failed["type"] == NotAsListed.__name__ else error_from_json(failed)
        return answer["done"]


class Actor:
    """What Ray starts on a machine of the cluster. Its answers hold ``done`` or ``failed``."""

    def __init__(self, brief: dict[str, Any], version: str) -> None:
        """
        Args:
            brief: of :class:`Brief`, as JSON values.
            version: of the program that asks.
        """
        self._brief, self._version = brief, version
        self._lock = threading.Lock()
        self._stored, self._said = 0, list[tuple[str, str]]()
        self._worker: SegmentWorker | None = None

    def open(self) -> dict[str, Any]:
        """See :meth:`SegmentWorker.open`."""
        return _answered(self._open)

    def render(self, task: Sequence[int]) -> dict[str, Any]:
        """See :meth:`SegmentWorker.render`."""
        worker = self._worker
        assert worker is not None  # opened before
        return _answered(lambda: worker.render(Task.from_json(list(task)), self._told).to_json())

    def news(self) -> dict[str, Any]:
        """Frames that lie on the disk and what was said since the last time."""
        with self._lock:
            news = {"stored": self._stored, "said": self._said}
            self._stored, self._said = 0, []
        return news

    def pause(self) -> None:
        """See :meth:`SegmentWorker.pause`."""
        if self._worker is not None:
            self._worker.pause()

    def resume(self) -> None:
        """See :meth:`SegmentWorker.resume`."""
        if self._worker is not None:
            self._worker.resume()

    def _open(self) -> dict[str, Any]:
        import socket

        node = socket.gethostname()
        if full_version() != self._version:
            raise BackendUnavailable(f"{node} has birefnet-video {full_version()}, this machine {self._version}")
        brief = Brief.from_json(self._brief)
        _check_shared(brief, node)
        self._worker = SegmentWorker(brief, self._notify)
        return {"info": converter().unstructure(self._worker.open()), "node": node}

    def _notify(self, message: str) -> None:
        with self._lock:
            self._said.append(("step" if isinstance(message, Step) else "notice", str(message)))

    def _told(self, count: int) -> None:
        with self._lock:
            self._stored += count


def _answered(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"done": work()}
    except Exception as error:  # noqa: BLE001 - the process border: who waits must be told
        return {"failed": error_to_json(error)}


def _check_shared(brief: Brief, node: str) -> None:
    """
    Raises:
        InputMissing, OutputRefused: if files are not those of the machine that asks.
    """
    shared = "input and outputs lie where all machines see them, under the same path"
    source = Path(brief.plan.info.path)
    if brief.plan.info.sequence is None and not source.is_file():
        raise InputMissing(f"{source}: is not there on {node}", hint=shared)
    for output in brief.plan.outputs:
        if not folder_of(output.spec.path).is_dir():
            raise OutputRefused(f"{output.spec.path}: its folder is not there on {node}", hint=shared)
