"""A camera, a network and outputs, on two threads: one takes pictures, the other makes mattes of the latest."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

from attrs import evolve

from birefnet_video.backends.registry import load_backend
from birefnet_video.devices.camera import Camera, is_camera, look_for_camera, open_camera
from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.events import LiveSnapshot, LiveState, SubjectNoted
from birefnet_video.live.camera_thread import CameraThread, Caught, OpenCamera
from birefnet_video.live.framing import Framing
from birefnet_video.live.latest import LatestSlot
from birefnet_video.live.live_matting import LiveMatting, seen_closer
from birefnet_video.live.numbers import LiveNumbers
from birefnet_video.live.outputs import LiveOutputs
from birefnet_video.live.quality_ladder import OpenBackend, QualityLadder
from birefnet_video.live.subjects import LiveSubjects
from birefnet_video.live.watchers import has_audience, require_known_audience
from birefnet_video.options.backgrounds import Background
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.prompts import NOBODY, Prompt, Prompts, as_prompts
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.types import Frame, Preview
from birefnet_video.words import told_once

#: Height and width of most cameras' pictures, which the network is made ready for before the camera is switched on.
_USUAL = (480, 640)
#: Times by which a matte must be enlarged for the picture's edges to help enough for what they cost.
_REFINED_FROM = 2.0


class LiveSession:
    """Runs one :class:`LiveSpec` on threads of its own. Its settings can be changed while it runs, from any thread."""

    def __init__(
        self,
        spec: LiveSpec,
        *,
        open_camera: OpenCamera | None = None,
        open_backend: OpenBackend | None = None,
        notify: Callable[[str], None] = lambda message: None,
        on_subject: Callable[[SubjectNoted], None] = lambda noted: None,
    ) -> None:
        """
        Args:
            spec: what to do.
            open_camera: ``None``: what the spec names.
            open_backend: loads the network; ``None``: the registry's.
            notify: takes what a user should know; called on the session's threads.
            on_subject: takes what becomes of subjects; called on the session's thread.

        Raises:
            UsageError: if what is said of subjects is nothing that can be followed.
        """
        self.spec = spec
        self.error: BaseException | None = None
        """Why it failed."""
        self.was_lost = False
        """A subject was lost, or may be somebody else: what ``--strict-subject`` minds."""
        self._look_for_camera = open_camera is None
        self._open_camera = open_camera or (lambda: _camera_of(spec))
        self._notify = notify
        # The same file is loaded for each size that is tried.
        load = open_backend or partial(load_backend, tell=told_once(notify))
        self._ladder = QualityLadder(spec, load, notify)
        self._matte = spec.matte
        self._mirror = spec.camera.mirror
        self._on_subject = on_subject
        self._subjects = LiveSubjects(spec.matte.prompts(), self._note, notify)
        self._backgrounds: SimpleQueue[Background] = SimpleQueue()
        self._frozen = threading.Event()
        self._asked_to_end, self._stop = threading.Event(), threading.Event()
        self._slot: LatestSlot[Caught] = LatestSlot()
        self._tap = PreviewTap()
        self._numbers = LiveNumbers()
        self._state = LiveState.STARTING
        self._taker = CameraThread(self._open_camera, self._slot, self._stop, notify, is_watched=self._is_watched)
        self._device: str | None = None
        self._framing: Framing
        self._started_at = self._ended_at = 0.0
        self._thread = threading.Thread(target=self._run, name="birefnet-video live")

    def start(self) -> None:
        """Begin. Returns at once."""
        self._started_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End, and finish recordings. Returns at once."""
        self._asked_to_end.set()
        self._stop.set()
        self._slot.close()

    def wait(self, timeout_s: float | None = None) -> LiveState:
        """Wait for the end, or for ``timeout_s`` seconds."""
        self._thread.join(timeout_s)
        return self._state

    def set_background(self, background: Background) -> None:
        """Change what lies behind the subject, from the next picture on."""
        self._backgrounds.put(background)

    def set_threshold(self, threshold: float | None) -> None:
        """Make edges hard from this alpha on; ``None``: soft."""
        self._matte = evolve(self._matte, threshold=threshold)

    def set_mirror(self, mirror: bool) -> None:
        """Show left as right, as a mirror does."""
        self._mirror = mirror

    def set_subject(
        self, meant: "str | Prompt | Prompts | Iterable[str | Prompt] | None", *, keep: bool = False
    ) -> None:
        """Say who is meant, from the next picture on.

        Args:
            meant: prompts as of ``--subject``, ``not:`` before what is not meant; lengths are of the picture as it is
                sent. ``None``: everything is kept again. What does not fit the picture is told and changes nothing.
            keep: so is who was named before, unless named anew.

        Raises:
            UsageError: if a text is no prompt.
        """
        said = NOBODY if meant is None else as_prompts(meant)
        self._subjects.wish(said, keep=keep and meant is not None)

    def freeze(self, frozen: bool) -> None:
        """Keep the picture that was shown last, or go on."""
        (self._frozen.set if frozen else self._frozen.clear)()

    def preview(self, width: int, height: int, zoom: int = 1, at: tuple[float, float] | None = None) -> Preview | None:
        """As of :meth:`birefnet_video.jobs.Job.preview`."""
        return self._tap.ask(width, height, zoom, at)

    def snapshot(self) -> LiveSnapshot:
        """The session at this moment. Cheap, from any thread."""
        now = self._ended_at or time.monotonic()
        state = self._state
        if state is LiveState.LIVE:
            state = self._taker.absent or (LiveState.FROZEN if self._frozen.is_set() else state)
        return LiveSnapshot(
            state=state,
            elapsed_s=now - self._started_at if self._started_at else 0.0,
            taken=self._taker.taken,
            dropped=self._slot.dropped + self._numbers.passed_over,
            size=self._ladder.size,
            reconnects=self._taker.reconnects,
            mirror=self._mirror,
            threshold=self._matte.threshold,
            subjects=self._subjects.states,
            **self._numbers.values(),
        )

    def _run(self) -> None:
        try:
            self._work()
            self._state = LiveState.ENDED
        except BaseException as error:  # noqa: BLE001 - the thread border: whoever waits looks at it
            # A terminal's Ctrl-C also ends the processes that build for this one.
            was_loading = self._state is LiveState.STARTING and self._asked_to_end.is_set()
            self.error = None if was_loading else error
            self._state = LiveState.ENDED if was_loading else LiveState.FAILED
        finally:
            self._stop.set()
            # What lay in the slot at the end, too.
            self._numbers.passed_over = self._taker.taken - self._numbers.shown - self._slot.dropped
            self._ended_at = time.monotonic()

    def _work(self) -> None:
        camera: Camera | None = None
        outputs: LiveOutputs | None = None
        try:
            if self.spec.shown.only_watched:
                require_known_audience()
            if is_camera(self.spec.source):
                # The network first, and then the camera with its light.
                if self._look_for_camera:
                    look_for_camera(self.spec.source)
                self._ladder.warm(*(self.spec.camera.camera_size or _USUAL)[::-1])
            camera = self._open_camera()
            if self.spec.shown.only_watched and not camera.is_device:
                raise UsageError("--only-watched: is for cameras, which can be switched on again")
            self._subjects.check(camera.info, self.spec.pace.duration)
            self._framing = Framing(camera.info)
            info = self._framing.info
            outputs = LiveOutputs(self.spec, info, self._notify)
            self._device = outputs.device
            if camera.is_device:
                # What it films while a network is loaded must not be seen late.
                self._taker.start(camera)
            if not self._ladder.fits(info.width, info.height):
                self._ladder.warm(info.width, info.height)
            if not camera.is_device:
                self._taker.start(camera)
            self._state = LiveState.LIVE
            self._show_all(outputs)
        finally:
            self._stop.set()
            try:
                if outputs is not None:
                    outputs.finish()
            finally:
                if camera is not None:
                    self._taker.finish(camera)
                self._ladder.close()

    def _is_watched(self) -> bool:
        return not self.spec.shown.only_watched or self._device is None or has_audience(self._device)

    def _show_all(self, outputs: LiveOutputs) -> None:
        framing, duration = self._framing, self.spec.pace.duration
        self._subjects.take(framing.info)
        matting, subjects = self._matting(outputs)
        matter = LiveMatting(matting, framing.info, steady=self._matte.smooth != "off", subjects=subjects)
        try:
            while (caught := self._slot.take(framing.left_s(duration))) is not None and not self._stop.is_set():
                if framing.since_first_s(caught.taken) >= (math.inf if duration is None else duration):
                    break
                if self._frozen.is_set():
                    self._numbers.passed_over += 1
                    continue
                if self._adapt(matter, outputs):
                    matting = replace(matting, compositor=outputs.compositor(matting.info.device))
                if self._subjects.take(framing.info):
                    matting, subjects = self._matting(outputs)
                    matter.use(matting, subjects)
                if framing.is_other_camera(caught):
                    self._subjects.break_off()
                self._show(framing.frame(caught), matter, matting, outputs)
                if self._steps_down(self._numbers.note(caught.taken.at, matter.network_s, matter.looks)):
                    matting, subjects = self._matting(outputs)
                    matter.use(matting, subjects)
            self._subjects.end()
        finally:
            matter.close()
        if self._taker.error is not None:
            raise self._taker.error

    def _steps_down(self, latency_s: float | None) -> bool:
        """Whether a smaller network is there, because pictures come out too late; ``None``: that is not judged now."""
        size = self._framing.info.width, self._framing.info.height
        if latency_s is None or self._ladder.step_down(*size, latency_s) is None:
            return False
        self._numbers.forget_latency()
        return True

    def _matting(self, outputs: LiveOutputs) -> tuple[Matting, LiveSubjects | None]:
        """The network in use with views for those who are followed now."""
        backend, info = self._ladder.backend, self._framing.info
        assert backend is not None
        compositor = outputs.compositor(backend.info.device)
        if not self._subjects.are_wanted:
            return Matting(backend, compositor), None
        return Matting(seen_closer(backend, info), compositor), self._subjects

    def _note(self, noted: SubjectNoted) -> None:
        self.was_lost = self.was_lost or noted.counts
        self._on_subject(noted)

    def _adapt(self, matter: LiveMatting, outputs: LiveOutputs) -> bool:
        """Take what was changed while it runs; whether outputs are to be composed otherwise."""
        changed = self._framing.mirror(wanted=self._mirror)
        if changed:
            outputs.set_info(self._framing.info)
            matter.set_info(self._framing.info)
        wanted: Background | None = None
        while not self._backgrounds.empty():
            wanted = self._backgrounds.get()
        if wanted is not None:
            try:
                outputs.set_background(wanted)
                changed = True
            except BirefnetVideoError as error:
                self._notify(str(error))
        return changed

    def _show(self, frame: Frame, matter: LiveMatting, matting: Matting, outputs: LiveOutputs) -> None:
        matte, info = matter.matte(frame), self._framing.info
        edit = self._matte
        if max(info.height / matte.alpha.shape[0], info.width / matte.alpha.shape[1]) < _REFINED_FROM:
            edit = evolve(edit, refine=False)
        made = matting.compose(matte, edit)
        outputs.show(made)
        self._tap.offer(made.cutout, info, lambda size: outputs.sent(made.cutout(), size))


def _camera_of(spec: LiveSpec) -> Camera:
    return open_camera(spec.source, spec.camera)
