"""Linear filters of planes as products of matrices, and a few others: what OpenCV does for planes on the CPU.

Every filter here works on lines and columns apart, so a plane of float32 (H, W) becomes ``lines @ plane @ columns.T``:
one way for all kernels and all ratios of sizes, and what GPUs do best.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Sharpness of swscale's cubic interpolation (Keys, 1981: the slope at 1 is its negative).
_CUBIC = 0.6
#: Standard deviations of a Gaussian beyond which it counts as nothing.
_GAUSSIAN_REACH = 4.0
#: Matrices that are kept.
_KEPT = 128


def resized(plane: Tensor, shape: tuple[int, ...]) -> Tensor:
    """See :func:`birefnet_video.matting.filters.opencv.resized`."""
    smaller = plane.shape[0] >= shape[0] and plane.shape[1] >= shape[1]
    while all(side >= 2 * small and side % 2 == 0 for side, small in zip(plane.shape, shape, strict=True)):
        plane = F.avg_pool2d(plane[None, None], 2)[0, 0]
    if plane.shape == shape:
        return plane
    if smaller:
        return _filtered(plane, shape, _area)
    return F.interpolate(plane[None, None], size=shape, mode="bilinear", align_corners=False)[0, 0]


def resampled(plane: Tensor, shape: tuple[int, ...], *, from_left: bool) -> Tensor:
    """A plane of chroma at another size, by swscale's filter.

    Args:
        plane: float32 (H, W).
        shape: height and width of the result.
        from_left: the first columns of both lie on each other, and not the left borders.
    """
    if plane.shape == shape:
        return plane
    across = _cubic_from_left if from_left else _cubic
    lines = _matrix(_cubic, plane.shape[0], shape[0], plane.device)
    columns = _matrix(across, plane.shape[1], shape[1], plane.device)
    return lines @ plane @ columns.T


def box(plane: Tensor, side: int) -> Tensor:
    """The mean of a square around every pixel, whose borders are repeated; ``side`` is odd."""
    return _filtered(plane, plane.shape, _Box(side))


def gaussian(plane: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur whose borders are repeated."""
    return _filtered(plane, plane.shape, _Gaussian(sigma))


def dilated(plane: Tensor, side: int) -> Tensor:
    """The largest value of a square around every pixel; ``side`` is odd."""
    return F.max_pool2d(plane[None, None], side, stride=1, padding=side // 2)[0, 0]


def dilated_by_disc(plane: Tensor, disc: np.ndarray) -> Tensor:
    """The largest value under a symmetric structuring element.

    Args:
        plane: float32 (H, W).
        disc: uint8 (side, side), convex; ``side`` is odd.
    """
    reach = len(disc) // 2
    height, width = plane.shape
    padded = F.pad(plane[None, None], (reach, reach, reach, reach), mode="replicate")
    found = plane
    for line, marks in enumerate(disc):
        half = (int(marks.sum()) - 1) // 2
        rows = padded[:, :, line : line + height, reach - half : reach + half + width]
        found = torch.maximum(found, F.max_pool2d(rows, (1, 2 * half + 1), stride=1)[0, 0])
    return found


def _filtered(plane: Tensor, shape: tuple[int, ...], filter_: Callable[[int, int], np.ndarray]) -> Tensor:
    lines = _matrix(filter_, plane.shape[0], shape[0], plane.device)
    columns = _matrix(filter_, plane.shape[1], shape[1], plane.device)
    # The smaller product first.
    if shape[0] * plane.shape[1] < plane.shape[0] * shape[1]:
        return (lines @ plane) @ columns.T
    return lines @ (plane @ columns.T)


def _matrix(filter_: Callable[[int, int], np.ndarray], before: int, after: int, device: torch.device) -> Tensor:
    """float32 (after, before)."""
    matrix = _kept_matrix(filter_, before, after, device)
    if matrix.is_cuda:
        # Its memory must not be given away while this thread's stream may still read it.
        matrix.record_stream(torch.cuda.current_stream(device))
    return matrix


@lru_cache(_KEPT)
def _kept_matrix(filter_: Callable[[int, int], np.ndarray], before: int, after: int, device: torch.device) -> Tensor:
    # An ordinary tensor, although it is made while gradients are off: it outlives the call.
    with torch.inference_mode(mode=False):
        return torch.from_numpy(filter_(before, after).astype(np.float32)).to(device)


def _area(before: int, after: int) -> np.ndarray:
    """Each pixel is the mean of what it covers."""
    edges = np.arange(after + 1) * (before / after)
    pixels = np.arange(before)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = covered.clip(0, None)
    return weights / weights.sum(1, keepdims=True)


def _cubic(before: int, after: int) -> np.ndarray:
    return _cubic_at((np.arange(after) + 0.5) * (before / after) - 0.5, before / after, before)


def _cubic_from_left(before: int, after: int) -> np.ndarray:
    return _cubic_at(np.arange(after) * (before / after), before / after, before)


def _cubic_at(centres: np.ndarray, ratio: float, before: int) -> np.ndarray:
    wide = max(1.0, ratio)
    return _folded(centres, lambda x: _keys(x / wide), 2 * wide, before)


def _keys(x: np.ndarray) -> np.ndarray:
    x, a = np.abs(x), -_CUBIC
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


@dataclass(frozen=True)
class _Box:
    side: int

    def __call__(self, before: int, after: int) -> np.ndarray:
        return _folded(np.arange(after), np.ones_like, self.side // 2, before)


@dataclass(frozen=True)
class _Gaussian:
    sigma: float

    def __call__(self, before: int, after: int) -> np.ndarray:
        def weight(x: np.ndarray) -> np.ndarray:
            return np.exp(-0.5 * (x / self.sigma) ** 2)

        return _folded(np.arange(after), weight, _GAUSSIAN_REACH * self.sigma, before)


def _folded(centres: np.ndarray, weight: Callable[[np.ndarray], np.ndarray], reach: float, before: int) -> np.ndarray:
    """What pixels around ``centres`` count for; those beyond a border are the border's own."""
    near = int(np.ceil(reach))
    pixels = np.floor(centres)[:, None] + np.arange(-near, near + 2)
    distance = pixels - centres[:, None]
    shares = np.where(np.abs(distance) <= reach, weight(distance), 0)
    out = np.zeros((len(centres), before))
    lines = np.broadcast_to(np.arange(len(centres))[:, None], pixels.shape)
    np.add.at(out, (lines, pixels.clip(0, before - 1).astype(int)), shares)
    return out / out.sum(1, keepdims=True)
