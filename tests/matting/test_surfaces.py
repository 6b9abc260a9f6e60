"""Pictures that a GPU has decoded, used where they lie. What pretends to lie there is in the CPU's memory."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from clips import make_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from specs import job_spec, with_options
from stubs import INFO
from surfaces import Surface

from birefnet_video.backends.stub import StubBackend
from birefnet_video.colour import transfer as transfer_here
from birefnet_video.colour.convert import plane_array
from birefnet_video.colour.convert import to_rgb as on_cpu
from birefnet_video.colour.transfer import HLG, LINEAR, PQ
from birefnet_video.inputs import reader
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.surfaces import Surfaces, brought_home
from birefnet_video.matting import source
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.surfaces import bits_of, stored_planes
from birefnet_video.matting.transfer import to_sdr
from birefnet_video.matting.view import to_rgb
from birefnet_video.options.backgrounds import Blur
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline import assemble as assembling
from birefnet_video.pipeline import core, view_torch
from birefnet_video.pipeline.assemble import assemble
from birefnet_video.pipeline.budget import Budget
from birefnet_video.pipeline.compositor import CpuCompositor, Task
from birefnet_video.pipeline.stages import Composed, decode, infer, prepare
from birefnet_video.pipeline.view_torch import ViewMaker
from birefnet_video.types import ColourTags

CLIPS = Path(__file__).parents[1] / "data" / "clips"
CPU = torch.device("cpu")
#: What a plan asks of smoothing: nothing.
SPEC = SimpleNamespace(matte=SimpleNamespace(smooth="off"))
#: Format, bits, and by what its samples are stored as larger numbers.
FORMATS = {"nv12": (8, 1), "p010le": (10, 64), "p016le": (16, 1)}


def filled(pixel_format: str, width: int, height: int) -> tuple[av.VideoFrame, list[np.ndarray]]:
    """A frame of random samples, and what its three planes mean."""
    bits, step = FORMATS[pixel_format]
    rng = np.random.default_rng(width * 100 + height)
    sizes = [(height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2]
    planes = [rng.integers(0, 1 << bits, size) for size in sizes]
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, samples in zip(
        frame.planes, (planes[0], np.stack(planes[1:], -1).reshape(sizes[1][0], -1)), strict=True
    ):
        lines = np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else "<u2").reshape(plane.height, -1)
        lines[:, : samples.shape[1]] = samples * step
    return frame, planes


@settings(max_examples=60, deadline=None)
@given(pixel_format=st.sampled_from(sorted(FORMATS)), width=st.integers(1, 40), height=st.integers(1, 40))
def test_planes_are_what_was_stored(pixel_format: str, width: int, height: int) -> None:
    frame, planes = filled(pixel_format, width, height)
    lying = [Surface(frame)] if width % 2 == height % 2 == 0 else []
    for picture in (frame, *lying):
        assert bits_of(picture) == FORMATS[pixel_format][0]  # type: ignore[arg-type]
        found = stored_planes(picture, CPU)  # type: ignore[arg-type]
        assert [plane.dtype for plane in found] == [torch.float32] * 3
        assert all(np.array_equal(plane.numpy(), expected) for plane, expected in zip(found, planes, strict=True))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le", "rgb24", "nv16", "gray"])
def test_other_pictures_are_left_to_others(pixel_format: str) -> None:
    assert bits_of(av.VideoFrame(16, 16, pixel_format)) is None


def as_decoded(name: str) -> tuple[av.VideoFrame, av.VideoFrame]:
    """A clip's first picture as the CPU decodes it, and as a GPU does."""
    with av.open(str(CLIPS / name)) as container:
        picture = next(container.decode(video=0))
    deep = picture.format.components[0].bits > 8
    return picture, picture.reformat(format="p010le" if deep else "nv12")


@pytest.mark.parametrize("size", [(64, 96), (91, 57), (300, 200)], ids=str)
@pytest.mark.parametrize(
    "name", ["cfr_bframes_aac.mp4", "rot90.mov", "rot180.mp4", "full_range_709.mp4", "untagged_sd_601.mp4"]
)
def test_the_view_is_the_one_that_swscale_makes_exactly(name: str, size: tuple[int, int]) -> None:
    picture, decoded = as_decoded(name)
    info, trips = probe(CLIPS / name), []  # type: ignore[var-annotated]
    made = to_rgb(Surface(decoded, trips=trips), info, size, CPU).numpy()  # type: ignore[arg-type]
    expected = on_cpu(picture, info, size, exact=True)
    assert made.shape == expected.shape and made.dtype == np.uint8 and trips == []
    change = np.abs(made.astype(int) - expected)
    assert change.max() <= 1 and change.mean() < 0.02


