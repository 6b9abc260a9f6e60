"""What is composed on a device (torch's operators, here on the CPU) is what OpenCV and swscale make on the CPU."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from attrs import evolve
from clips import make_clip
from specs import job_spec, with_options
from stubs import INFO, notices, open_stub

from birefnet_video.backends.stub import StubBackend
from birefnet_video.colour.convert import plane_array
from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.events import JobEvent
from birefnet_video.inputs import opening, reader
from birefnet_video.inputs.deinterlacing import Deinterlacer
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.read_alpha import read_mattes
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import Blur, PictureFile, VideoFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline import compositor_torch as device
from birefnet_video.pipeline.assemble import assemble
from birefnet_video.pipeline.stages import Composed, decode, infer, prepare

CLIPS = Path(__file__).parents[1] / "data" / "clips"
OUTPUTS: dict[str, OutputSpec] = {
    "green": OutputSpec("composite", Path("green.mp4")),
    "blur": OutputSpec("composite", Path("blur.mkv"), Blur()),
    "prores": OutputSpec("alpha", Path("alpha.mov")),
    "ffv1": OutputSpec("alpha", Path("alpha.mkv")),
    "mask": OutputSpec("mask", Path("mask.mkv")),
}


def compose(spec: JobSpec, folder: Path, on: str, device: str = "cpu") -> list[Composed]:
    """The first two frames of all outputs, before any encoder has seen them."""
    outputs = tuple(evolve(output, path=folder / f"{on}-{output.path.name}") for output in spec.outputs)
    # Not the picture's size, and no whole fraction of it.
    network = StubBackend(replace(INFO, device=device, input_size=(64, 96), batch_size=1))
    line = assemble(
        with_options(spec, outputs=outputs, compose_on=on),  # type: ignore[arg-type]
        lambda message: None,
        lambda spec, info, tell: network,
    )
    try:
        batches = prepare(islice(decode(line.reader), 2), line.info, line.matting)
        return list(line.composing(infer(batches, line.matting)))
    finally:
        for writer in line.writers:
            writer.discard()


def differences(spec: JobSpec, folder: Path, device: str = "cpu") -> list[np.ndarray]:
    """Of every plane of every frame, in levels of eight bits."""
    found = []
    for on_cpu, on_device in zip(compose(spec, folder, "cpu"), compose(spec, folder, "device", device), strict=True):
        assert on_cpu[0] == on_device[0]
        for expected, made in zip(on_cpu[1], on_device[1], strict=True):
            assert (made.format.name, made.width, made.height) == (
                expected.format.name,
                expected.width,
                expected.height,
            )
            for index, component in enumerate(expected.format.components):
                level = 1 << (component.bits - 8)
                planes = (plane_array(picture, index).astype(float) for picture in (expected, made))
                found.append(np.abs(np.subtract(*planes)) / level)
    return found


def assert_alike(planes: list[np.ndarray], *, far: float = 0.01) -> None:
    assert planes
    for plane in planes:
        # swscale cuts fractions off when it changes the range.
        assert plane.mean() < 0.5
        # Where alpha is about to be nothing, a colour counts as soft or does not.
        assert (plane > 1.5).mean() <= far, (plane.mean(), plane.max())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(
    "name",
    [
        "cfr_bframes_aac.mp4",  # 4:2:0
        "odd_161x91.mp4",
        "rot90.mov",
        "rot180.mp4",
        "full_range_709.mp4",
        "untagged_sd_601.mp4",
        "pq_2020_10bit_hevc.mp4",  # ten bits
        "in_prores4444.mov",  # 4:4:4, twelve bits, alpha of its own
        "webcam_mjpeg.avi",
        "anim.gif",  # RGB: swscale makes its planes
        "tiny_16x16.mkv",
    ],
)
def test_every_kind_of_input(name: str, device: str, tmp_path: Path) -> None:
    assert_alike(differences(job_spec(CLIPS / name, tuple(OUTPUTS.values())), tmp_path, device))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=6, size=(320, 180))


@pytest.mark.parametrize(
    "matte",
    [
        MatteSpec(refine=False),
        MatteSpec(threshold=0.5),
        MatteSpec(mask_offset=4),
        MatteSpec(mask_offset=-7, invert=True),
        MatteSpec(mask_blur=2.5),
    ],
    ids=str,
)
def test_every_change_of_mattes(matte: MatteSpec, clip: Path, tmp_path: Path) -> None:
    spec = job_spec(clip, (OUTPUTS["mask"], OUTPUTS["green"]), matte=matte, colour=ColourSpec(decontaminate="off"))
    assert_alike(differences(spec, tmp_path))


@pytest.mark.parametrize(
    "colour",
    [ColourSpec(decontaminate="off", despill="green"), ColourSpec(decontaminate="fast", despill="blue")],
    ids=str,
)
def test_every_treatment_of_colours(colour: ColourSpec, tmp_path: Path) -> None:
    spec = job_spec(CLIPS / "untagged_sd_601.mp4", (OUTPUTS["green"], OUTPUTS["prores"]), colour=colour)
    assert_alike(differences(spec, tmp_path))


def test_every_background(clip: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "behind.png"), np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8))
    behind = PictureFile(tmp_path / "behind.png"), VideoFile(CLIPS / "full_range_709.mp4")
    outputs = tuple(OutputSpec("composite", Path(f"{index}.mkv"), each) for index, each in enumerate(behind))
    assert_alike(differences(job_spec(clip, outputs), tmp_path))


@pytest.mark.parametrize(("there", "here"), [("nv12", "yuv420p"), ("yuv444p10msble", "yuv444p10le")])
def test_what_a_gpu_decodes_is_taken(
    there: str, here: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its decoder gives chroma in one plane, or samples in the upper bits."""
    spec = job_spec(clip, (OUTPUTS["green"], OUTPUTS["prores"]))

    def decoded_as(pixel_format: str, picture: av.VideoFrame) -> av.VideoFrame:
        made = picture.reformat(format=pixel_format)
        made.pts, made.time_base = picture.pts, picture.time_base
        return made

    monkeypatch.setattr(reader, "integral", partial(decoded_as, here))
    usual = compose(spec, tmp_path, "cpu")
    monkeypatch.setattr(reader, "integral", partial(decoded_as, there))
    for on in ("cpu", "device"):
        for expected, made in zip(usual, compose(spec, tmp_path, on), strict=True):
            for before, now in zip(expected[1], made[1], strict=True):
                for index, component in enumerate(now.format.components):
                    change = np.abs(plane_array(before, index).astype(float) - plane_array(now, index))
                    assert (change / (1 << (component.bits - 8))).mean() < 0.3


