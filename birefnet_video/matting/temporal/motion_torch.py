"""See :class:`birefnet_video.matting.temporal.motion.MotionEstimator`: the same by torch operators, on a device."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.device_tensor import DeviceTensor, gathered, made_now, on_device
from birefnet_video.matting.filters.torch import resized
from birefnet_video.matting.temporal.motion import (
    COARSE,
    FLOW_SIDE,
    LOST,
    LOST_SLOPE,
    MotionEstimator,
    grid_of,
    judged,
)
from birefnet_video.matting.temporal.search import dense_flow
from birefnet_video.matting.temporal.warp import DeviceMotion, Flow

#: How thoroughly is looked: pixels from patch to patch, and steps.
_USUAL, _THOROUGH = (3, 8), (2, 12)
#: Shares of red, green and blue in grey as OpenCV has them, and what they are together.
_GREY, _GREY_UNIT = (9798, 19235, 3735), 1 << 15
#: A picture, or its grey, in the CPU's memory or on the device.
Picture = np.ndarray | DeviceTensor
#: How many numbers :func:`signs` gives.
_SIGNS = 5


class Work(Protocol):
    """What is done with a tensor on its device."""

    def __call__(self, x: Tensor) -> Tensor:
        """What comes of it, on the same device."""
        ...


def _as_it_is(work: Work) -> Work:
    return work


class DeviceMotionEstimator:
    """Flow stays where it is needed; only five numbers a pair come home, by which cuts are judged."""

    def __init__(
        self,
        width: int,
        height: int,
        device: torch.device,
        *,
        thorough: bool = False,
        side: int = FLOW_SIDE,
        recorded: Callable[[Work], Work] = _as_it_is,
    ) -> None:
        """
        Args:
            width: of the pictures as they are shown: their shape matters, not their size.
            height: the same.
            device: where flow is found.
            thorough: look more closely, which takes about twice as long.
            side: longest one of the pictures that flow is found in.
            recorded: gives what does the work of a pair by a recording of its launches, in place of them.
        """
        self._home = MotionEstimator(width, height, side=side)
        self.device, self._on_cuda = device, device.type == "cuda"
        stride, steps = _THOROUGH if thorough else _USUAL
        self._find = recorded(partial(motion_of_pair, stride=stride, steps=steps))

    def look(self, rgb: Picture) -> Picture:
        """What is needed of a picture uint8 (H, W, 3), whatever its size: grey uint8 (h, w), where the picture lies."""
        if isinstance(rgb, np.ndarray):
            return self._home.look(rgb)
        grey = resized(grey_of(rgb.here()), self._home.shape)
        return DeviceTensor((grey + 0.5).to(torch.uint8), made_now(grey.device))

    def begin(self, earlier: Picture, later: Picture) -> Callable[[], DeviceMotion]:
        """Begin to find the motion between two neighbours, as :meth:`look` gives them; the result waits for it."""
        pair = on_device(gathered((earlier, later)), self.device).float()
        found = self._find(pair[:, None])
        forward, backward = found[:-_SIGNS].view(2, 2, *self._home.grid).split(1)
        told = torch.empty(_SIGNS, pin_memory=self._on_cuda).copy_(found[-_SIGNS:], non_blocking=self._on_cuda)
        if self._on_cuda:
            # Waited for without keeping a core busy.
            arrived = torch.cuda.Event(blocking=True)
            arrived.record(torch.cuda.current_stream(self.device))

        def collect() -> DeviceMotion:
            if self._on_cuda:
                arrived.synchronize()
            before, after, step, lost, coarse = told.tolist()
            return DeviceMotion(Flow(forward, backward), *judged((before, after), step, lambda: lost, lambda: coarse))

        return collect


def grey_of(rgb: Tensor) -> Tensor:
    """uint8 (H, W, 3) -> OpenCV's grey, whole numbers in float32 (H, W)."""
    red, green, blue = rgb.float().unbind(2)
    # Whole numbers below 2^24: no sum of them is rounded.
    return ((_GREY[0] * red + _GREY[1] * green + _GREY[2] * blue + _GREY_UNIT / 2) / _GREY_UNIT).floor()


def motion_of_pair(x: Tensor, *, stride: int, steps: int) -> Tensor:
    """Flow between two neighbours and what their likeness is judged by, in one piece. Nothing waits for the device.

    Args:
        x: grey float32 (2, 1, h, w) in [0, 255], the earlier one first.
        stride: see :func:`dense_flow`.
        steps: the same.

    Returns:
        float32: the flow (2, 2, *grid) there and back, see :func:`grid_of`; then :func:`signs`.
    """
    first, second = x.split(1)
    flows = dense_flow(x, torch.cat((second, first)), stride=stride, steps=steps)
    flows = F.interpolate(flows, size=grid_of(x.shape[2:]), mode="area")
    return torch.cat((flows.flatten(), signs(first, second, Flow(*flows.split(1)))))


def signs(earlier: Tensor, later: Tensor, flow: Flow) -> Tensor:
    """What :func:`judged` asks, float32 (5,): both contrasts, the step, the lost share and the coarse step."""
    missed, length = flow.missed()
    lost = (missed > (LOST + LOST_SLOPE * length).square()).float().mean()
    size = (max(1, earlier.shape[2] // COARSE), max(1, earlier.shape[3] // COARSE))
    coarse = (F.adaptive_avg_pool2d(earlier, size) - F.adaptive_avg_pool2d(later, size)).abs().mean()
    contrasts = [grey.std(correction=0) for grey in (earlier, later)]
    return torch.stack((*contrasts, (earlier.mean() - later.mean()).abs(), lost, coarse))
