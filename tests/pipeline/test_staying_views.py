"""The network's view of pictures that its device has decoded stays there: jobs come out as if it had gone home."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from capturing import Seen
from clips import make_clip
from packets import packets
from specs import job_spec
from stubs import INFO, notices
from surfaces import Surface
from torch._subclasses.fake_tensor import FakeTensorMode

from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.backends.base import Lent, MattingBackend, check_input
from birefnet_video.backends.engine import Prepared
from birefnet_video.backends.finite import FiniteBackend
from birefnet_video.backends.network import NetworkBackend
from birefnet_video.backends.replacing import ReplacingBackend
from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobEvent
from birefnet_video.inputs import reader
from birefnet_video.inputs.probe import probe
from birefnet_video.jobs import Job
from birefnet_video.matting import transfer as device_transfer
from birefnet_video.matting import upload
from birefnet_video.matting.device_tensor import DeviceTensor, Gathered, at_home, gathered, on_device
from birefnet_video.matting.filters import torch as torch_filters
from birefnet_video.matting.source import Coding
from birefnet_video.matting.temporal import motion_torch
from birefnet_video.matting.temporal.votes import make_colour
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline import assemble as assembling
from birefnet_video.pipeline import device_motions, smoothing, view_torch
from birefnet_video.pipeline.budget import Budget
from birefnet_video.pipeline.view_torch import ViewMaker
from birefnet_video.types import Batch, Turn

FRAMES, CPU, SIZE = 6, torch.device("cpu"), (96, 160)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mkv", frames=FRAMES, size=(200, 112))


def brightness(x: torch.Tensor) -> torch.Tensor:
    """A network whose mattes are soft, and differ from frame to frame."""
    return x.mean(1, keepdim=True) * 4 - 1


class AtOnce:
    """An engine that is there as soon as it is asked for."""

    name = "better"

    def start(self) -> None: ...

    def take(self) -> MattingBackend:
        return NetworkBackend(Prepared(brightness), replace(INFO, name="better", precision="fp32"))

    def close(self) -> None: ...


def network(run: Callable[[torch.Tensor], torch.Tensor] = brightness, *, replaced: bool = False) -> Any:
    """As it is opened for a render: four frames come, three go through at once."""

    def opened(tell: Callable[[str], None]) -> MattingBackend:
        adaptive = AdaptiveBackend(NetworkBackend(Prepared(run), INFO), tell, measures=False)
        adaptive._at_once = 3
        if not replaced:
            return adaptive
        made = ReplacingBackend(adaptive, AtOnce(), tell, frames=FRAMES, after_s=0)
        made._is_building = True
        return made

    return lambda spec, info, tell: Lent(FiniteBackend(opened(tell), tell, ["fp32"], lambda _: opened(tell)))


class Opened:
    """Something for a with statement."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __enter__(self) -> object:
        return self._value

    def __exit__(self, *_: object) -> None: ...


class Jobs:
    """Renders pictures that pretend to lie on the network's device, and counts the views that are fetched."""

    def __init__(
        self, clip: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, gone_home: dict[str, list[Any]]
    ) -> None:
        self._clip, self._folder, self._patch, self._gone_home = clip, folder, monkeypatch, gone_home
        self.fetched = 0
        self.told: list[str] = []
        real = upload.fetched

        def fetched(tensors: list[torch.Tensor]) -> list[np.ndarray]:
            self.fetched += sum(each.dtype == torch.uint8 and each.ndim == 3 for each in tensors)
            return real(tensors)

        for module in (upload, view_torch):
            monkeypatch.setattr(module, "fetched", fetched)
        monkeypatch.setattr(reader, "integral", lambda picture: Surface(picture.reformat(format="nv12")))

    def expected(self, smooth: str = "off") -> list[Any]:
        """The packets of both outputs where every view goes home."""
        if smooth not in self._gone_home:
            self._gone_home[smooth] = self.packets(stay=False, smooth=smooth)
            assert self.fetched == FRAMES
        return self._gone_home[smooth]

    def packets(self, *, stay: bool = True, open_backend: Any = None, **options: object) -> list[Any]:
        """Of both outputs."""
        self.fetched, self.told = 0, []
        folder = self._folder / str(len([*self._folder.iterdir()]))
        folder.mkdir()
        self._patch.setattr(
            assembling,
            "_view_there",
            lambda plan, network, compositor, counted, tell: ViewMaker("cpu", tell, stay=stay),
        )
        outputs = OutputSpec("mask", folder / "m.mkv"), OutputSpec("composite", folder / "g.mp4")
        spec = job_spec(self._clip, outputs, **{"compose_on": "device", "size": SIZE, "smooth": "off", **options})
        job = Job(spec, open_backend=open_backend or network())
        events: list[JobEvent] = []
        job.subscribe(events.append)
        job.start()
        assert job.result().frames == FRAMES
        self.told = notices(events)
        return [packets(output.path) for output in outputs]


