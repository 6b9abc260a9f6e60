"""What ``gpu.py`` measures piece by piece: optical flow, and kernels against what they stand for."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from birefnet_video.model.deform import deform_conv2d
from birefnet_video.model.deform_tuning import configurations
from gpu_setup import CLIP, Setup, frames_of, median_of
from torch.nn import functional as F

from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator
from birefnet_video.pipeline.device_motions import recorded_estimator

#: Channels of a large Swin's stages and pixels of a picture of 1024x1024 there.
_STAGES = ((192, 256 * 256), (384, 128 * 128), (768, 64 * 64), (1536, 32 * 32))


def flow(setup: Setup) -> Iterator[str]:
    """Optical flow of one pair there and back, by OpenCV on one thread and on the device."""
    frames = frames_of(CLIP, (640, 360), 2)
    home = MotionEstimator(640, 360)
    there = DeviceMotionEstimator(640, 360, torch.device(setup.device))
    pair = [home.look(frame) for frame in frames]
    yield f"OpenCV: {1000 * median_of(lambda: home.between(*pair), setup.rounds):.1f} ms"
    # As the stage has it: small operators on several cores mostly wait for each other.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield from _pair_found(setup, "operators", there, pair)
    # A graph cannot be recorded on a CPU: what stands in for it is said to, and does the work as it is.
    with recorded_estimator((640, 360), there.device, print, thorough=False, recorder=setup.recorder) as recorded:
        began = time.perf_counter()
        recorded.begin(*pair)()
        yield f"recorded after {1000 * (time.perf_counter() - began):.0f} ms"
        yield from _pair_found(setup, "one graph", recorded, pair)
    torch.set_num_threads(threads)


def _pair_found(setup: Setup, how: str, there: DeviceMotionEstimator, pair: list[np.ndarray]) -> Iterator[str]:
    yield f"{setup.device}, {how}: {1000 * median_of(lambda: there.begin(*pair)(), setup.rounds):.1f} ms"
    began = time.perf_counter()
    pending = there.begin(*pair)
    yield f"{setup.device}, {how}, until it is begun: {1000 * (time.perf_counter() - began):.1f} ms"
    pending()


def kernels(setup: Setup) -> Iterator[str]:
    """Triton's kernels against PyTorch's operators, and each configuration of deformable convolution."""
    if setup.device != "cuda":
        yield "needs a GPU"
        return
    from birefnet_video.model.norm_triton import add_norm, bias_gelu_

    def timed(work: Callable[[], object]) -> float:
        def waited() -> None:
            work()
            torch.cuda.synchronize()

        return 1000 * median_of(waited, setup.rounds)

    for channels, pixels in _STAGES:
        x, change = (torch.randn(pixels, channels, device="cuda", dtype=torch.float16) for _ in range(2))
        weight, bias = (torch.randn(channels, device="cuda", dtype=torch.float16) for _ in range(2))

        def plain(x: torch.Tensor = x, change: torch.Tensor = change, weight: torch.Tensor = weight) -> torch.Tensor:
            total = x + change
            return F.layer_norm(total, weight.shape, weight, weight, 1e-5)

        fused = timed(partial(add_norm, x, change, weight, bias, 1e-5))
        yield f"sum and layer norm, {pixels} x {channels} fp16: kernel {fused:.3f} ms, operators {timed(plain):.3f} ms"
        bent = timed(partial(bias_gelu_, x, bias))
        by_operators = timed(lambda x=x, bias=bias: F.gelu(x + bias))
        yield f"bias and GELU, {pixels} x {channels} fp16: kernel {bent:.3f} ms, operators {by_operators:.3f} ms"
    yield from _deformable(timed)


def _deformable(timed: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    from birefnet_video.model.deform_triton import sample_and_multiply

    side, taps = 256, 49
    offset = torch.randn(1, 2 * taps, side, side, device="cuda")
    grid = torch.arange(side, device="cuda", dtype=torch.float32)
    rows = (offset[:, ::2] + grid[:, None]).contiguous()
    columns = (offset[:, 1::2] + grid).contiguous()
    for dtype in (torch.float16, torch.float32):
        x = torch.randn(1, 64, side, side, device="cuda", dtype=dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(256, 64, 7, 7, device="cuda", dtype=dtype)
        for each in configurations(dtype, 256):
            took = timed(partial(sample_and_multiply, x, rows, columns, weight, None, None, each))
            yield f"deformable 7x7, 64 to 256, {side}x{side}, {dtype}, {tuple(each)}: {took:.2f} ms"
        other = timed(partial(deform_conv2d, x, offset, weight, padding=3, implementation="torchvision"))
        yield f"deformable 7x7, the same by torchvision: {other:.2f} ms"