def test_the_view_of_hdr_is_mapped() -> None:
    name = "pq_2020_10bit_hevc.mp4"
    _, decoded = as_decoded(name)
    info = probe(CLIPS / name)
    made = to_rgb(Surface(decoded), info, (64, 96), CPU).numpy()  # type: ignore[arg-type]
    # swscale makes 16 bits of chroma that it has thinned out, which shows at borders of colours.
    assert np.abs(made.astype(int) - on_cpu(decoded, info, (64, 96))).mean() < 4


@pytest.mark.parametrize("transfer", [PQ, HLG, LINEAR, 14], ids=["PQ", "HLG", "linear", "BT.2020"])
@pytest.mark.parametrize("primaries", [1, 9])
def test_colours_are_mapped_to_sdr_as_on_the_cpu(transfer: int, primaries: int) -> None:
    coded = np.random.default_rng(0).integers(0, 1 << 16, (90, 120, 3), dtype=np.uint16)
    tags = ColourTags(primaries, transfer, 9)
    expected = transfer_here.to_sdr(coded, tags)
    made = to_sdr(torch.from_numpy(coded.astype(np.int32)).permute(2, 0, 1), tags).permute(1, 2, 0).numpy()
    change = np.abs(made.astype(int) - expected)
    # Exponentials, roots and sums of three end in other last digits: 2 of a million samples by a level.
    assert made.dtype == np.uint8 and change.max() <= 1 and change.mean() < 1e-4


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=3, size=(320, 180))


def run(spec: JobSpec, folder: Path, name: str) -> tuple[list[Composed], list[np.ndarray]]:
    """All frames of all outputs before any encoder has seen them, and what the network saw."""
    outputs = tuple(replace_path(output, folder / f"{name}-{output.path.name}") for output in spec.outputs)
    network = StubBackend(replace(INFO, input_size=(64, 96), batch_size=1))
    line = assemble(
        with_options(spec, outputs=outputs, compose_on="device"), lambda message: None, lambda spec, info, tell: network
    )
    matting = replace(line.matting, view_there=ViewMaker("cpu", pytest.fail, stay=False))
    views: list[np.ndarray] = []
    try:

        def seen() -> Iterator[object]:
            for batch in prepare(islice(decode(line.reader), 3), line.info, matting):
                views.append(at_home(batch.rgb))
                yield batch

        return list(line.composing(infer(seen(), matting))), views  # type: ignore[arg-type]
    finally:
        for writer in line.writers:
            writer.discard()


def replace_path(output: OutputSpec, path: Path) -> OutputSpec:
    return OutputSpec(output.kind, path, output.background)


def test_nothing_comes_home_but_what_is_written(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From decoder to encoder without swscale and without a way back, and all is as by way of the CPU's memory."""
    kinds = {"a.mov": "alpha", "a.mkv": "alpha", "m.mkv": "mask", "g.mp4": "composite"}
    outputs = [OutputSpec(kind, Path(name)) for name, kind in kinds.items()]  # type: ignore[arg-type]
    spec = job_spec(clip, (*outputs, OutputSpec("composite", Path("b.mp4"), Blur())))

    def decoded(picture: av.VideoFrame) -> av.VideoFrame:
        return picture.reformat(format="nv12")

    monkeypatch.setattr(reader, "integral", decoded)
    monkeypatch.setattr(core, "to_rgb", partial(on_cpu, exact=True))
    expected, _ = run(spec, tmp_path, "cpu")
    trips: list[str] = []
    monkeypatch.setattr(reader, "integral", lambda picture: Surface(decoded(picture), trips=trips))
    for module in (source, core, view_torch.convert):
        for name in ("to_planar", "to_rgb"):
            monkeypatch.setattr(module, name, lambda *args, **options: pytest.fail("swscale"), raising=False)
    made, views = run(spec, tmp_path, "there")
    assert trips == [] and len(views) == len(made) == 3
    for (meta, pictures), (expected_meta, expected_pictures) in zip(made, expected, strict=True):
        assert meta == expected_meta
        for picture, other in zip(pictures, expected_pictures, strict=True):
            for index in range(len(picture.format.components)):
                change = np.abs(plane_array(picture, index).astype(float) - plane_array(other, index))
                # The two views differ by a level here and there, and so do mattes.
                assert change.mean() / (1 << (picture.format.components[0].bits - 8)) < 0.05


def decoder(*, hwaccel: bool = True) -> SimpleNamespace:
    return SimpleNamespace(is_hwaccel=hwaccel, name="h264")


def taken(picture: object, *, stay: bool = True, hwaccel: bool = True, on: str = "cuda") -> tuple[object, list[str]]:
    told: dict[str, str] = {}
    surfaces = Surfaces(on, told.setdefault, stay=stay)  # type: ignore[arg-type]
    return surfaces.taken(decoder(hwaccel=hwaccel), picture), [*told.values()]  # type: ignore[arg-type]


def test_pictures_stay_where_all_can_read_them_there() -> None:
    for pixel_format in FORMATS:
        lying = Surface(av.VideoFrame(32, 16, pixel_format))
        assert taken(lying) == (lying, [])


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (av.VideoFrame(32, 16, "yuv444p"), "its samples are yuv444p"),
        (av.VideoFrame(32, 16, "nv16"), "its samples are nv16"),
        (av.VideoFrame(31, 16, "nv12"), "its sides are odd"),
    ],
    ids=["4:4:4", "4:2:2", "odd"],
)
def test_what_cannot_be_read_there_comes_home_and_that_is_said(picture: av.VideoFrame, reason: str) -> None:
    picture.pts = 7
    home, told = taken(Surface(picture))
    assert isinstance(home, av.VideoFrame) and home.format.name == picture.format.name and home.pts == 7
    assert told == [f"pictures of this h264 come from cuda to the CPU: {reason}"]