@pytest.fixture(scope="module")
def gone_home() -> dict[str, list[Any]]:
    """What jobs have come to whose views went home, by how mattes were smoothed."""
    return {}


@pytest.fixture
def jobs(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone_home: dict[str, list[Any]]) -> Jobs:
    return Jobs(clip, tmp_path, monkeypatch, gone_home)


# The CPU finds flow, of pictures at home.
@pytest.mark.parametrize(("smooth", "fetches"), [("off", 0), ("normal", FRAMES), ("live", FRAMES)])
def test_views_come_home_once_for_who_needs_them_and_every_byte_is_the_same(
    smooth: str, fetches: int, jobs: Jobs
) -> None:
    expected = jobs.expected(smooth)
    assert jobs.packets(smooth=smooth) == expected and jobs.fetched == fetches
    assert not any("memory" in text for text in jobs.told)


def test_a_view_that_has_no_room_there_goes_through_beside_those_that_do(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = view_torch.view.to_rgb

    def to_rgb(*args: Any) -> torch.Tensor:
        made.append(1)
        if len(made) % FRAMES == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*args)

    monkeypatch.setattr(view_torch.view, "to_rgb", to_rgb)
    expected = jobs.packets(stay=False, smooth="normal")
    assert jobs.packets(smooth="normal") == expected and jobs.fetched == FRAMES - 1
    assert sum("out of memory for what the network sees" in text for text in jobs.told) == 1


