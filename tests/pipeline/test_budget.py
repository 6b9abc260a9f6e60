"""What composing and the network take of a device's memory: counted, and held against what is alive."""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from clips import make_clip
from hypothesis import given
from hypothesis import strategies as st
from stubs import INFO
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from birefnet_video.backends import room
from birefnet_video.backends.room import bytes_a_pixel, most_at_once, that_fit
from birefnet_video.defaults import COMPOSING_SHARE
from birefnet_video.inputs.probe import probe
from birefnet_video.matting.device_tensor import DeviceTensor
from birefnet_video.matting.temporal.flicker import FlickerGauge
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator
from birefnet_video.options.backgrounds import Blur
from birefnet_video.options.matte import ColourSpec, MatteSpec, Smoothing
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.encodings import encoding_for
from birefnet_video.pipeline import assemble as assembling
from birefnet_video.pipeline import smoothing
from birefnet_video.pipeline.budget import Budget, budget
from birefnet_video.pipeline.checks import make_canvas
from birefnet_video.pipeline.composing import Composing, Look
from birefnet_video.pipeline.smoothing import Heard, Where, steady_alphas
from birefnet_video.types import Frame, FrameMeta, Matte, MediaInfo, Motion

GB = 10**9
#: Of cards of 8 and 4 GB, once CUDA has taken its part.
FREE = {8: int(7.4 * GB), 4: int(3.5 * GB)}


