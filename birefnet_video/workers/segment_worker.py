"""Makes segments of one render after another, with a network that stays open."""

import threading
from collections.abc import Callable
from dataclasses import replace

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.registry import open_backend
from birefnet_video.errors import BirefnetVideoError
from birefnet_video.inputs.reader import Notify
from birefnet_video.pipeline.assemble import OpenBackend, open_plan
from birefnet_video.pipeline.guiding import network_of
from birefnet_video.pipeline.line import Line
from birefnet_video.pipeline.reach import LEAD, TRAIL
from birefnet_video.pipeline.share import Share
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.types import Preview
from birefnet_video.workers.tasks import Brief, Done, Task


class SegmentWorker:
    """Makes one segment after another. One thread opens and renders; all else from any."""

    def __init__(self, notify: Notify, load: OpenBackend = open_backend) -> None:
        """
        Args:
            notify: takes what a user should know.
            load: loads a network.
        """
        self._notify = notify
        self._brief: Brief | None = None
        self._network = SharedNetwork(load)
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._is_paused = False
        self._picture: Preview | None = None

    def open(self, brief: Brief) -> BackendInfo:
        """Load the network of a render, unless that of the one before is the same.

        Args:
            brief: of the render whose segments will be asked for.

        Raises:
            BirefnetVideoError: if it cannot be loaded.
        """
        # Who hands out the work has told them.
        plan = replace(brief.plan, notes=())
        self._brief, self._is_paused, self._picture = replace(brief, plan=plan), False, None
        backend = self._network.open(network_of(plan), plan.info, self._notify)
        self._network.settle(failed=False)
        return backend.info

    def render(self, task: Task, told: Callable[[int], None]) -> Done:
        """Make a segment.

        Args:
            task: which one.
            told: takes how many more of its frames lie on the disk; called on another thread.

        Raises:
            NotAsListed: if the frames are not those that the brief says.
            BirefnetVideoError: if it cannot be made.
        """
        brief = self._brief
        assert brief is not None  # opened before
        mode = brief.plan.spec.matte.smooth
        share = Share(
            number=task.number,
            attempt=task.attempt,
            first=task.first,
            after=task.after,
            timeline=brief.timeline,
            reach=(LEAD[mode], TRAIL[mode]),
            told=told,
        )
        line = open_plan(brief.plan, self._notify, self._network.open, stretch=share)
        is_done = False
        try:
            with self._lock:
                if self._is_paused:
                    line.runner.pause()
                self._line = line
            line.runner.start()
            if not line.runner.join():
                raise BirefnetVideoError("the worker was stopped")
            is_done = True
        finally:
            with self._lock:
                self._line = None
            line.close(keep=None if is_done else False, tell=self._notify)
            self._network.settle(failed=not is_done)
        damage, flicker = tuple(line.damage()), line.flicker()
        return Done(task=task, parts=tuple(share.parts()), damage=damage, flicker=flicker)

    def pause(self) -> None:
        """Read no further; what is on its way is finished."""
        with self._lock:
            self._is_paused = True
            if self._line is not None:
                self._line.runner.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._lock:
            self._is_paused = False
            if self._line is not None:
                self._line.runner.resume()

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        """See :meth:`birefnet_video.workers.worker.Worker.preview`."""
        with self._lock:
            if self._line is not None:
                self._picture = self._line.tap.ask(width, height, zoom, at) or self._picture
            return self._picture

    def stop(self) -> None:
        """End what is being made; :meth:`render` raises."""
        with self._lock:
            if self._line is not None:
                self._line.runner.cancel()

    def close(self) -> None:
        """Free the device."""
        self._network.close()
