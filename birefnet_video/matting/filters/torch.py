"""Linear filters of planes, and a few others: what OpenCV does for planes on the CPU.

Every filter here works on lines and columns apart, and every sample is a sum of the few that its :class:`Band` names:
one way for all kernels and all ratios of sizes, in float32 whatever a library may take for matrices, and in time and
memory that grow with the picture and not with its sides. Nothing here waits for the device.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.filters.bands import (
    Gaussian,
    MakeBand,
    area,
    cubic,
    cubic_from_left,
    linear,
    linear_of_even,
)

#: Bands that are kept. One of 8,192 samples and 5 of them each is 0.3 MB; the widest blur's is 40 times that.
_KEPT = 128


def resized(plane: Tensor, shape: tuple[int, ...]) -> Tensor:
    """See :func:`birefnet_video.matting.filters.opencv.resized`."""
    smaller = plane.shape[0] >= shape[0] and plane.shape[1] >= shape[1]
    while all(side >= 2 * small and side % 2 == 0 for side, small in zip(plane.shape, shape, strict=True)):
        plane = F.avg_pool2d(plane[None, None], 2)[0, 0]
    if plane.shape == shape:
        return plane
    if smaller:
        return _filtered(plane, shape, area, area)
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
    return _filtered(plane, shape, cubic, cubic_from_left if from_left else cubic)


def reduced(plane: Tensor, shape: tuple[int, ...], *, of_even: bool = False) -> Tensor:
    """A plane at another size, linear and antialiased: what swscale's bilinear filter makes.

    Args:
        plane: float32 (H, W).
        shape: height and width of the result.
        of_even: the columns lie on the even ones of a plane of twice as many.
    """
    if plane.shape == shape and not of_even:
        return plane
    return _filtered(plane, shape, linear, linear_of_even if of_even else linear)


def box(plane: Tensor, side: int) -> Tensor:
    """The mean of a square around every pixel, whose borders are repeated; ``side`` is odd."""
    reach = side // 2
    padded = F.pad(plane[None, None], (reach, reach, reach, reach), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (side, 1), 1), (1, side), 1)[0, 0]


def gaussian(plane: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur whose borders are repeated."""
    return _filtered(plane, plane.shape, Gaussian(sigma), Gaussian(sigma))


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


def _filtered(plane: Tensor, shape: tuple[int, ...], of_lines: MakeBand, of_columns: MakeBand) -> Tensor:
    """A plane by the band of its lines and that of its columns."""
    # What makes less for the second one to read comes first.
    if shape[0] * plane.shape[1] > plane.shape[0] * shape[1]:
        return _of_lines(_of_columns(plane, shape[1], of_columns), shape[0], of_lines)
    return _of_columns(_of_lines(plane, shape[0], of_lines), shape[1], of_columns)


def _of_columns(plane: Tensor, after: int, make: MakeBand) -> Tensor:
    # Neighbours in memory are then taken by neighbouring threads of a GPU.
    return _of_lines(plane.T, after, make).T.contiguous()


def _of_lines(plane: Tensor, after: int, make: MakeBand) -> Tensor:
    """float32 (H, W) -> (after, W)."""
    indices, weights = _band(make, plane.shape[0], after, plane.device)
    # A sum of weighed lines is what a bag of weighed embeddings is, and one kernel everywhere.
    return F.embedding_bag(indices, plane.contiguous(), mode="sum", per_sample_weights=weights)


def _band(make: MakeBand, before: int, after: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """int32 and float32 (after, K)."""
    kept = _kept_band(make, before, after, device)
    for each in kept:
        if each.is_cuda:
            # Its memory must not be given away while this thread's stream may still read it.
            each.record_stream(torch.cuda.current_stream(device))
    return kept


@lru_cache(_KEPT)
def _kept_band(make: MakeBand, before: int, after: int, device: torch.device) -> tuple[Tensor, Tensor]:
    band = make(before, after)
    # Ordinary tensors, although they are made while gradients are off: they outlive the call.
    with torch.inference_mode(mode=False):
        return torch.from_numpy(band.indices).to(device), torch.from_numpy(band.weights).to(device)