class Alive(TorchDispatchMode):
    """Counts the bytes of all tensors that operators make while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor) and (place := each.untyped_storage())._cdata not in self._known:
                self._known.add(place._cdata)
                self.now += place.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(place, self._gone, place._cdata, place.nbytes())
        return made

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    return probe(make_clip(tmp_path_factory.mktemp("clip") / "in.mkv", frames=2, size=(320, 180)))


OUTPUTS = {
    "mask": OutputSpec("mask", Path("m.mkv")),
    "prores": OutputSpec("alpha", Path("a.mov")),
    "green": OutputSpec("composite", Path("g.mp4")),
    "blur": OutputSpec("composite", Path("b.mp4"), Blur()),
}
BUSY = ColourSpec(decontaminate="fast", despill="green")


@pytest.mark.parametrize("small", [(96, 160), (32, 48)], ids=str)
@pytest.mark.parametrize(
    ("names", "matte"),
    [*((name, MatteSpec()) for name in OUTPUTS), ("mask", MatteSpec(mask_offset=3, mask_blur=2)), ("all", MatteSpec())],
    ids=str,
)
def test_a_thread_holds_no_more_than_is_counted(
    names: str, matte: MatteSpec, small: tuple[int, int], info: MediaInfo
) -> None:
    width, height = 640, 360
    media = replace(info, width=width, height=height, coded_width=width, coded_height=height)
    outputs = list(OUTPUTS.values()) if names == "all" else [OUTPUTS[names]]
    shown = [(output, make_canvas(encoding_for(output), media)) for output in outputs]
    compositor = Composing(Look(colour=BUSY, compose_on="device"), shown, media, lambda line: None).on("cpu")
    alpha = np.clip(np.random.default_rng(0).random(small, np.float32) * 3 - 1, 0, 1)
    frame = Frame(FrameMeta(0, 0, Fraction(1, 25), 1), av.VideoFrame(width, height, "yuv420p"))
    given_matte = Matte(frame, alpha, np.zeros((*small, 3), np.uint8))
    # What is kept for all frames is made now.
    compositor.compose(given_matte, matte)
    with Alive() as alive:
        compositor.compose(given_matte, matte)
    counted = budget(media, small, 1, None).thread
    assert 0.3 * counted < alive.most <= counted, (alive.most, counted)


@pytest.mark.parametrize("mode", ["live", "normal", "high"])
def test_smoothing_holds_no_more_than_is_counted(mode: Smoothing, info: MediaInfo) -> None:
    size, estimator = (96, 160), MotionEstimator(info.width, info.height)
    rng = np.random.default_rng(0)

    def items() -> Iterator[tuple[DeviceTensor, np.ndarray, Motion]]:
        """Whose mattes differ everywhere, each with a motion of its own, made as it comes; views lie there."""
        for _ in range(12):
            still = np.zeros((*estimator.grid, 2), np.float32)
            motion = Motion(still, still.copy(), is_cut=False, continues=True)
            view = DeviceTensor(torch.from_numpy(rng.integers(0, 255, (*size, 3), np.uint8)))
            yield view, rng.random(size, np.float32), motion

    heard: Heard[Any] = Heard(gauges=(FlickerGauge(), FlickerGauge()), motion=lambda item: item[2])
    where = Where(stay=True)
    with Alive() as alive:
        given = sum(1 for _ in steady_alphas(items(), lambda item: item[:2], size, mode, where=where, heard=heard))
    counted = budget(info, size, 1, None, smooth=mode, finds_motion=False).smoothing
    assert given == 12 and 0.8 * counted < alive.most <= counted, (alive.most, counted)


@pytest.mark.parametrize("size", [(544, 960), (1088, 1920)], ids=str)
def test_what_makes_pictures_for_flow_holds_no_more_than_is_counted(size: tuple[int, int], info: MediaInfo) -> None:
    estimator = DeviceMotionEstimator(info.width, info.height, torch.device("cpu"))
    view = DeviceTensor(torch.zeros(*size, 3, dtype=torch.uint8))
    # What is kept for all pictures is made now.
    estimator.look(view)
    with Alive() as alive:
        estimator.look(view)
    with_it, without = (budget(info, size, 1, None, smooth="live", finds_motion=finds) for finds in (True, False))
    counted = with_it.smoothing - without.smoothing
    # Of small views flow takes more.
    assert 0.4 * counted < alive.most <= counted, (alive.most, counted)


@pytest.mark.parametrize("mode", ["normal", "high"])
def test_what_finds_flow_holds_no_more_than_is_counted(mode: Smoothing, info: MediaInfo) -> None:
    estimator = DeviceMotionEstimator(info.width, info.height, torch.device("cpu"), thorough=mode == "high")
    grey = np.zeros(MotionEstimator(info.width, info.height).shape, np.uint8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with Alive() as alive:
        estimator.begin(grey, grey)()
    torch.set_num_threads(threads)
    with_it, without = (budget(info, (96, 160), 1, None, smooth=mode, finds_motion=finds) for finds in (True, False))
    counted = with_it.smoothing - without.smoothing
    assert 0.8 * counted < alive.most <= counted, (alive.most, counted)


def counted(size: tuple[int, int], free: int, info: MediaInfo, *, depth: int = 8, batch: int = 4) -> Budget:
    media = replace(info, width=size[0], height=size[1], bit_depth=depth)
    return budget(media, (1024, 1024), batch, free, smooth="normal")


@pytest.mark.parametrize(
    ("card", "backbone", "size", "threads"),
    [
        (8, "swin_v1_l", (1920, 1080), 6),
        (8, "swin_v1_l", (3840, 2160), 3),
        (4, "swin_v1_t", (1920, 1080), 2),
        (4, "swin_v1_t", (3840, 2160), 1),
    ],
    ids=str,
)
def test_general_fits_8_gb_and_lite_4(
    card: int, backbone: str, size: tuple[int, int], threads: int, info: MediaInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With mattes smoothed and on their way there, flow found there and frames composed there."""
    free = FREE[card]
    monkeypatch.setattr(room, "free_bytes", lambda device: free)
    network = SimpleNamespace(facts=SimpleNamespace(backbone=backbone), bytes_on=lambda device: 0)
    request = SimpleNamespace(network=network, info=replace(INFO, device="cuda", input_size=(1024, 1024)))
    at_once = most_at_once(request, "eager", "fp16")  # type: ignore[arg-type]
    assert at_once == 4
    taken = at_once * 1024 * 1024 * bytes_a_pixel(backbone, "fp16")
    made = counted(size, free, info, batch=at_once)
    assert made.has_room_for_smoothing
    assert made.threads(6, pictures_stay=False) == threads
    assert taken + made.mattes + made.smoothing + threads * made.thread <= free


