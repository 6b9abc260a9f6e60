"""A camera, a network and outputs, on two threads: one takes pictures, the other makes mattes of the latest."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, DamagedInput, InputMissing
from birefnet_video.events import LiveSnapshot, LiveState
from birefnet_video.live.latency import Durations
from birefnet_video.live.matter import LiveMatter
from birefnet_video.live.outputs import LiveOutputs
from birefnet_video.live.slot import LatestSlot
from birefnet_video.matting.edit import edit
from birefnet_video.media.camera import Camera, Taken, open_camera
from birefnet_video.models import input_size
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.pipeline.stages import at_full_size
from birefnet_video.spec import Background, LiveSpec
from birefnet_video.types import Cutout, Frame, FrameMeta, MediaInfo, Preview

#: The clock of recordings.
_TICK = Fraction(1, 90_000)
#: Seconds between attempts to open a camera that has gone.
_RETRY_S = 1.0
#: Seconds that a camera is given to be released.
_RELEASE_S = 5.0
#: Ticks from one picture to the next at least: a millisecond, the tick of Matroska.
_LEAST_STEP = 90
#: Shares of the network's own size that are tried to keep a latency, and the pictures after which it is judged.
_SIZES, _JUDGED_AFTER = (1.0, 0.75, 0.5), 30
_STRIDE, _LEAST_SIDE = 32, 128
#: Times by which a matte must be enlarged for the picture's edges to help enough for what they cost.
_REFINED_FROM = 2.0

OpenCamera = Callable[[], Camera]
OpenBackend = Callable[[tuple[int, int], MediaInfo], MattingBackend]


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
            open_backend: loads the network for a size; ``None``: the registry's.
            notify: takes what a user should know; called on the session's threads.
        """
        self.spec = spec
        self.error: BaseException | None = None
        """Why it failed."""
        self._open_camera = open_camera or (lambda: _camera_of(spec))
        self._open_backend = open_backend or self._load
        self._notify = notify
        self._matte = spec.matte
        self._mirror = spec.mirror
        self._background: Background | None = None
        self._frozen = threading.Event()
        self._stop = threading.Event()
        self._slot: LatestSlot[tuple[int, Taken]] = LatestSlot()
        self._tap = PreviewTap()
        self._latency, self._beyond, self._network, self._pace = Durations(), Durations(), Durations(), Durations(60)
        self._state = LiveState.STARTING
        self._taken = self._shown = self._reused = self._reconnects = self._passed_over = 0
        self._last_pts = -_LEAST_STEP
        self._own_mirror = False
        self._size: tuple[int, int] | None = None
        self._started_at = self._ended_at = 0.0
        self._thread = threading.Thread(target=self._run, name="birefnet-video live")

    def start(self) -> None:
        """Begin. Returns at once."""
        self._started_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End, and finish recordings. Returns at once."""
        self._stop.set()
        self._slot.close()

    def wait(self, timeout_s: float | None = None) -> LiveState:
        """Wait for the end, or for ``timeout_s`` seconds."""
        self._thread.join(timeout_s)
        return self._state

    def set_background(self, background: Background) -> None:
        """Change what lies behind the subject, from the next picture on."""
        self._background = background

    def set_threshold(self, threshold: float | None) -> None:
        """Make edges hard from this alpha on; ``None``: soft."""
        self._matte = replace(self._matte, threshold=threshold)

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
        state = LiveState.FROZEN if self._state is LiveState.LIVE and self._frozen.is_set() else self._state
        return LiveSnapshot(
            state,
            now - self._started_at if self._started_at else 0.0,
            self._taken,
            self._shown,
            self._slot.dropped + self._passed_over,
            self._reused,
            1 / step if step else 0.0,
            self._latency.percentile_s(0.5),
            self._latency.percentile_s(0.95),
            self._latency.longest_s,
            self._network.percentile_s(0.5),
            self._size,
            self._reconnects,
            self._mirror,
            self._matte.threshold,
            self._beyond.percentile_s(0.95),
        )

    def _run(self) -> None:
        try:
            self._work()
            self._state = LiveState.ENDED
        except BaseException as error:  # noqa: BLE001 - the thread border: whoever waits looks at it
            self.error = error
            self._state = LiveState.FAILED
        finally:
            self._stop.set()
            # What lay in the slot at the end, too.
            self._passed_over = self._taken - self._shown - self._slot.dropped
            self._ended_at = time.monotonic()

    def _work(self) -> None:
        camera = self._open_camera()
        self._own_mirror = camera.info.turn.mirror
        info = replace(camera.info, time_base=_TICK, subtitle_tracks=0, audio_tracks=0, chapters=(), start=Fraction(0))
        try:
            outputs = LiveOutputs(self.spec, info, self._notify)
        except BaseException:
            camera.close()
            raise
        # Reading from a camera that says nothing cannot be ended from here.
        taking = threading.Thread(target=self._take, args=(camera,), name="birefnet-video camera", daemon=True)
        backend: MattingBackend | None = None
        try:
            if camera.is_device:
                # What it films while the network is loaded must not be seen late.
                taking.start()
            backend = self._warm(info, _SIZES[0])
            if not camera.is_device:
                taking.start()
            self._state = LiveState.LIVE
            backend = self._show_all(backend, info, outputs)
        finally:
            self._stop.set()
            try:
                outputs.finish()
            finally:
                if taking.ident is not None:
                    taking.join(_RELEASE_S)
                else:
                    camera.close()
                if backend is not None:
                    backend.close()

    def _load(self, size: tuple[int, int], info: MediaInfo) -> MattingBackend:
        spec = replace(self.spec.backend, size=size, batch_size=1)
        return load_backend(spec, info.width, info.height, tell=self._notify)

    def _warm(self, info: MediaInfo, share: float) -> MattingBackend:
        """A network of this share of its size that has worked once: the first picture takes longest."""
        import numpy as np

        full = self.spec.backend.size or input_size(self.spec.backend.model, info.width, info.height)
        sides = (min(side, max(_LEAST_SIDE, round(side * share / _STRIDE) * _STRIDE)) for side in full)
        height, width = sides
        backend = self._open_backend((height, width), info)
        self._size = backend.info.input_size
        backend.infer(np.zeros((1, *self._size, 3), np.uint8))
        return backend

    def _take(self, camera: Camera) -> None:
        """Take pictures until the end; wait for a device that has gone."""
        while True:
            try:
                for taken in camera.pictures(self._stop):
                    if self._stop.is_set():
                        return
                    self._slot.put((self._taken, taken))
                    self._taken += 1
                self._slot.close()
                return
            except OSError as error:
                if not camera.is_device:
                    self._fail(DamagedInput(f"{self.spec.source}: cannot be read any further: {error}"))
                    return
                self._notify(f"the camera has gone ({error}); waiting for it")
                self._state = LiveState.LOST
            except BaseException as error:  # noqa: BLE001 - the thread border: the session fails with it
                self._fail(error)
                return
            finally:
                camera.close()
            again = self._wait_for_camera()
            if again is None:
                self._slot.close()
                return
            camera = again

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self._slot.close()

    def _wait_for_camera(self) -> Camera | None:
        while not self._stop.wait(_RETRY_S):
            try:
                camera = self._open_camera()
            except (InputMissing, BackendUnavailable):
                continue
            except BirefnetVideoError as error:
                self._fail(error)
                return None
            self._reconnects += 1
            self._state = LiveState.LIVE
            self._notify("the camera is back")
            return camera
        return None

    def _show_all(self, backend: MattingBackend, info: MediaInfo, outputs: LiveOutputs) -> MattingBackend:
        steady = self._matte.smooth != "off"
        matter = LiveMatter(backend, info, steady=steady)
        share, last_at = 0, 0.0
        first_at: float | None = None
        while (item := self._slot.take(self._left_s(first_at))) is not None and not self._stop.is_set():
            index, taken = item
            first_at = taken.at if first_at is None else first_at
            if self.spec.duration_s is not None and taken.at - first_at >= self.spec.duration_s:
                break
            if self._frozen.is_set():
                self._passed_over += 1
                continue
            info = self._show(index, taken, first_at, matter, info, outputs)
            now = time.monotonic()
            self._latency.add(now - taken.at)
            self._beyond.add(now - taken.at - matter.network_s)
            if last_at:
                self._pace.add(now - last_at)
            last_at = now
            self._shown += 1
            if self._is_late() and share + 1 < len(_SIZES):
                share += 1
                smaller = self._warm(info, _SIZES[share])
                if smaller.info.input_size == backend.info.input_size:
                    smaller.close()
                    continue
                backend.close()
                matter.close()
                backend, matter = smaller, LiveMatter(smaller, info, steady=steady)
                self._latency.forget()
                self._beyond.forget()
                height, width = smaller.info.input_size
                self._notify(f"too slow for {self.spec.latency_ms:.0f} ms: the network now sees {width}x{height}")
        matter.close()
        if self.error is not None:
            raise self.error
        return backend

    def _left_s(self, first_at: float | None) -> float | None:
        """Seconds until the session is to end."""
        if self.spec.duration_s is None or first_at is None:
            return None
        return max(0.0, first_at + self.spec.duration_s - time.monotonic())

    def _is_late(self) -> bool:
        wanted = self.spec.latency_ms
        recent = self._latency.percentile_s(0.5, of_latest=_JUDGED_AFTER)
        return wanted is not None and self._shown % _JUDGED_AFTER == 0 and 1000 * recent > wanted

    def _show(
        self, index: int, taken: Taken, first_at: float, matter: LiveMatter, info: MediaInfo, outputs: LiveOutputs
    ) -> MediaInfo:
        turn = replace(info.turn, mirror=self._own_mirror ^ self._mirror)
        if turn != info.turn:
            info = replace(info, turn=turn)
            outputs.set_info(info)
            matter.set_info(info)
        background, self._background = self._background, None
        if background is not None:
            try:
                outputs.set_background(background)
            except BirefnetVideoError as error:
                self._notify(str(error))
        self._last_pts = max(self._last_pts + _LEAST_STEP, round((taken.at - first_at) / _TICK))
        meta = FrameMeta(index, self._last_pts, _TICK)
        picture = taken.picture
        if (picture.width, picture.height) != (info.coded_width, info.coded_height):
            # A camera that has come back otherwise than it went.
            picture = picture.reformat(info.coded_width, info.coded_height)
        matte = matter.matte(Frame(meta, picture))
        if matter.network_s:
            self._network.add(matter.network_s)
        else:
            self._reused += 1
        spec = self._matte
        if max(info.height / matte.alpha.shape[0], info.width / matte.alpha.shape[1]) < _REFINED_FROM:
            spec = replace(spec, refine=False)
        cutout = Cutout(matte.frame, edit(at_full_size(matte, info, spec), spec))
        self._tap.offer(cutout, info)
        outputs.show(cutout)
        return info


def _camera_of(spec: LiveSpec) -> Camera:
    return open_camera(spec.source, spec.camera)
