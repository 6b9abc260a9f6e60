"""Workers that are actors of a Ray cluster: tasks and reports travel with Ray, files only if no storage is shared."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from birefnet_video.backends.base import BackendInfo
from birefnet_video.commit import full_version
from birefnet_video.errors import first_line
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.serial import structured
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.types import Preview, Step
from birefnet_video.workers.cluster import Cluster
from birefnet_video.workers.kept import KeptWorkers
from birefnet_video.workers.picture import picture_from_json
from birefnet_video.workers.ray_actor import Actor
from birefnet_video.workers.sharing import Sharing
from birefnet_video.workers.tasks import Brief, Done, Task, error_from_json
from birefnet_video.workers.worker import WorkerLost

#: Seconds from one look at how far a worker is to the next.
_LOOK_S = 0.5
#: Seconds after which a user is told that no machine has room for a worker.
_ROOM_S = 30.0
#: Seconds that an actor has to tidy up.
_LEAVE_S = 2.0


class RayWorker:
    """A :class:`birefnet_video.workers.worker.Worker` somewhere in a cluster."""

    def __init__(
        self,
        name: str,
        brief: Brief,
        notify: Notify,
        cluster: Cluster,
        sharing: Sharing,
        needs: dict[str, float],
        kept: KeptWorkers | None = None,
    ) -> None:
        """
        Args:
            name: as users know it.
            brief: of the render; says which device.
            notify: takes what a user should know; called on the thread that uses the worker.
            cluster: that it runs in.
            sharing: files that it may not see.
            needs: what Ray reserves for it: ``num_cpus``, ``num_gpus``.
            kept: actors of earlier renders, and of this one for later ones; ``None``: none are kept.
        """
        self.name = self._asked = name
        self._brief, self._notify, self._cluster, self._sharing = brief, notify, cluster, sharing
        self._needs, self._kept = needs, kept
        self._actor: Any = None
        self._is_closed = threading.Event()
        self._is_idle = False
        self._wish: Sequence[Any] | None = None
        self._picture: Preview | None = None
        cluster.enter()
        sharing.enter()

    def open(self) -> BackendInfo:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        seen = self._look()
        self.name = f"{self._asked} on {seen['node']}"
        unseen = seen["unseen"]
        url = self._sharing.offer(unseen, seen["address"], self.name) if unseen else None
        self._is_idle = False
        answer = self._wait(self._call("open", self._brief.to_json(), unseen, url), lambda count: None)
        # By the name that the user knows, wherever it has been fetched to.
        return replace(structured(answer, BackendInfo), model=self._brief.plan.spec.backend.model)

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._is_idle = False
        parts = self._sharing.expect(task)
        try:
            answer = self._wait(self._call("render", task.to_json()), told)
        finally:
            self._sharing.forget(parts)
        return Done.from_json(answer, self._brief.plan.info.time_base)

    def pause(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._ask("pause")

    def resume(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`."""
        self._ask("resume")

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :class:`birefnet_video.workers.worker.Worker`; comes with the next report."""
        self._wish = (width, height, zoom, at)
        return self._picture

    def again(self) -> "RayWorker":
        """See :class:`birefnet_video.workers.worker.Worker`; on whatever machine has room."""
        return RayWorker(self._asked, self._brief, self._notify, self._cluster, self._sharing, self._needs, self._kept)

    def close(self) -> None:
        """See :class:`birefnet_video.workers.worker.Worker`; an actor that does nothing may be kept."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        actor, ray = self._actor, self._cluster.ray
        if actor is not None and self._kept is not None and self._is_idle:
            actor.tidy.options(concurrency_group="ask").remote()
            self._kept.give(self._key, actor, lambda: _end(actor, ray))
        elif actor is not None:
            _end(actor, ray)
        self._sharing.leave()
        self._cluster.leave()

    @property
    def _key(self) -> tuple[object, ...]:
        return self._cluster.address, *sorted(self._needs.items())

    def _look(self) -> Any:
        """What a kept actor sees, or a new one if there is none or it is gone.

        Raises:
            BirefnetVideoError: if it is of another version.
            WorkerLost: if it ends meanwhile.
        """
        asked = self._sharing.needed.to_json(), full_version()
        if self._kept is not None and (kept := self._kept.take(self._key)) is not None:
            self._actor = kept
            # Its machine may have gone since.
            with suppress(WorkerLost):
                return self._wait(self._call("look", *asked), lambda count: None)
        self._actor = self._begin()
        if self._is_closed.is_set():
            # Closed before there was one.
            _end(self._actor, self._cluster.ray)
        self._await_room()
        return self._wait(self._call("look", *asked), lambda count: None)

    def _begin(self) -> Any:
        """An actor, wherever there is room: Ray waits for it, and asks for a machine where it can."""
        ray = self._cluster.ray
        # Opening and rendering need one thread; questions are answered meanwhile.
        remote = ray.remote(
            concurrency_groups={"render": 1, "ask": 2},
            scheduling_strategy="SPREAD",
            max_restarts=0,
            **self._needs,
        )(Actor)
        return remote.remote()

    def _await_room(self) -> None:
        """Say so if there is none."""
        ray = self._cluster.ray
        with suppress(ray.exceptions.RayError):
            here = self._actor.news.options(concurrency_group="ask").remote()
            if not ray.wait([here], timeout=_ROOM_S)[0]:
                self._notify(f"{self.name}: no machine of the cluster has room for it: it waits for one")

    def _call(self, what: str, *arguments: Any) -> Any:
        """Have it do something; one after the other."""
        return getattr(self._actor, what).options(concurrency_group="render").remote(*arguments)

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
                # A picture for whoever has asked since the last look.
                wish, self._wish = self._wish, None
                news = ray.get(self._actor.news.options(concurrency_group="ask").remote(wish), timeout=None)
                if news["picture"] is not None:
                    self._picture = picture_from_json(news["picture"])
                told(news["stored"])
                for kind, text in news["said"]:
                    self._notify(Step(text) if kind == "step" else text)
                if ready:
                    answer = ray.get(asked)
                    break
        except ray.exceptions.RayError as error:
            why = "was stopped" if self._is_closed.is_set() else f"has gone away: {first_line(error).rstrip('.')}"
            raise WorkerLost(f"{self.name} {why}") from None
        self._is_idle = True
        if "failed" in answer:
            failed = answer["failed"]
            raise NotAsListed if failed["type"] == NotAsListed.__name__ else error_from_json(failed)
        return answer["done"]


def _end(actor: Any, ray: Any) -> None:
    """End an actor, whatever it does."""
    with suppress(Exception):
        tidied = actor.tidy.options(concurrency_group="ask").remote()
        ray.wait([tidied], timeout=_LEAVE_S)
        ray.kill(actor, no_restart=True)