def test_a_decoder_of_the_networks_gpu_is_taken_and_one_that_falls_back_is_said(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []
    # What FFmpeg does with a stream that a GPU does not take.
    monkeypatch.setattr(opening, "HWAccel", lambda kind, number, is_hw_owned: asked.append((kind, number)))
    told: list[str] = []
    for on in ("cuda", "cuda:1"):
        assert len(list(reader.Reader(probe(clip), told.append, decode_on=on).frames())) == 6
    assert asked == [("cuda", None), ("cuda", "1")]
    assert told == [f"this h264 is not decoded on {on}: the CPU does" for on in ("cuda", "cuda:1")]


def test_interlaced_pictures_are_taken_in_whatever_format_a_decoder_gives() -> None:
    with av.open(str(CLIPS / "interlaced_tff.mp4")) as container:
        stream = container.streams.video[0]
        pictures = [picture.reformat(format="nv12") for picture in container.decode(stream)]
        deinterlacer = Deinterlacer(stream.time_base, pictures[0])
        ready = [made for picture in (*pictures, None) for made in deinterlacer.push(picture)]
    assert len(ready) == len(pictures)
    assert {(made.width, made.height) for made in ready} == {(stream.width, stream.height)}


def run(source: Path, outputs: tuple[OutputSpec, ...], **options: object) -> list[JobEvent]:
    spec = job_spec(source, outputs, compose_on="device", verify="full", **options)  # type: ignore[arg-type]
    events: list[JobEvent] = []
    job = Job(spec, open_backend=open_stub())
    job.subscribe(events.append)
    job.start()
    assert job.result().frames == 6
    return events


def test_a_whole_job_is_composed_there(clip: Path, tmp_path: Path) -> None:
    """Verified from end to end: the means that the gauge was told are in the file. A picture of RGB comes beside."""
    outputs = OutputSpec("mask", tmp_path / "m.mkv"), OutputSpec("alpha", tmp_path / "a_%02d.png")
    told = notices(run(clip, outputs))
    assert any("composed on the CPU and not on cpu: pictures of RGB" in each for each in told)
    assert len(list(read_mattes(tmp_path / "m.mkv"))) == len(list(tmp_path.glob("a_*.png"))) == 6


def test_out_of_memory_is_said_once_and_no_frame_is_lost(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine: Callable[..., torch.Tensor] = device.refine
    calls = count()

    def fail(*args: object) -> torch.Tensor:
        # The second frame fails, and when it is tried again; the third one is tried no more, and the fourth is well.
        if next(calls) in (1, 2):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return refine(*args)

    monkeypatch.setattr(device, "refine", fail)
    told = notices(run(clip, (OutputSpec("mask", tmp_path / "m.mkv"),)))
    assert sum("what does not fit is composed on the CPU" in each for each in told) == 1
    # Six frames: one on the CPU after its two tries, one kept away.
    assert next(calls) == 6
    mattes = list(read_mattes(tmp_path / "m.mkv"))
    # Frame by frame the subject moves on.
    assert len(mattes) == 6
    assert all(np.abs(before - now).mean() > 0.001 for before, now in pairwise(mattes))


def test_memory_that_is_free_again_by_the_second_try_is_not_worth_a_word(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine: Callable[..., torch.Tensor] = device.refine
    calls = count()

    def fail(*args: object) -> torch.Tensor:
        if next(calls) % 2 == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return refine(*args)

    monkeypatch.setattr(device, "refine", fail)
    told = notices(run(clip, (OutputSpec("mask", tmp_path / "m.mkv"),)))
    assert not any("out of memory" in each for each in told) and next(calls) == 12


def test_another_error_on_the_device_is_no_lack_of_memory(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> torch.Tensor:
        raise RuntimeError("an illegal instruction was encountered")

    monkeypatch.setattr(device, "refine", fail)
    with pytest.raises(RuntimeError, match="illegal instruction"):
        run(clip, (OutputSpec("mask", tmp_path / "m.mkv"),))


def test_what_is_asked_for_by_name_and_cannot_be_is_refused(clip: Path, tmp_path: Path) -> None:
    spec = job_spec(clip, (OutputSpec("foreground", tmp_path / "f.mp4"),), compose_on="device")
    with pytest.raises(BackendUnavailable, match="a foreground can be made on the CPU only"):
        assemble(spec, lambda message: None, open_stub())
    spec = job_spec(CLIPS / "seq_png" / "shot_%04d.png", (OutputSpec("mask", tmp_path / "m.mkv"),), decode_on="cuda")
    with pytest.raises(UsageError, match="sequences are decoded on the CPU"):
        assemble(spec, lambda message: None, open_stub())
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_decoder_that_is_not_there_is_said_before_any_work(clip: Path, tmp_path: Path) -> None:
    spec = job_spec(clip, (OutputSpec("mask", tmp_path / "m.mkv"),), decode_on="cuda")
    with pytest.raises(BackendUnavailable, match="--decode-on cuda: no such decoder opens here"):
        assemble(spec, lambda message: None, open_stub())
    assert not list(tmp_path.iterdir())
