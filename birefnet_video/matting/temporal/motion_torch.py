"""See :class:`birefnet_video.matting.temporal.motion.MotionEstimator`: the same by torch operators, on a device."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.temporal.motion import (
    COARSE,
    FLOW_SIDE,
    LOST,
    LOST_SLOPE,
    MotionEstimator,
    judged,
)
from birefnet_video.matting.temporal.search import dense_flow
from birefnet_video.matting.temporal.warp import DeviceMotion, Flow

#: How thoroughly is looked: pixels from patch to patch, and steps.
_USUAL, _THOROUGH = {"stride": 3, "steps": 8}, {"stride": 2, "steps": 12}


class DeviceMotionEstimator:
    """Flow stays where it is needed; only five numbers a pair come home, by which cuts are judged."""

    def __init__(
        self, width: int, height: int, device: torch.device, *, thorough: bool = False, side: int = FLOW_SIDE
    ) -> None:
        """
        Args:
            width: of the pictures as they are shown: their shape matters, not their size.
            height: the same.
            device: where flow is found.
            thorough: look more closely, which takes about twice as long.
            side: longest one of the pictures that flow is found in.
        """
        self._home = MotionEstimator(width, height, side=side)
        self.device, self._how = device, _THOROUGH if thorough else _USUAL

    def look(self, rgb: np.ndarray) -> np.ndarray:
        """What is needed of a picture uint8 (H, W, 3), whatever its size: grey uint8 (h, w), on the CPU."""
        return self._home.look(rgb)

    def begin(self, earlier: np.ndarray, later: np.ndarray) -> Callable[[], DeviceMotion]:
        """Begin to find the motion between two neighbours, as :meth:`look` gives them; the result waits for it."""
        first, second = (torch.from_numpy(grey).to(self.device)[None, None].float() for grey in (earlier, later))
        flows = dense_flow(torch.cat((first, second)), torch.cat((second, first)), **self._how)
        grid = self._home.grid
        forward, backward = F.interpolate(flows, size=grid, mode="area").split(1)
        flow = Flow(forward, backward)
        on_cuda = self.device.type == "cuda"
        told = torch.empty(5, pin_memory=on_cuda).copy_(signs(first, second, flow), non_blocking=on_cuda)
        if on_cuda:
            # Waited for without keeping a core busy.
            arrived = torch.cuda.Event(blocking=True)
            arrived.record(torch.cuda.current_stream(self.device))

        def collect() -> DeviceMotion:
            if on_cuda:
                arrived.synchronize()
            before, after, step, lost, coarse = told.tolist()
            return DeviceMotion(flow, *judged((before, after), step, lambda: lost, lambda: coarse))

        return collect


def signs(earlier: Tensor, later: Tensor, flow: Flow) -> Tensor:
    """What :func:`judged` asks, float32 (5,): both contrasts, the step, the lost share and the coarse step."""
    missed, length = flow.missed()
    lost = (missed > (LOST + LOST_SLOPE * length).square()).float().mean()
    size = (max(1, earlier.shape[2] // COARSE), max(1, earlier.shape[3] // COARSE))
    coarse = (F.adaptive_avg_pool2d(earlier, size) - F.adaptive_avg_pool2d(later, size)).abs().mean()
    contrasts = [grey.std(correction=0) for grey in (earlier, later)]
    return torch.stack((*contrasts, (earlier.mean() - later.mean()).abs(), lost, coarse))
