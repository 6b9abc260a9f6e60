"""Mattes made steady from slice to slice: the windowed filter of videos, with slices in the place of frames.

Nothing moves from slice to slice, and grain misleads optical flow: of one with a deviation of 30 of 255 it took every
slice for a new shot, and nothing was smoothed. On mattes of bodies with wavering edges, some of them lost in a slice,
neighbours at the same place, weighed by how like their colours are, leave half of the error: 10 to 14 of 20 to 28
(1000 times the mean of the absolute one), where flow leaves 15 to 28. So a slice asks its neighbours where it lies.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

import numpy as np
import torch

from birefnet_video.matting.temporal.smoothing import make_smoother
from birefnet_video.matting.temporal.votes import make_view
from birefnet_video.matting.temporal.warp import make_step
from birefnet_video.types import Motion

T = TypeVar("T")
_CPU = torch.device("cpu")
#: Vectors of a field that is the same everywhere, down and across.
_FIELD = (2, 2, 2)


def steady_slices(
    mattes: Iterable[tuple[T, np.ndarray]], see: Callable[[T], np.ndarray], mode: Literal["normal", "high"]
) -> Iterator[tuple[T, np.ndarray]]:
    """Slices with their steady alphas float32 (H, W), in order.

    Args:
        mattes: neighbours with their alphas float32 (H, W) in [0, 1], all of one size.
        see: gives the picture of one, uint8 (h, w, 3).
        mode: asks three (``normal``) or four (``high``) neighbours on either side, in all.
    """
    smoother = make_smoother(mode)
    state = smoother.start()
    waiting: deque[T] = deque()
    step = None
    for item, alpha in mattes:
        view = make_view(see(item), alpha, _CPU)
        state, ready = smoother.push(state, view, step)
        if step is None:
            height, width = alpha.shape
            still = np.zeros(_FIELD, np.float32)
            step = make_step(Motion(still, still, is_cut=False, continues=True), (height, width), _CPU)
        waiting.append(item)
        yield from ((waiting.popleft(), _array(each)) for each in ready)
    yield from ((waiting.popleft(), _array(each)) for each in smoother.finish(state))


def _array(alpha: torch.Tensor) -> np.ndarray:
    """A copy: the smoother goes on with its own."""
    return alpha[0, 0].numpy().copy()