def test_interlaced_pictures_come_home() -> None:
    lying = Surface(av.VideoFrame(32, 16, "nv12"))
    lying.interlaced_frame = True
    home, told = taken(lying)
    assert isinstance(home, av.VideoFrame) and told == [
        "pictures of this h264 come from cuda to the CPU: it is interlaced"
    ]


def test_where_they_are_not_wanted_they_come_home_without_a_word() -> None:
    home, told = taken(Surface(av.VideoFrame(32, 16, "nv12")), stay=False)
    assert isinstance(home, av.VideoFrame) and told == []


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p", "nv12"])
def test_a_decoder_that_has_fallen_back_is_known_whatever_it_gives(pixel_format: str) -> None:
    picture = av.VideoFrame(32, 16, pixel_format)
    assert taken(picture) == (picture, ["this h264 is not decoded on cuda: the CPU does"])
    assert taken(picture, on="cpu", hwaccel=False) == (picture, [])
    assert brought_home(picture) is picture


def test_they_stay_only_where_they_are_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    there = SimpleNamespace(compose=lambda matte, edit: None)

    def wired(decode_on: str, device: str, compositor: object, free: int | None = None) -> bool:
        network = StubBackend(replace(INFO, device=device))
        plan = SimpleNamespace(decode_on=decode_on, spec=SPEC, guidance=SimpleNamespace(said=()))
        view_there = assembling._view_there(plan, network, compositor, Budget(free, 1000, 100), told.append)  # type: ignore[arg-type]
        return view_there is not None

    monkeypatch.setattr(view_torch, "ViewMaker", lambda device, notify, stay: device)
    assert wired("cuda", "cuda:0", there) and wired("cuda:1", "cuda:1", there) and not wired("cpu", "cuda", there)
    assert told == []
    info = probe(CLIPS / "cfr_bframes_aac.mp4")
    assert not wired("cuda", "cuda", CpuCompositor(Task(info), (), ()))
    assert not wired("cuda:1", "cuda:0", there)
    assert wired("cuda", "cuda", there, 600) and not wired("cuda", "cuda", there, 599)
    assert told == [
        "pictures come from cuda to the CPU: they are composed on the CPU",
        "pictures come from cuda:1 to the CPU: they are composed on cuda:0",
        "pictures come from cuda to the CPU: its memory has no room for those on their way",
    ]


def test_memory_that_runs_out_for_a_view_is_said_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    told: list[str] = []
    monkeypatch.setattr(view_torch.view, "to_rgb", fail)
    _, decoded = as_decoded("cfr_bframes_aac.mp4")
    info, trips = probe(CLIPS / "cfr_bframes_aac.mp4"), []  # type: ignore[var-annotated]
    there = ViewMaker("cpu", told.append, stay=True)
    for _ in range(2):
        made = there(Surface(decoded, trips=trips), info, (64, 96))  # type: ignore[arg-type]
        assert isinstance(made, np.ndarray) and np.array_equal(made, on_cpu(decoded, info, (64, 96)))
    assert len(told) == 1 and trips == ["rgb24"] * 2
