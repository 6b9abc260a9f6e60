"""How much mattes change from frame to frame beyond what moves."""

import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.temporal.warp import Step


class FlickerGauge:
    """The mean change of alpha along the motion, where the motion is known; steady mattes have 0.

    It needs no truth, so it tells one treatment of a clip from another, and not a good matte from a bad one.
    """

    def __init__(self) -> None:
        self._sum, self._pairs = 0.0, 0
        self._before: Tensor | None = None

    @property
    def value(self) -> float | None:
        """1000 times the mean of |alpha - alpha before|, in the units of MAD; ``None`` before there are two frames."""
        return 1000 * self._sum / self._pairs if self._pairs else None

    def add(self, alpha: Tensor, step: Step | None) -> None:
        """
        Args:
            alpha: float32 (1, 1, H, W) of the next frame.
            step: to it from the frame before; ``None`` if a shot begins with it.
        """
        # At the size that flow was found in.
        now = alpha if step is None else F.interpolate(alpha, size=step.backward.there.shape[2:], mode="area")
        if step is not None and self._before is not None:
            warp = step.coarse()
            if self._before.shape != now.shape:
                self._before = F.interpolate(self._before, size=now.shape[2:], mode="area")
            change = (now - warp.apply(self._before)).abs() * warp.trust
            self._sum += float(change.sum() / warp.trust.sum().clamp(min=torch.finfo(torch.float32).tiny))
            self._pairs += 1
        self._before = now
