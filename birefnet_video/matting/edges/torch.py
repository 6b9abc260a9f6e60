"""See :mod:`birefnet_video.matting.edges.opencv`: the same for whole planes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.edges.opencv import EDGE, REACH, WINDOW, linear_functions
from birefnet_video.matting.filters.opencv import cell_sides
from birefnet_video.matting.filters.torch import box, dilated, resized


def refine(alpha: Tensor, guide: list[Tensor]) -> Tensor:
    """Enlarge a matte along the edges of its picture.

    Args:
        alpha: float32 (h, w) in [0, 1].
        guide: luma (H, W) and two planes of chroma of any size, float32 in [0, 1], upright.

    Returns:
        float32 (H, W) in [0, 1].
    """
    height, width = guide[0].shape
    alpha = resized(alpha, (min(alpha.shape[0], height), min(alpha.shape[1], width)))
    if alpha.shape == (height, width):
        return alpha
    large = _enlarged(alpha, (height, width))
    cells = _cells(alpha, (height, width))
    small = [resized(plane, alpha.shape) for plane in guide]
    *slopes, offset = linear_functions(alpha, small, lambda plane: box(plane, WINDOW))
    rest = resized(offset, guide[1].shape)
    for slope, plane in zip(slopes[1:], guide[1:], strict=True):
        rest = rest + resized(slope, plane.shape) * plane
    grown = _enlarged(slopes[0], (height, width)) * guide[0] + resized(rest, (height, width))
    large = torch.where(cells, grown.clamp_(0, 1), large)
    missing = _enlarged(alpha - resized(large, alpha.shape), (height, width))
    return torch.where(cells, (large + missing).clamp_(0, 1), large)


def _enlarged(plane: Tensor, shape: tuple[int, int]) -> Tensor:
    return F.interpolate(plane[None, None], size=shape, mode="bilinear", align_corners=False)[0, 0]


def _cells(alpha: Tensor, large: tuple[int, int]) -> Tensor:
    """Where the large picture lies in a cell that holds an edge, bool: the cells that parts are made of on the CPU."""
    side = 2 * REACH + 1
    edges = (dilated(alpha, side) + dilated(-alpha, side) > EDGE).float()[None, None]
    lines, columns = (cell_sides(axis, alpha.shape[axis], large[axis]) for axis in (0, 1))
    held = F.max_pool2d(edges, (lines[0], columns[0]), (lines[0], columns[0]), ceil_mode=True)[0, 0] > 0
    return held.repeat_interleave(lines[1], 0).repeat_interleave(columns[1], 1)[: large[0], : large[1]]