def test_mattes_that_are_no_numbers_are_made_again_of_views_that_stay(jobs: Jobs) -> None:
    calls: list[int] = []

    def fails_once(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return brightness(x) * (torch.nan if len(calls) == 2 else 1)

    expected = jobs.expected()
    assert jobs.packets(open_backend=network(fails_once)) == expected and jobs.fetched == 0
    assert sum("no numbers" in text for text in jobs.told) == 1


def test_memory_that_runs_out_halves_the_batch_of_views_that_stay(jobs: Jobs) -> None:
    def is_small(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return brightness(x)

    expected = jobs.expected()
    assert jobs.packets(open_backend=network(is_small)) == expected and jobs.fetched == 0
    assert any("going on with 1" in text for text in jobs.told)


def test_an_engine_that_takes_over_is_tried_on_views_that_stay(jobs: Jobs) -> None:
    expected = jobs.expected()
    assert jobs.packets(open_backend=network(replaced=True)) == expected and jobs.fetched == 0
    assert any("better: built beside the render" in text for text in jobs.told)


def test_a_network_that_takes_arrays_alone_has_each_view_fetched_once(jobs: Jobs) -> None:
    def arrays_alone(spec: object, info: object, tell: object) -> MattingBackend:
        return Lent(StubBackend(INFO))

    expected = jobs.packets(stay=False, open_backend=arrays_alone, smooth="normal")
    assert jobs.packets(open_backend=arrays_alone, smooth="normal") == expected and jobs.fetched == FRAMES


def test_who_follows_a_subject_has_each_view_fetched_once(jobs: Jobs) -> None:
    """Motion, the network, its choice and smoothing read it. Renders do not let such views stay: see below."""

    def soft(spec: object, info: object, tell: object) -> MattingBackend:
        return NetworkBackend(Prepared(brightness), INFO)

    subject = {"subject": "point=100,56", "smooth": "normal"}
    expected = jobs.packets(stay=False, open_backend=soft, **subject)
    assert jobs.packets(open_backend=soft, **subject) == expected and jobs.fetched == FRAMES


def lying(seed: int = 0, shape: tuple[int, ...] = (30, 50, 3)) -> tuple[np.ndarray, DeviceTensor]:
    """A picture, and the same as it lies on a device."""
    picture = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return picture, DeviceTensor(torch.from_numpy(picture.copy()))


def test_a_batch_of_both_kinds_is_read_as_an_array() -> None:
    (one, there), (other, _) = lying(0), lying(1)
    batch, expected = gathered([there, other, there]), np.stack([one, other, one])
    assert isinstance(batch, Gathered) and isinstance(gathered([one, other]), np.ndarray)
    assert (batch.shape, batch.ndim, batch.dtype, len(batch)) == ((3, 30, 50, 3), 4, np.dtype(np.uint8), 3)
    assert np.array_equal(at_home(batch), expected) and np.array_equal(at_home(batch[1:]), expected[1:])
    assert np.array_equal(on_device(batch, CPU).numpy(), expected) and batch[0] is there
    assert [each is expected for each, expected in zip(batch, (there, other, there), strict=True)] == [True] * 3
    check_input(batch, replace(INFO, input_size=(30, 50)))
    with pytest.raises(ValueError, match=r"pictures of \(96, 160\)"):
        check_input(batch, INFO)
    with pytest.raises(ValueError, match="one shape"):
        gathered([there, lying(shape=(30, 51, 3))[1]])
    with pytest.raises(ValueError, match="for 0 frames"):
        Batch((), batch)


def test_flow_is_looked_for_where_pictures_lie() -> None:
    estimator = device_motions.DeviceMotionEstimator(200, 112, CPU, side=96)
    (one, there), (other, _) = lying(0, (56, 80, 3)), lying(1, (56, 80, 3))
    here, look = estimator.look(one), estimator.look(there)
    assert isinstance(look, DeviceTensor) and look.dtype == np.uint8 and isinstance(here, np.ndarray)
    # Enlarged by fixed-point numbers on the CPU, and in float32 there.
    assert look.shape == here.shape and np.abs(look.home().astype(int) - here).max() <= 1
    later = estimator.look(other)
    found, expected = estimator.begin(look, later)(), estimator.begin(look.home(), later)()
    assert torch.equal(found.forward.there, expected.forward.there)


def test_grey_and_colours_are_those_of_opencv_to_the_last_bit() -> None:
    picture, there = lying(3, (61, 83, 3))
    expected = make_colour(picture, (61, 83), CPU)
    assert torch.equal(make_colour(there, (61, 83), CPU), expected) and there._home is None
    assert torch.equal(make_colour(there, (30, 40), CPU), make_colour(picture, (30, 40), CPU))
    grey = device_motions.MotionEstimator(83, 61, side=83).look(picture)
    assert np.array_equal(device_motions.DeviceMotionEstimator(83, 61, CPU, side=83).look(there).home(), grey)  # type: ignore[union-attr]


def test_pictures_that_a_device_has_no_memory_to_look_at_are_looked_at_on_the_cpu() -> None:
    looks: list[int] = []

    class Full(device_motions.DeviceMotionEstimator):
        def look(self, rgb: Any) -> Any:
            looks.append(1)
            if len(looks) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().look(rgb)

    told: list[str] = []
    home = device_motions.MotionEstimator(200, 112, side=96)
    items = [lying(seed, (112, 200, 3))[1] for seed in range(4)]
    moved = device_motions.with_motion_there(items, lambda item: item, Full(200, 112, CPU, side=96), home, told.append)
    assert [motion is None for _, motion in moved] == [True, False, False, False]
    assert told == ["cpu: out of memory for motion: some of it is found on the CPU"]
    # Nothing of it is tried there again so soon.
    assert len(looks) == 2 and [item._home is None for item in items] == [True, False, False, False]


def test_where_flow_is_found_on_the_device_no_picture_comes_home(monkeypatch: pytest.MonkeyPatch) -> None:
    real_view, real_step = smoothing.make_view, smoothing.make_step
    monkeypatch.setattr(smoothing, "make_view", lambda rgb, alpha, device: real_view(rgb, alpha, CPU))
    monkeypatch.setattr(smoothing, "make_step", lambda motion, size, device: real_step(motion, size, CPU))
    monkeypatch.setattr(smoothing, "is_sooner_there", lambda *_: True)
    found = device_motions.DeviceMotionEstimator(50, 30, CPU, side=64)
    monkeypatch.setattr(smoothing, "recorded_estimator", lambda *_, **__: Opened(found))
    items = [(lying(seed)[1], np.random.default_rng(seed).random((30, 50), np.float32)) for seed in range(5)]
    given = smoothing.steady_alphas(items, lambda item: item, (50, 30), "normal", where=smoothing.Where("cuda"))
    assert len([*given]) == 5 and all(view._home is None for view, _ in items)


@pytest.mark.parametrize("transfer", [1, 16], ids=["SDR", "PQ"])
def test_nothing_waits_for_the_device_where_a_view_is_made_and_read(
    transfer: int, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = torch.device("cuda")

    def band(make: object, before: int, after: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.empty(after, 4, dtype=torch.int32, device=device), torch.empty(after, 4, device=device)

    def table(name: str, transfer: int, device: torch.device) -> torch.Tensor:
        light = name == "light"
        return torch.empty(65536 if light else 4096, dtype=torch.float32 if light else torch.uint8, device=device)

    info = probe(clip)
    info = replace(info, colour=replace(info.colour, primaries=9, transfer=transfer), turn=Turn(1, mirror=True))
    monkeypatch.setattr(torch_filters, "_band", band)
    monkeypatch.setattr(device_transfer, "_table", table)
    with FakeTensorMode(), Seen() as seen:
        planes = [torch.empty(112, 200, device=cuda), *[torch.empty(56, 100, device=cuda) for _ in range(2)]]
        stored = SimpleNamespace(stored=(planes, Coding(8, full_range=False)))
        monkeypatch.setattr(view_torch.view, "Source", lambda *_: stored)
        view = DeviceTensor(view_torch.view.to_rgb(None, info, SIZE, cuda))  # type: ignore[arg-type]
        batch = on_device(gathered([view, view]), cuda)
        look = device_motions.DeviceMotionEstimator(200, 112, CPU).look
        monkeypatch.setattr(motion_torch, "made_now", lambda device: None)
        grey, colour = look(view), make_colour(view, SIZE, cuda)
    assert not seen.bad and seen.count > 30
    assert (batch.shape, batch.dtype, batch.device.type) == ((2, *SIZE, 3), torch.uint8, "cuda")
    assert isinstance(grey, DeviceTensor) and grey.shape == (269, 480) and colour.shape == (1, 3, *SIZE)


class Streams:
    """Stands for CUDA's, and notes what is asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = "making"
        self.calls: list[tuple[object, ...]] = []
        streams = self

        class Event:
            def record(self, stream: Any) -> None:
                streams.calls.append(("recorded", self, stream.name))

        def current_stream(device: torch.device) -> Any:
            name = streams.now
            wait = lambda event: streams.calls.append(("waited for", event, name))  # noqa: E731
            return SimpleNamespace(name=name, wait_event=wait)

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "current_stream", current_stream)
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: None)


def test_the_networks_stream_waits_for_the_one_that_made_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    streams, pixels = Streams(monkeypatch), torch.zeros(96, 160, 3, dtype=torch.uint8)
    monkeypatch.setattr(view_torch.view, "to_rgb", lambda *_: pixels)
    monkeypatch.setattr(view_torch, "ThreadStreams", lambda device: SimpleNamespace(own=lambda: Opened(None)))
    maker = ViewMaker("cuda", pytest.fail, stay=True)
    views = [maker(av.VideoFrame(16, 16, "nv12"), None, SIZE) for _ in range(2)]  # type: ignore[arg-type]
    events = [event for what, event, stream in streams.calls if (what, stream) == ("recorded", "making")]
    assert len(events) == 2 and not any("waited for" in call for call in streams.calls)
    streams.now = "network"
    NetworkBackend(Prepared(brightness), INFO).begin_there(gathered(views))
    waited = [event for what, event, stream in streams.calls if (what, stream) == ("waited for", "network")]
    assert waited == events


@pytest.mark.parametrize(
    ("free", "smooth", "said", "takes_arrays_alone", "stays"),
    [
        (None, "normal", (), False, True),
        (None, "off", (), True, False),
        (None, "off", ("a subject",), False, False),
        (900, "normal", (), False, False),
        (900, "off", (), False, True),
    ],
    ids=["usual", "arrays alone", "a subject", "smoothed on the CPU", "little room"],
)
def test_they_stay_where_nobody_reads_them_on_the_cpu(
    free: int | None, smooth: str, said: tuple[str, ...], takes_arrays_alone: bool, stays: bool
) -> None:
    made: Any = StubBackend(replace(INFO, device="cuda"))
    matte, guidance = SimpleNamespace(smooth=smooth), SimpleNamespace(said=said)
    plan = SimpleNamespace(decode_on="cuda", spec=SimpleNamespace(matte=matte), guidance=guidance)
    counted = Budget(free, 400, 100, smoothing=100)
    view = assembling._view_there(plan, made if takes_arrays_alone else Lent(made), object(), counted, pytest.fail)  # type: ignore[arg-type]
    assert isinstance(view, ViewMaker) and view._stay is stays
