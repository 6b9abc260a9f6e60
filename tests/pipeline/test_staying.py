"""Mattes stay on the network's device up to the compositor there: jobs come out as if they had gone home and back."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cameras import camera_info, painted
from clips import make_clip
from packets import packets
from specs import job_spec
from stubs import INFO, notices

from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.backends.base import Lent, MattingBackend
from birefnet_video.backends.engine import Prepared
from birefnet_video.backends.finite import FiniteBackend
from birefnet_video.backends.network import NetworkBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.replacing import ReplacingBackend
from birefnet_video.events import JobEvent
from birefnet_video.jobs import Job
from birefnet_video.live.live_matting import LiveMatting
from birefnet_video.matting.device_plane import DevicePlane
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline.compositor import CpuCompositor, Task
from birefnet_video.pipeline.compositor_torch import DeviceCompositor
from birefnet_video.pipeline.core import Matting
from birefnet_video.types import Frame, FrameMeta

FRAMES = 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mkv", frames=FRAMES, size=(200, 112))


def brightness(x: torch.Tensor) -> torch.Tensor:
    """A network whose mattes are soft, and differ from frame to frame."""
    return x.mean(1, keepdim=True) * 4 - 1


class NeverReady:
    """An engine that is built for ever."""

    name = "better"

    def start(self) -> None: ...

    def take(self) -> None:
        return None

    def close(self) -> None: ...


def opened(run: Callable[[torch.Tensor], torch.Tensor] = brightness) -> Callable[..., MattingBackend]:
    """The network as it is opened for a render: four frames come, three go through at once."""

    def network(tell: Callable[[str], None]) -> MattingBackend:
        backend = NetworkBackend(Prepared(run), INFO)
        adaptive = AdaptiveBackend(backend, tell, measures=False)
        adaptive._at_once = 3
        return ReplacingBackend(adaptive, NeverReady(), tell, frames=FRAMES, after_s=0)

    return lambda spec, info, tell: Lent(FiniteBackend(network(tell), tell, ["fp32"], lambda _: network(tell)))


class Seen:
    """Counts what comes home."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = 0
        real = DevicePlane.home

        def home(plane: DevicePlane) -> Any:
            self.home += 1
            return real(plane)

        monkeypatch.setattr(DevicePlane, "home", home)


def rendered(clip: Path, folder: Path, open_backend: Any = None, **options: object) -> tuple[list[Any], list[str]]:
    """The packets of both outputs, and what was said."""
    folder.mkdir()
    outputs = OutputSpec("mask", folder / "m.mkv"), OutputSpec("composite", folder / "g.mp4")
    spec = job_spec(clip, outputs, **{"compose_on": "device", "size": (96, 160), **options})
    job = Job(spec, open_backend=open_backend or opened())
    events: list[JobEvent] = []
    job.subscribe(events.append)
    job.start()
    assert job.result().frames == FRAMES
    return [packets(output.path) for output in outputs], notices(events)


def gone_home_and_back(clip: Path, folder: Path, open_backend: Any = None, **options: object) -> list[Any]:
    """The packets of the same job, with every matte brought home after the network and after smoothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Matting, "stays", property(lambda self: False))
        return rendered(clip, folder, open_backend, **options)[0]


@pytest.mark.parametrize("smooth", ["off", "normal", "live"])
def test_no_matte_comes_home_and_every_byte_is_the_same(
    smooth: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = gone_home_and_back(clip, tmp_path / "home", smooth=smooth)
    seen = Seen(monkeypatch)
    made, _ = rendered(clip, tmp_path / "there", smooth=smooth)
    assert made == expected and seen.home == 0


def test_the_bundled_network_renders_the_same(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = BackendSpec(engine="eager", precision="fp32", device="cpu", size=(96, 160), batch_size=2)
    backend = load_backend(spec, 200, 112)
    expected = gone_home_and_back(clip, tmp_path / "home", lambda *_: Lent(backend))
    seen = Seen(monkeypatch)
    made, _ = rendered(clip, tmp_path / "there", lambda *_: Lent(backend))
    assert made == expected and seen.home == 0


def test_what_the_device_has_no_room_for_comes_home_for_the_cpu(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = DeviceCompositor._compose, range(2, 4)

    def compose(self: DeviceCompositor, matte: Any, edit: Any) -> Any:
        if matte.frame.meta.index in full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, matte, edit)

    monkeypatch.setattr(DeviceCompositor, "_compose", compose)
    expected = gone_home_and_back(clip, tmp_path / "home", smooth="off")
    seen = Seen(monkeypatch)
    made, told = rendered(clip, tmp_path / "there", smooth="off")
    assert made == expected and seen.home == len(full)
    assert any("out of memory for pictures" in text for text in told)


def test_mattes_that_are_no_numbers_are_made_again(clip: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    def fails_once(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return brightness(x) * (torch.nan if len(calls) == 2 else 1)

    made, told = rendered(clip, tmp_path / "there", opened(fails_once), smooth="off")
    assert made == gone_home_and_back(clip, tmp_path / "home", smooth="off")
    assert sum("no numbers" in text for text in told) == 1


@pytest.mark.parametrize("steady", [True, False])
def test_live_mattes_stay_and_are_the_same(
    steady: bool, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info, numbers = camera_info(tmp_path), (1, 2, 2, 700, 5)
    frames = [Frame(FrameMeta(index, index, Fraction(1, 25)), painted(n)) for index, n in enumerate(numbers)]

    def made(compositor: Any) -> list[Any]:
        network = NetworkBackend(Prepared(brightness), replace(INFO, batch_size=1))
        live = LiveMatting(Matting(network, compositor), info, steady=steady)
        mattes = [live.matte(frame).alpha for frame in frames]
        live.close()
        return mattes

    expected = made(CpuCompositor(Task(info), [], []))
    seen = Seen(monkeypatch)
    there = made(object())
    assert all(isinstance(alpha, DevicePlane) for alpha in there) and seen.home == 0
    assert all(np.array_equal(one.home(), other) for one, other in zip(there, expected, strict=True))


class Stream:
    """Stands for one of CUDA."""

    def __init__(self) -> None:
        self.waited_for: list[object] = []

    def wait_event(self, event: object) -> None:
        self.waited_for.append(event)


def test_a_stream_that_reads_waits_for_the_one_that_made_it_and_keeps_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plane, ready, now = torch.rand(4, 6), object(), Stream()
    kept: list[object] = []
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: now)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: kept.append(stream))
    there = DevicePlane(plane, ready)
    assert there.shape == (4, 6) and now.waited_for == []
    assert there.here() is plane and now.waited_for == [ready] and kept == [now]


@pytest.mark.parametrize(("device", "expected"), [("cpu", True), ("cuda", False), ("cuda:1", False)])
def test_a_device_without_a_number_is_any_of_its_kind(device: str, expected: bool) -> None:
    assert DevicePlane(torch.zeros(2, 2)).lies_on(torch.device(device)) is expected