def test_float32_takes_twice_as_much_and_nobody_counts_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bytes_a_pixel("swin_v1_t", "fp32") == 2 * bytes_a_pixel("swin_v1_t", "bf16")
    assert bytes_a_pixel("unknown", "fp16") == bytes_a_pixel("swin_v1_l", "fp16")
    assert room.free_bytes("cpu") is None and room.free_bytes("mps") is None


@given(most=st.integers(1, 64), space=st.integers(-10, 1000), each=st.integers(1, 100))
def test_what_fits_is_as_much_as_can_be_halved_to(most: int, space: int, each: int) -> None:
    found = that_fit(most, space, each)
    assert 1 <= found <= most
    assert found == 1 or found * each <= space
    assert found == most or 2 * found * each > space - each


@given(free=st.integers(0, 100 * GB), wanted=st.integers(1, 6), stay=st.booleans())
def test_threads_never_take_more_than_their_share_unless_there_is_one_alone(free: int, wanted: int, stay: bool) -> None:
    made = Budget(free, GB // 2, GB, GB // 8, GB // 4)
    threads = made.threads(wanted, pictures_stay=stay)
    assert 1 <= threads <= wanted
    others = made.mattes + made.has_room_for_smoothing * made.smoothing + stay * made.waiting
    assert threads == 1 or threads * made.thread + others <= free * COMPOSING_SHARE
    assert made.has_room_for_smoothing == (int(free * COMPOSING_SHARE) >= GB // 2 + GB // 4 + GB // 8)
    assert Budget(None, GB, GB).threads(wanted, pictures_stay=stay) == wanted


def test_pictures_on_their_way_are_counted(info: MediaInfo) -> None:
    eight, ten = (counted((3840, 2160), FREE[8], info, depth=depth) for depth in (8, 10))
    # Four queues of two batches, and four batches in the works: 48 pictures of 12.4 MB; and views in three queues.
    pictures, views = 48 * 3840 * 2160 * 3 // 2, 40 * 1024 * 1024 * 3
    assert eight.waiting == pictures + views and ten.waiting == 2 * pictures + views
    assert eight.has_room_for_pictures and not ten.has_room_for_pictures
    assert not counted((3840, 2160), FREE[4], info).has_room_for_pictures


@pytest.mark.parametrize("free", [None, 3 * GB, GB // 4], ids=str)
def test_mattes_are_smoothed_on_the_cpu_where_the_device_has_no_room(
    free: int | None, info: MediaInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    found: list[Where] = []
    monkeypatch.setattr(smoothing, "smooth", lambda batches, *, where, **_: found.append(where) or batches)
    spec, said = SimpleNamespace(matte=SimpleNamespace(smooth="normal")), SimpleNamespace(said=())
    plan = SimpleNamespace(spec=spec, info=info, guidance=said, lanes=[None])
    matting = SimpleNamespace(info=replace(INFO, device="cuda"), stays=True)
    made = budget(replace(info, width=1920, height=1080), (1024, 1024), 1, free, smooth="normal")
    stage, _ = assembling._smoothing(plan, matting, made, lambda meta: None, told.append)  # type: ignore[arg-type]
    assert stage is not None and list(stage([])) == []
    has_room = free is None or free == 3 * GB
    assert (found[0].device, found[0].stay) == (("cuda", True) if has_room else ("cpu", False))
    assert told == ([] if has_room else ["cuda: its memory has no room to smooth mattes there: the CPU does"])


def test_fewer_threads_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(assembling, "_workers", lambda: 6)
    matting = SimpleNamespace(info=replace(INFO, device="cuda"), compositor=object(), view_there=None)
    threads = [
        assembling._composing_threads(matting, Budget(free, GB, 0), told.append)  # type: ignore[arg-type]
        for free in (None, 20 * GB, 10 * GB)
    ]
    assert threads == [6, 6, 3]
    assert told == ["cuda: its memory has room for 3 of 6 pictures that would be composed at once"]
