"""A camera, a network and outputs, on two threads: one takes pictures, the other makes mattes of the latest."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from queue import SimpleQueue

from attrs import evolve

from birefnet_video.backends.registry import load_backend
from birefnet_video.devices.camera import Camera, Taken, is_camera, look_for_camera, open_camera
from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.events import LiveSnapshot, LiveState
from birefnet_video.live.camera_thread import CameraThread, OpenCamera
from birefnet_video.live.latency import Durations
from birefnet_video.live.latest import LatestSlot
from birefnet_video.live.live_matting import LiveMatting
from birefnet_video.live.outputs import LiveOutputs
from birefnet_video.live.quality_ladder import OpenBackend, QualityLadder
from birefnet_video.live.watchers import has_audience, require_known_audience
from birefnet_video.options.backgrounds import Background
from birefnet_video.options.live import LiveSpec
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.types import Frame, FrameMeta, MediaInfo, Preview
from birefnet_video.words import told_once

#: The clock of recordings.
_TICK = Fraction(1, 90_000)
#: Ticks from one picture to the next at least: a millisecond, the tick of Matroska.
_LEAST_STEP = 90
#: Pictures after which a latency is judged.
_JUDGED_AFTER = 30
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
    ) -> None:
        """
        Args:
            spec: what to do.
            open_camera: ``None``: what the spec names.
            open_backend: loads the network; ``None``: the registry's.
            notify: takes what a user should know; called on the session's threads.
        """
        self.spec = spec
        self.error: BaseException | None = None
        """Why it failed."""
        self._look_for_camera = open_camera is None
        self._open_camera = open_camera or (lambda: _camera_of(spec))
        self._notify = notify
        # The same file is loaded for each size that is tried.
        load = open_backend or partial(load_backend, tell=told_once(notify))
        self._ladder = QualityLadder(spec, load, notify)
        self._matte = spec.matte
        self._mirror = spec.camera.mirror
        self._backgrounds: SimpleQueue[Background] = SimpleQueue()
        self._frozen = threading.Event()
        self._asked_to_end, self._stop = threading.Event(), threading.Event()
        self._slot: LatestSlot[tuple[int, Taken]] = LatestSlot()
        self._tap = PreviewTap()
        self._latency, self._beyond, self._network, self._pace = Durations(), Durations(), Durations(), Durations(60)
        self._state = LiveState.STARTING
        self._shown = self._reused = self._passed_over = 0
        self._taker = CameraThread(self._open_camera, self._slot, self._stop, notify, is_watched=self._is_watched)
        self._device: str | None = None
        self._last_pts = -_LEAST_STEP
        self._own_mirror = False
        self._info: MediaInfo
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

    def freeze(self, frozen: bool) -> None:
        """Keep the picture that was shown last, or go on."""
        (self._frozen.set if frozen else self._frozen.clear)()

    def preview(self, width: int, height: int, zoom: int = 1) -> Preview | None:
        """As of :meth:`birefnet_video.jobs.Job.preview`."""
        return self._tap.ask(width, height, zoom)

    def snapshot(self) -> LiveSnapshot:
        """The session at this moment. Cheap, from any thread."""
        now = self._ended_at or time.monotonic()
        step = self._pace.percentile_s(0.5)
        state = self._state
        if state is LiveState.LIVE:
            state = self._taker.absent or (LiveState.FROZEN if self._frozen.is_set() else state)
        return LiveSnapshot(
            state=state,
            elapsed_s=now - self._started_at if self._started_at else 0.0,
            taken=self._taker.taken,
            shown=self._shown,
            dropped=self._slot.dropped + self._passed_over,
            reused=self._reused,
            fps=1 / step if step else 0.0,
            latency_p50_s=self._latency.percentile_s(0.5),
            latency_p95_s=self._latency.percentile_s(0.95),
            latency_max_s=self._latency.longest_s,
            network_s=self._network.percentile_s(0.5),
            size=self._ladder.size,
            reconnects=self._taker.reconnects,
            mirror=self._mirror,
            threshold=self._matte.threshold,
            beyond_p95_s=self._beyond.percentile_s(0.95),
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
            self._passed_over = self._taker.taken - self._shown - self._slot.dropped
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
            self._own_mirror = camera.info.turn.mirror
            info = replace(
                camera.info, time_base=_TICK, subtitle_tracks=0, audio_tracks=0, chapters=(), start=Fraction(0)
            )
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
            self._info = info
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
        steady, info = self._matte.smooth != "off", self._info
        matting = self._matting(outputs)
        matter = LiveMatting(matting, info, steady=steady)
        last_at = 0.0
        first_at: float | None = None
        try:
            while (item := self._slot.take(self._left_s(first_at))) is not None and not self._stop.is_set():
                index, taken = item
                first_at = taken.at if first_at is None else first_at
                if self.spec.pace.duration is not None and taken.at - first_at >= self.spec.pace.duration:
                    break
                if self._frozen.is_set():
                    self._passed_over += 1
                    continue
                if self._adapt(matter, outputs):
                    matting = replace(matting, compositor=outputs.compositor(matting.info.device))
                self._show(self._frame(index, taken, first_at), matter, matting, outputs)
                now = time.monotonic()
                self._latency.add(now - taken.at)
                self._beyond.add(now - taken.at - matter.network_s)
                if last_at:
                    self._pace.add(now - last_at)
                last_at = now
                self._shown += 1
                if self._shown % _JUDGED_AFTER == 0:
                    recent = self._latency.percentile_s(0.5, of_latest=_JUDGED_AFTER)
                    if self._ladder.step_down(info.width, info.height, recent) is not None:
                        matter.close()
                        matting = self._matting(outputs)
                        matter = LiveMatting(matting, self._info, steady=steady)
                        self._latency.forget()
                        self._beyond.forget()
        finally:
            matter.close()
        if self._taker.error is not None:
            raise self._taker.error

    def _left_s(self, first_at: float | None) -> float | None:
        """Seconds until the session is to end."""
        if self.spec.pace.duration is None or first_at is None:
            return None
        return max(0.0, first_at + self.spec.pace.duration - time.monotonic())

    def _matting(self, outputs: LiveOutputs) -> Matting:
        backend = self._ladder.backend
        assert backend is not None
        return Matting(backend, outputs.compositor(backend.info.device))

    def _adapt(self, matter: LiveMatting, outputs: LiveOutputs) -> bool:
        """Take what was changed while it runs; whether outputs are to be composed otherwise."""
        turn = replace(self._info.turn, mirror=self._own_mirror ^ self._mirror)
        changed = turn != self._info.turn
        if changed:
            self._info = replace(self._info, turn=turn)
            outputs.set_info(self._info)
            matter.set_info(self._info)
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

    def _frame(self, index: int, taken: Taken, first_at: float) -> Frame:
        self._last_pts = max(self._last_pts + _LEAST_STEP, round((taken.at - first_at) / _TICK))
        picture, info = taken.picture, self._info
        if (picture.width, picture.height) != (info.coded_width, info.coded_height):
            # A camera that has come back otherwise than it went.
            picture = picture.reformat(info.coded_width, info.coded_height)
        return Frame(FrameMeta(index, self._last_pts, _TICK), picture)

    def _show(self, frame: Frame, matter: LiveMatting, matting: Matting, outputs: LiveOutputs) -> None:
        matte, info = matter.matte(frame), self._info
        if matter.network_s:
            self._network.add(matter.network_s)
        else:
            self._reused += 1
        edit = self._matte
        if max(info.height / matte.alpha.shape[0], info.width / matte.alpha.shape[1]) < _REFINED_FROM:
            edit = evolve(edit, refine=False)
        made = matting.compose(matte, edit)
        outputs.show(made)
        self._tap.offer(made.cutout, info, lambda size: outputs.sent(made.cutout(), size))


def _camera_of(spec: LiveSpec) -> Camera:
    return open_camera(spec.source, spec.camera)
