"""Whole renders on a GPU."""

from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from clips import make_clip
from specs import job_spec

from birefnet_video.colour.convert import to_rgb
from birefnet_video.events import JobNotice
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.encodings import encoding_for
from birefnet_video.outputs.trial import why_not
from birefnet_video.pipeline import assemble as assembling
from birefnet_video.pipeline import core, smoothing
from birefnet_video.pipeline.core import Matting

pytestmark = pytest.mark.gpu
FRAMES, NO_NVDEC = 40, "this GPU or this build of FFmpeg has no NVDEC"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, size=(640, 360))


def rendered(clip: Path, folder: Path, **options: object) -> tuple[list[np.ndarray], list[str]]:
    """The frames of a lossless mask, and what was said."""
    folder.mkdir(exist_ok=True)
    job = Job(job_spec(clip, (OutputSpec("mask", folder / "mask.mkv"),), device="cuda", **options))
    told: list[str] = []
    job.subscribe(lambda event: told.append(event.message) if isinstance(event, JobNotice) else None)
    job.start()
    job.wait()
    assert job.result().frames == FRAMES and 0 < (job.result().gpu_share or 0) <= 1
    with av.open(str(folder / "mask.mkv")) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)], told


def differ(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(float(np.abs(one.astype(int) - other).max()) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("smooth", ["off", "normal"])
def test_frames_composed_on_the_gpu_are_those_of_the_cpu(smooth: str, clip: Path, tmp_path: Path) -> None:
    here, _ = rendered(clip, tmp_path / "cpu", compose_on="cpu", smooth=smooth, precision="fp32")
    there, _ = rendered(clip, tmp_path / "gpu", compose_on="device", smooth=smooth, precision="fp32")
    # The same operators on a CPU are as far from OpenCV's.
    assert differ(here, there) <= 6


@pytest.mark.parametrize("smooth", ["off", "normal"])
def test_mattes_that_stay_there_make_the_same_frames(
    smooth: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, _ = rendered(clip, tmp_path / "there", compose_on="device", smooth=smooth, batch_size=4)
    monkeypatch.setattr(Matting, "stays", property(lambda self: False))
    home, _ = rendered(clip, tmp_path / "home", compose_on="device", smooth=smooth, batch_size=4)
    assert differ(there, home) == 0


def test_a_render_comes_out_the_same_twice(clip: Path, tmp_path: Path) -> None:
    """Several threads compose there at once, each on a stream of its own."""
    first, _ = rendered(clip, tmp_path / "first", batch_size=4)
    second, _ = rendered(clip, tmp_path / "second", batch_size=4)
    assert differ(first, second) == 0


def test_frames_decoded_on_the_gpu_are_those_of_the_cpu(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The GPU's view is the exact one, which the CPU leaves out for speed.
    monkeypatch.setattr(core, "to_rgb", partial(to_rgb, exact=True))
    here, _ = rendered(clip, tmp_path / "cpu", decode_on="cpu", smooth="off", precision="fp32")
    there, told = rendered(clip, tmp_path / "gpu", decode_on="cuda", smooth="off", precision="fp32")
    if any("is not decoded on cuda" in text for text in told):
        pytest.skip(NO_NVDEC)
    # Some samples of both views are a level apart: 3 levels of a matte with the CPU as the device.
    assert differ(here, there) <= 6


@pytest.mark.parametrize("smooth", ["off", "normal"])
def test_views_that_stay_there_make_the_same_frames(
    smooth: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where flow is found is not left to the clock.
    monkeypatch.setattr(smoothing, "is_sooner_there", lambda *_: False)
    there, told = rendered(clip, tmp_path / "there", decode_on="cuda", smooth=smooth, batch_size=4)
    if any("is not decoded on cuda" in text for text in told):
        pytest.skip(NO_NVDEC)
    # A network that takes arrays alone, as it seems.
    monkeypatch.setattr(assembling, "Staying", type(None))
    home, _ = rendered(clip, tmp_path / "home", decode_on="cuda", smooth=smooth, batch_size=4)
    assert differ(there, home) == 0


def test_little_memory_costs_speed_and_no_frame(clip: Path, tmp_path: Path) -> None:
    usual, _ = rendered(clip, tmp_path / "usual", engine="cudagraph", smooth="off", size=(576, 1024))
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.9 * 2**30 / torch.cuda.mem_get_info()[1])
    try:
        little, told = rendered(clip, tmp_path / "little", engine="cudagraph", smooth="off", size=(576, 1024))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("out of memory" in text for text in told), told
    assert differ(usual, little) <= 2


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_frames_are_encoded_on_the_gpu(codec: str, clip: Path, tmp_path: Path) -> None:
    there, here = (
        OutputSpec("composite", tmp_path / f"{name}.mp4", codec=name) for name in (codec, codec.removesuffix("_nvenc"))
    )
    if (reason := why_not(encoding_for(there), 8)) is not None:
        pytest.skip(f"this GPU or this build of FFmpeg has no {codec}: {reason}")
    # Both are opened again and compared with what was read, time by time.
    job = Job(job_spec(clip, (there, here), device="cuda"))
    job.start()
    job.wait()
    assert job.result().frames == FRAMES
    pictures = [_pictures(output.path) for output in (there, here)]
    assert float(np.mean([np.abs(one - other).mean() for one, other in zip(*pictures, strict=True)])) < 1


def _pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
