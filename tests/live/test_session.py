"""A camera of painted numbers, matted live: what comes out, how late, and what happens when something goes away."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from attrs import evolve
from cameras import PaintedCamera, camera_info, painted, read_number
from clips import read_times
from specs import live_spec
from stubs import INFO, our_threads
from wait import PATIENCE_S, until

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.devices.camera import Camera
from birefnet_video.errors import BackendUnavailable, InputMissing, OutputRefused, UsageError, VerificationFailed
from birefnet_video.events import LiveSnapshot, LiveState
from birefnet_video.live.latency import Durations
from birefnet_video.live.latest import LatestSlot
from birefnet_video.live.quality_ladder import OpenBackend
from birefnet_video.live.session import LiveSession
from birefnet_video.live.watchers import has_audience
from birefnet_video.options.backgrounds import PictureFile
from birefnet_video.options.backgrounds import SolidColour as Plain
from birefnet_video.options.live import CameraSpec, LiveSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.writer import Writer
from birefnet_video.types import FrameMeta, Turn
from birefnet_video.zoo.sizes import input_size

PLAIN = MatteSpec(smooth="off", refine=False)


def spec(*outputs: OutputSpec, **options: object) -> LiveSpec:
    backend = NetworkSpec(size=(96, 160))
    return live_spec(
        "x",
        outputs,
        backend=backend,
        **{"matte": PLAIN, "colour": ColourSpec(decontaminate="off"), **options},  # type: ignore[arg-type]
    )


def stub(delay_s: float = 0.0) -> OpenBackend:
    def load(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        return StubBackend(replace(INFO, input_size=spec.size, batch_size=1), delay_s=delay_s)

    return load


@pytest.fixture(autouse=True)
def _ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session that a failed test leaves behind would fail those after it."""
    started: list[LiveSession] = []
    start = LiveSession.start

    def noted(self: LiveSession) -> None:
        started.append(self)
        start(self)

    monkeypatch.setattr(LiveSession, "start", noted)
    yield
    for session in started:
        session.stop()
        session.wait(PATIENCE_S)


def run(camera: Camera, live: LiveSpec, *, delay_s: float = 0.0) -> LiveSession:
    session = LiveSession(live, open_camera=lambda: camera, open_backend=stub(delay_s))
    session.start()
    state = session.wait(PATIENCE_S)
    assert state in (LiveState.ENDED, LiveState.FAILED), state
    assert our_threads() == []
    return session


def behind(snapshot: LiveSnapshot) -> int:
    """Pictures that were taken and are neither shown nor dropped: one in the slot, one with the network."""
    return snapshot.taken - snapshot.shown - snapshot.dropped


