"""Dense inverse search (Kroeger et al., ECCV 2016) by torch operators, for pictures that lie on a device.

Patches of one picture are found again in another by Gauss-Newton steps whose matrix is that of the first (Baker and
Matthews, "Lucas-Kanade 20 Years On", IJCV 2004), from coarse to fine; a pixel's vector is the mean of those of the
patches over it, by how well each fits there. Patches also try what their neighbours have found, all of them at once.
There is no refinement by variations.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

#: Side of a patch in pixels.
_PATCH = 8
#: The finest level has the pictures' size halved so many times.
_FINEST = 1
#: Added to the matrix's diagonal, in squares of grey's levels: patches without contrast stay where they are.
_DAMPING = 16.0
#: Times that neighbours are asked on each level; as many steps follow each.
_ROUNDS = 2
#: Neighbours whose vectors a patch tries, in patches down and across.
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))


class _Found(NamedTuple):
    """What is known of all patches."""

    vectors: Tensor
    """float32 (N, 2, patches): to the right and down, in pixels."""
    off: Tensor
    """float32 (N, pixels of a patch, patches): by how much it differs there, without the mean."""
    missed: Tensor
    """float32 (N, 1, patches): the sum of the squares of that."""


def dense_flow(first: Tensor, second: Tensor, *, stride: int = 3, steps: int = 8) -> Tensor:
    """Where the pixels of pictures go in others. Nothing waits for the device.

    Args:
        first: grey float32 (N, 1, h, w) in [0, 255], no side shorter than 32.
        second: the same.
        stride: pixels from a patch to the next one, at most 8.
        steps: on each level, after each time that neighbours are asked.

    Returns:
        float32 (N, 2, h, w): to the right and down, in pixels.
    """
    size = (first.shape[2], first.shape[3])
    halvings = max(_FINEST, (min(size) // (2 * _PATCH)).bit_length() - 1)
    flow: Tensor | None = None
    for halving in range(halvings, _FINEST - 1, -1):
        scaled = (size[0] >> halving, size[1] >> halving)
        level = _Level(F.adaptive_avg_pool2d(first, scaled), F.adaptive_avg_pool2d(second, scaled), stride)
        flow = level.search(first.new_zeros(len(first), 2, *scaled) if flow is None else _grown(flow, scaled), steps)
    assert flow is not None  # there is one level at least
    return _grown(flow, size)


class _Level:
    """Two pictures of one size, and the patches of the first; those at the end reach over its border."""

    def __init__(self, first: Tensor, second: Tensor, stride: int) -> None:
        self._second, self._stride = second, stride
        self._size = (first.shape[2], first.shape[3])
        self._count = tuple(-(-max(side - _PATCH, 0) // stride) + 1 for side in self._size)
        self._covered = tuple((count - 1) * stride + _PATCH for count in self._count)
        below, beside = (covered - side for covered, side in zip(self._covered, self._size, strict=True))
        # One pixel more on each side, for slopes.
        wide = F.pad(first, (1, beside + 1, 1, below + 1), mode="replicate")
        self._template = self._patches(wide[:, :, 1:-1, 1:-1])
        across = self._patches(wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
        down = self._patches(wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
        # Without their means: patches are found in another light, too.
        self._slopes = torch.stack((across - across.mean(1, keepdim=True), down - down.mean(1, keepdim=True)), 1)
        self._squares = self._slopes.square().sum(2) + _DAMPING
        self._product = self._slopes.prod(1).sum(1, keepdim=True)
        self._scale = 1 / (self._squares.prod(1, keepdim=True) - self._product.square())
        self._places = self._patches(self._grid(first))

    def search(self, start: Tensor, steps: int) -> Tensor:
        """The flow float32 (N, 2, h, w), from one of the same size."""
        found = self._look(self._at_patches(start))
        for _ in range(_ROUNDS):
            for step in _NEIGHBOURS:
                found = _better(found, self._look(_shifted(found.vectors.unflatten(2, self._count), step).flatten(2)))
            for _ in range(steps):
                found = _better(found, self._look(found.vectors - self._step(found.off)))
        return self._spread(found)

    def _patches(self, x: Tensor) -> Tensor:
        """(N, C, *covered) -> (N, C * pixels of a patch, patches)."""
        return F.unfold(x, _PATCH, stride=self._stride)

    def _grid(self, like: Tensor) -> Tensor:
        """Of every pixel that is covered column and row, float32 (1, 2, *covered)."""
        rows, columns = (torch.arange(side, device=like.device, dtype=like.dtype) for side in self._covered)
        return torch.stack(torch.broadcast_tensors(columns, rows[:, None]))[None]

    def _at_patches(self, flow: Tensor) -> Tensor:
        """The vectors in the middle of each patch, float32 (N, 2, patches)."""
        rows, columns = (
            (torch.arange(count, device=flow.device) * self._stride + _PATCH // 2).clamp(max=side - 1)
            for count, side in zip(self._count, self._size, strict=True)
        )
        return flow.index_select(2, rows).index_select(3, columns).flatten(2)

    def _look(self, vectors: Tensor) -> _Found:
        n, area = len(vectors), _PATCH * _PATCH
        places = self._places.view(1, 2, area, -1) + vectors[:, :, None]
        height, width = self._size
        across, down = ((2 * places[:, 0] + 1) / width - 1, (2 * places[:, 1] + 1) / height - 1)
        grid = torch.stack((across, down), 3)
        seen = F.grid_sample(self._second, grid, mode="bilinear", padding_mode="border", align_corners=False)
        off = seen.view(n, area, -1) - self._template
        off = off - off.mean(1, keepdim=True)
        return _Found(vectors, off, off.square().sum(1, keepdim=True))

    def _step(self, off: Tensor) -> Tensor:
        """By the inverse of a symmetric matrix of two rows."""
        along = (self._slopes * off[:, None]).sum(2)
        return (self._squares.flip(1) * along - self._product * along.flip(1)) * self._scale

    def _spread(self, found: _Found) -> Tensor:
        """From patches to pixels."""
        weights = 1 / found.off.abs().clamp(min=1)
        shares = torch.cat((weights[:, None] * found.vectors[:, :, None], weights[:, None]), 1)
        total = F.fold(shares.flatten(1, 2), self._covered, _PATCH, stride=self._stride)
        total = total[:, :, : self._size[0], : self._size[1]]
        return total[:, :2] / total[:, 2:]


def _better(known: _Found, tried: _Found) -> _Found:
    """Of each patch what fits better."""
    is_better = tried.missed < known.missed
    return _Found(*(there.where(is_better, here) for here, there in zip(known, tried, strict=True)))


def _shifted(grid: Tensor, step: tuple[int, int]) -> Tensor:
    """(N, 2, rows, columns): each place has what its neighbour had; those at the border keep their own."""
    down, across = step
    padded = F.pad(grid, (max(-across, 0), max(across, 0), max(-down, 0), max(down, 0)), mode="replicate")
    top, left = max(down, 0), max(across, 0)
    return padded[:, :, top : top + grid.shape[2], left : left + grid.shape[3]]


def _grown(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Flow (N, 2, h, w) for pictures of another size."""
    down, across = size[0] / flow.shape[2], size[1] / flow.shape[3]
    grown = F.interpolate(flow, size=size, mode="bilinear", align_corners=False)
    return torch.stack((grown[:, 0] * across, grown[:, 1] * down), 1)
