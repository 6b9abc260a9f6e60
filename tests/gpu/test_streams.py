"""What streams of several threads hand over: nothing is read before it is there, whoever makes it and whoever reads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import make_clip
from moving import HEIGHT, WIDTH
from moving import make_clip as moving_clip
from packets import packets

from birefnet_video.matting.device_plane import DevicePlane, staying
from birefnet_video.matting.device_tensor import DeviceTensor, at_home, gathered, made_now, on_device
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator
from birefnet_video.pipeline.device_motions import recorded_estimator

pytestmark = pytest.mark.gpu
DEVICE = torch.device("cuda")
FRAMES = 24


def rendered(
    clip: Path, output: Path, more: tuple[str, ...] = ("--smooth", "normal"), **environment: str
) -> list[tuple[object, ...]]:
    """The packets of a render by a process of its own, several threads of which compose at once."""
    asked = [str(clip), "--mask", str(output), "-q", "--device", str(DEVICE), "--batch-size", "4", "--no-config"]
    asked += ["--compose-on", "device", *more]
    command = [sys.executable, "-m", "birefnet_video", *asked]
    subprocess.run(command, check=True, env=os.environ | environment)
    return packets(output)


def test_a_render_is_the_same_where_every_launch_is_waited_for(tmp_path: Path) -> None:
    """Whatever is read too early comes out otherwise."""
    clip = make_clip(tmp_path / "in.mp4", frames=FRAMES, size=(640, 360))
    usual = rendered(clip, tmp_path / "usual.mkv")
    assert rendered(clip, tmp_path / "blocking.mkv", CUDA_LAUNCH_BLOCKING="1") == usual


def test_pictures_decoded_there_make_the_same_where_every_launch_is_waited_for(tmp_path: Path) -> None:
    """Views are handed from the threads that make them to the network. No flow, whose place the clock decides."""
    clip, more = (
        make_clip(tmp_path / "in.mp4", frames=FRAMES, size=(640, 360)),
        ("--smooth", "off", "--decode-on", "cuda"),
    )
    usual = rendered(clip, tmp_path / "usual.mkv", more)
    assert rendered(clip, tmp_path / "blocking.mkv", more, CUDA_LAUNCH_BLOCKING="1") == usual


def test_a_view_is_read_on_another_stream_when_it_is_there() -> None:
    def made_and_read(seed: int) -> bool:
        torch.manual_seed(seed)
        pixels = (slow(512)[..., None].expand(-1, -1, 3) * 255).to(torch.uint8)
        view = DeviceTensor(pixels, made_now(DEVICE))
        with ThreadPoolExecutor(1) as other:
            batch = other.submit(lambda: on_device(gathered([view, view]), DEVICE).cpu().numpy()).result()
        return bool(np.array_equal(batch, at_home(gathered([view, view]))))

    assert all(made_and_read(seed) for seed in range(4))


def slow(size: int) -> torch.Tensor:
    """A plane that takes long to be there."""
    x = torch.rand(size, size, device=DEVICE)
    for _ in range(50):
        x = x @ x
        x = x / x.max()
    return x


def test_a_plane_is_read_on_another_stream_when_it_is_there() -> None:
    def made_and_read(seed: int) -> bool:
        torch.manual_seed(seed)
        (plane,) = staying([slow(512)])
        with ThreadPoolExecutor(1) as other:
            home = other.submit(plane.home).result()
        return bool(np.array_equal(home, plane.here().cpu().numpy()))

    assert isinstance(staying([slow(64)])[0], DevicePlane)
    assert all(made_and_read(seed) for seed in range(4))


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (HEIGHT, WIDTH)])
def test_flow_is_played_by_other_threads_as_it_is_found_without_a_recording(size: tuple[int, int]) -> None:
    plain, told = DeviceMotionEstimator(*size, DEVICE), list[str]()
    greys = [plain.look(rgb) for rgb in moving_clip(6, 3).rgb]
    expected = [plain.begin(*pair)() for pair in pairwise(greys)]
    with recorded_estimator(size, DEVICE, told.append, thorough=False) as there, ThreadPoolExecutor(2) as threads:
        begun = list(threads.map(there.begin, greys, greys[1:]))
        made = [collect() for collect in begun]
    assert not told
    for one, other in zip(made, expected, strict=True):
        assert (one.forward.there - other.forward.there).abs().max() < 1e-3
        assert (one.is_cut, one.continues) == (other.is_cut, other.continues)