def fake_virtual_camera(monkeypatch: pytest.MonkeyPatch, device: str) -> list[np.ndarray]:
    """Stands in for pyvirtualcam; returns what it is given."""
    shown: list[np.ndarray] = []

    class Camera:
        def __init__(self, width: int, height: int, fps: float, *, device: str | None, fmt: str) -> None:
            self.width, self.height, self.fps, self.fmt = width, height, fps, fmt
            self.device = device or name

        def send(self, picture: np.ndarray) -> None:
            shown.append(picture)

        def close(self) -> None:
            self.device = "closed"

    name = device
    module = SimpleNamespace(Camera=Camera, PixelFormat=SimpleNamespace(RGB="RGB3"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    return shown


def written(path: Path) -> list[tuple[int, float]]:
    """Number and time in seconds of every picture of a file."""
    with av.open(str(path)) as container:
        return [
            (read_number(frame.to_ndarray(format="gray")), float(frame.pts * frame.time_base))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def test_every_picture_comes_out_at_the_time_it_was_taken(tmp_path: Path) -> None:

    def after_the_one_before(number: int) -> av.VideoFrame:
        # None is dropped, however busy the machine is.
        until(lambda: session.snapshot().shown >= number)
        return painted(number)

    camera = PaintedCamera(camera_info(tmp_path), count=90, rate=30, picture=after_the_one_before)
    out = OutputSpec("composite", tmp_path / "out.mp4", quality="best")
    session = LiveSession(spec(out), open_camera=lambda: camera, open_backend=stub())
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED and our_threads() == []
    snapshot = session.snapshot()
    pictures = written(out.path)
    assert (snapshot.taken, snapshot.shown, snapshot.dropped) == (90, 90, 0)
    numbers = [number for number, _ in pictures]
    assert numbers == list(range(90))
    first = camera.taken_at[numbers[0]]
    for number, seconds in pictures:
        assert abs(seconds - (camera.taken_at[number] - first)) < 1e-3
    assert camera.closed == 1


def test_a_slow_network_drops_pictures_and_not_time(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=200, rate=100)
    backlog: list[int] = []

    class Slow(StubBackend):
        """Takes as long as five pictures of the camera."""

        def infer(self, rgb: np.ndarray) -> np.ndarray:
            now = session.snapshot()
            # Before there is a camera it is tried out.
            if now.state is LiveState.LIVE:
                backlog.append(behind(now))
                until(lambda: session.snapshot().taken >= min(now.taken + 5, 200))
            return super().infer(rgb)

    session = LiveSession(
        spec(OutputSpec("alpha", tmp_path / "out.mkv")),
        open_camera=lambda: camera,
        open_backend=lambda backend, width, height: Slow(replace(INFO, batch_size=1), delay_s=0.01),
    )
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    snapshot = session.snapshot()
    # One in five, the first, and those that were left when the camera ended.
    assert snapshot.taken == 200 and snapshot.shown <= 200 / 5 + 2
    # The last one may still be in the slot when the camera ends.
    assert snapshot.shown + snapshot.dropped == 200
    assert snapshot.latency_p50_s >= snapshot.network_s >= 0.01
    # A picture waits for the one before it at most, then for its own network time; in a queue there would be more.
    assert len(backlog) == snapshot.shown and max(backlog) <= 2
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == snapshot.shown


def test_ten_thousand_pictures_do_not_drift(tmp_path: Path) -> None:
    """Neither latency nor memory grows: an hour is eleven times as long."""
    frames = [painted(number) for number in range(2)]
    camera = PaintedCamera(
        camera_info(tmp_path), count=10_000, rate=2000, picture=lambda number: frames[number // 50 % 2]
    )
    session = LiveSession(spec(duration=60.0), open_camera=lambda: camera, open_backend=stub())
    session.start()
    most = 0
    while session.wait(0.05) not in (LiveState.ENDED, LiveState.FAILED):
        most = max(most, behind(session.snapshot()))
    snapshot = session.snapshot()
    assert session.error is None and snapshot.taken == 10_000
    assert snapshot.shown + snapshot.dropped == 10_000
    assert most <= 2
    # What the camera shows changes every fifty pictures, and only then is a matte computed.
    assert snapshot.shown - snapshot.reused <= 10_000 // 50


def test_what_has_not_changed_is_not_computed_again(tmp_path: Path) -> None:
    camera = PaintedCamera(
        camera_info(tmp_path), count=40, rate=100, picture=lambda number: painted(7 if number < 30 else 8)
    )
    session = run(camera, spec(OutputSpec("mask", tmp_path / "m.mkv")))
    snapshot = session.snapshot()
    assert snapshot.shown - snapshot.reused == 2


def test_a_camera_that_goes_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.live.camera_thread._RETRY_S", 0.05)
    info = camera_info(tmp_path)
    first = PaintedCamera(info, count=5, rate=50, lost=True)
    second = PaintedCamera(info, count=5, rate=50, first=100)
    answers: list[Camera | Exception] = [first, InputMissing("gone"), BackendUnavailable("busy"), second]
    told: list[str] = []

    def open_next() -> Camera:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    out = tmp_path / "out.mp4"
    session = LiveSession(
        spec(OutputSpec("composite", out, quality="best")),
        open_camera=open_next,
        open_backend=stub(),
        notify=told.append,
    )
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED
    assert first.closed == second.closed == 1 and session.snapshot().reconnects == 1
    numbers = [number for number, _ in written(out)]
    assert numbers[-1] == 104 and numbers[0] < 5
    assert any("has gone (unplugged)" in line for line in told) and "the camera is back" in told


def test_a_lost_camera_can_be_given_up(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=3, rate=50, lost=True)
    cameras: list[Camera] = [camera]

    def open_next() -> Camera:
        if not cameras:
            raise InputMissing("gone")
        return cameras.pop()

    session = LiveSession(spec(), open_camera=open_next, open_backend=stub())
    session.start()
    until(lambda: session.snapshot().state is LiveState.LOST)
    session.stop()
    assert session.wait(PATIENCE_S) is LiveState.ENDED and our_threads() == []


@pytest.mark.parametrize("where", ["network", "output"])
def test_the_camera_is_released_when_something_else_is_missing(tmp_path: Path, where: str) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=3, rate=50)

    def refuse(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        raise BackendUnavailable("no network")

    output = OutputSpec("composite", tmp_path / "nowhere" / "out.mp4")
    live = spec(output) if where == "output" else spec(OutputSpec("mask", tmp_path / "m.mkv"))
    # A camera is not even switched on without a network.
    live = evolve(live, source=str(tmp_path / "shape.mp4"))
    session = LiveSession(live, open_camera=lambda: camera, open_backend=refuse if where == "network" else stub())
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.FAILED
    assert isinstance(session.error, BackendUnavailable if where == "network" else OutputRefused)
    assert camera.closed == 1 and our_threads() == []
    assert [path.name for path in tmp_path.iterdir()] == ["shape.mp4"]


def test_what_breaks_in_loading_because_it_shall_end_is_no_failure(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=3, rate=50)

    def ended_by_ctrl_c(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        session.stop()
        raise RuntimeError("a process that builds was interrupted")

    session = LiveSession(spec(), open_camera=lambda: camera, open_backend=ended_by_ctrl_c)
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED and session.error is None
    assert our_threads() == []


def test_a_latency_is_kept_by_a_smaller_network(tmp_path: Path) -> None:
    """Quick alone, slow together with all else: that is found out while it runs."""
    sizes: list[tuple[int, int]] = []
    told: list[str] = []

    def slower_if_larger(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        sizes.append(spec.size)
        return StubBackend(replace(INFO, input_size=spec.size, batch_size=1), delay_s=0.045 * spec.size[0] / 256)

    camera = PaintedCamera(camera_info(tmp_path), count=400, rate=60)
    live = evolve(spec(latency=47.0), backend=NetworkSpec(size=(256, 256)))
    session = LiveSession(live, open_camera=lambda: camera, open_backend=slower_if_larger, notify=told.append)
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED
    assert sizes[:2] == [(256, 256), (192, 192)]
    assert session.snapshot().size != (256, 256)
    assert any("the network now sees 192x192" in line for line in told)


def test_a_network_that_is_too_slow_alone_is_left_before_the_camera_is_on(tmp_path: Path) -> None:
    order: list[str] = []
    camera = PaintedCamera(camera_info(tmp_path), count=3, rate=30)

    def slow_unless_tiny(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        order.append(f"{Path(spec.model).name} {spec.size[1]}x{spec.size[0]} for {width}x{height}")
        delay = 0.0 if spec.model == "tiny" else 0.05
        return StubBackend(replace(INFO, input_size=spec.size, batch_size=1), delay_s=delay)

    def switch_on() -> Camera:
        order.append("camera")
        return camera

    live = evolve(
        spec(latency=40.0, camera=CameraSpec(camera_size=(96, 256))),
        backend=NetworkSpec(model="big.safetensors", size=(128, 256)),
    )
    session = LiveSession(live, open_camera=switch_on, open_backend=slow_unless_tiny)
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    assert order[:-2] == [f"big.safetensors {size} for 256x96" for size in ("256x128", "192x128", "128x128")]
    assert order[-2].startswith("tiny ") and order[-1] == "camera"


def test_a_camera_of_an_unusual_shape_gets_a_network_of_its_own(tmp_path: Path) -> None:
    sizes: list[tuple[int, int] | None] = []

    def load(spec: NetworkSpec, width: int, height: int) -> MattingBackend:
        assert spec.size is not None
        sizes.append(spec.size)
        return StubBackend(replace(INFO, input_size=spec.size, batch_size=1))

    camera = PaintedCamera(camera_info(tmp_path), count=3, rate=30)
    session = LiveSession(evolve(spec(), backend=NetworkSpec()), open_camera=lambda: camera, open_backend=load)
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    assert sizes == [input_size("tiny", 640, 480), input_size("tiny", 256, 96)]


def test_the_camera_is_off_while_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "video10"
    device.touch()
    shown = fake_virtual_camera(monkeypatch, str(device))
    for name, seconds in (("_UNWATCHED_S", 0.3), ("_LOOK_S", 0.05)):
        monkeypatch.setattr(f"birefnet_video.live.camera_thread.{name}", seconds)
    looks: list[bool] = []

    def has_audience_now(found: str) -> bool:
        looks.append(has_audience(found))
        return looks[-1]

    monkeypatch.setattr("birefnet_video.live.session.has_audience", has_audience_now)
    info = camera_info(tmp_path)
    cameras = [PaintedCamera(info, count=1000, rate=50, lost=True), PaintedCamera(info, count=1000, rate=50, lost=True)]
    waiting = list(reversed(cameras))
    session = LiveSession(
        spec(virtual_camera="auto", only_watched=True), open_camera=lambda: waiting.pop(), open_backend=stub()
    )
    session.start()
    until(lambda: session.snapshot().state is LiveState.UNWATCHED)
    assert [camera.closed for camera in cameras] == [1, 0]
    before, looked = len(shown), len(looks)
    until(lambda: len(looks) > looked + 3)
    # One may have been in the slot, and one with the network.
    assert len(shown) - before <= 2 and not cameras[1].taken_at
    with device.open() as handle:
        viewer = subprocess.Popen(["sleep", "30"], stdin=handle)
    with viewer:
        until(lambda: session.snapshot().state is LiveState.LIVE and len(shown) > before + 30)
        viewer.terminate()
    until(lambda: session.snapshot().state is LiveState.UNWATCHED)
    session.stop()
    assert session.wait(PATIENCE_S) is LiveState.ENDED and [camera.closed for camera in cameras] == [1, 1]
    assert shown[0].shape == (96, 256, 3) and our_threads() == []


def test_only_watched_is_for_virtual_cameras_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no other output"):
        spec(OutputSpec("mask", tmp_path / "m.mkv"), virtual_camera="auto", only_watched=True)
    clip = PaintedCamera(camera_info(tmp_path), count=3, rate=30)
    session = run(clip, spec(virtual_camera="auto", only_watched=True))
    assert isinstance(session.error, UsageError) and "for cameras" in str(session.error) and clip.closed == 1


def test_settings_change_while_it_runs(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=100_000, rate=100, picture=lambda number: painted(number % 256))
    session = LiveSession(spec(), open_camera=lambda: camera, open_backend=stub())
    session.start()

    def seen(condition: Callable[[np.ndarray, np.ndarray], bool]) -> bool:
        def look() -> bool:
            preview = session.preview(256, 256)
            return preview is not None and condition(preview.rgb, preview.alpha)

        return until(look)

    assert seen(lambda rgb, alpha: rgb[4, 252].max() < 60)
    session.set_mirror(True)
    # The highest bit, which is always nought, stands on the left now.
    assert seen(lambda rgb, alpha: rgb[4, 4].max() < 60 and rgb[60, 4].max() > 100)
    session.set_threshold(0.5)
    assert seen(lambda rgb, alpha: set(np.unique(alpha)) <= {0, 255})
    session.freeze(True)
    before = session.snapshot()
    assert before.state is LiveState.FROZEN
    until(lambda: session.snapshot().taken > before.taken + 30)
    # The one that the network had.
    frozen = session.snapshot()
    assert frozen.shown <= before.shown + 1 and frozen.dropped > before.dropped
    session.freeze(False)
    until(lambda: session.snapshot().shown > frozen.shown + 1)
    session.stop()
    assert session.wait(PATIENCE_S) is LiveState.ENDED


def test_the_background_is_switched(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=60_000, rate=60)
    out = tmp_path / "out.mkv"
    session = LiveSession(
        spec(OutputSpec("composite", out, Plain((255, 0, 0)), codec="ffv1")),
        open_camera=lambda: camera,
        open_backend=stub(),
    )
    session.start()
    until(lambda: session.snapshot().shown > 5)
    session.set_background(Plain((0, 0, 255)))
    before = session.snapshot().shown
    until(lambda: session.snapshot().shown > before + 5)
    session.stop()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24")[60, 2] for frame in container.decode(video=0)]
    assert frames[0][0] > frames[0][2] and frames[-1][2] > frames[-1][0]


def test_it_ends_in_time_though_the_camera_says_nothing(tmp_path: Path) -> None:
    # Its second picture comes long after anybody's patience has run out.
    camera = PaintedCamera(camera_info(tmp_path), count=100, rate=0.001)
    out = tmp_path / "out.mkv"
    session = run(camera, spec(OutputSpec("mask", out), duration=1.0))
    assert session.error is None and camera.closed == 1
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == session.snapshot().shown == 1


def test_a_camera_that_comes_back_with_another_size_is_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.live.camera_thread._RETRY_S", 0.02)
    info = camera_info(tmp_path)
    cameras: list[Camera] = [
        PaintedCamera(info, count=4, rate=50, picture=lambda number: painted(number, (512, 192))),
        PaintedCamera(info, count=4, rate=50, lost=True),
    ]
    session = LiveSession(
        spec(OutputSpec("mask", tmp_path / "m.mkv")), open_camera=lambda: cameras.pop(), open_backend=stub()
    )
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    with av.open(str(tmp_path / "m.mkv")) as container:
        assert {(frame.width, frame.height) for frame in container.decode(video=0)} == {(256, 96)}


def test_one_output_that_fails_takes_no_other_along(tmp_path: Path) -> None:
    first, second = tmp_path / "a.mkv", tmp_path / "b.mkv"

    def none_too_early(number: int) -> av.VideoFrame:
        until(lambda: number < 5 or first.exists())
        return painted(number)

    camera = PaintedCamera(camera_info(tmp_path), count=10, rate=50, picture=none_too_early)
    live = spec(OutputSpec("mask", first), OutputSpec("mask", second))
    session = LiveSession(live, open_camera=lambda: camera, open_backend=stub(0.02))
    session.start()
    until(lambda: session.snapshot().shown)
    first.write_text("mine")
    assert session.wait(PATIENCE_S) is LiveState.FAILED and isinstance(session.error, OutputRefused)
    assert first.read_text() == "mine"
    with av.open(str(second)) as container:
        assert sum(1 for _ in container.decode(video=0)) == session.snapshot().shown


def test_a_recording_that_does_not_hold_what_was_shown_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=10, rate=50)
    write, calls = Writer.write, iter(range(100))

    def lose_one(self: Writer, picture: av.VideoFrame, meta: FrameMeta) -> None:
        write(self, picture, meta)
        self.frames += next(calls) == 3

    monkeypatch.setattr(Writer, "write", lose_one)
    session = run(camera, spec(OutputSpec("composite", tmp_path / "o.mkv")))
    assert isinstance(session.error, VerificationFailed) and not (tmp_path / "o.mkv").exists()
    assert read_times(tmp_path / "o.partial.mkv")


def test_pictures_of_one_moment_get_times_of_their_own(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=60, rate=1e6)
    session = run(camera, spec(OutputSpec("composite", tmp_path / "o.mkv")))
    times = [seconds for _, seconds in written(tmp_path / "o.mkv")]
    assert session.error is None and times == sorted(set(times))
    snapshot = session.snapshot()
    assert snapshot.taken == snapshot.shown + snapshot.dropped


def test_a_background_that_is_missing_leaves_the_old_one(tmp_path: Path) -> None:
    camera = PaintedCamera(camera_info(tmp_path), count=60, rate=60)
    told: list[str] = []
    session = LiveSession(
        spec(OutputSpec("composite", tmp_path / "o.mkv")),
        open_camera=lambda: camera,
        open_backend=stub(),
        notify=told.append,
    )
    session.set_background(PictureFile(tmp_path / "none.png"))
    session.start()
    assert session.wait(PATIENCE_S) is LiveState.ENDED, session.error
    assert any("none.png" in line for line in told)


def test_a_mirrored_source_stays_mirrored(tmp_path: Path) -> None:
    info = replace(camera_info(tmp_path), turn=Turn(0, mirror=True))
    camera = PaintedCamera(info, count=200, rate=100)
    session = LiveSession(spec(), open_camera=lambda: camera, open_backend=stub())
    session.start()
    preview = until(lambda: session.preview(256, 256))
    session.stop()
    assert session.wait(PATIENCE_S) is LiveState.ENDED
    # The highest bit, which is nought, stands on the left.
    assert preview is not None and preview.rgb[4, 4].max() < 60


def test_a_slot_keeps_the_latest() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    slot.put(2)
    assert slot.take() == 2 and slot.dropped == 1
    slot.put(3)
    slot.close()
    assert slot.take() == 3 and slot.take() is None


def test_durations_remember_the_latest() -> None:
    durations = Durations(10)
    assert durations.percentile_s(0.5) == 0
    for value in range(100):
        durations.add(float(value))
    assert durations.longest_s == 99 and durations.percentile_s(0.5) == 95 and durations.count == 100
    assert durations.percentile_s(0.0, of_latest=2) == 98
