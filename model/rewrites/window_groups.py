"""Windows of a shifted map in groups that share a mask: inner ones, those at the right, at the bottom, in the corner.

Which places of a window were neighbours before the shift depends on nothing but whether it is the last of its row and
of its column. So there are four masks for maps of any size, and a group's windows are read where they lie on the map
that is not shifted: in one piece, but for those that hold both of its borders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Run:
    """Windows side by side along one axis, or a part of each."""

    start: int
    """Where they begin on the padded map."""
    count: int
    """How many windows."""
    first: int
    """The first place within each window that is meant."""
    length: int
    """How many places within each window."""


@dataclass(frozen=True, slots=True)
class Group:
    """Windows with one mask."""

    kind: int
    """Which of :func:`group_masks` is theirs."""
    windows: slice
    """Which windows they are, when all groups stand one after another."""
    grid: tuple[int, int, int]
    """Pictures, and windows one below the other and side by side."""
    rows: tuple[Run, ...]
    columns: tuple[Run, ...]

    def pieces(self, cut: Tensor, whole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The same pixels twice: as they lie in this group's windows and on the map.

        Args:
            cut: its windows (windows, window area, C), contiguous.
            whole: the padded map (N, H, W, C), contiguous.

        Yields:
            two views (N, rows, columns, height, width, C).
        """
        n, height, width, channels = whole.shape
        area_height, area_width = (sum(run.length for run in runs) for runs in (self.rows, self.columns))
        _, down, across = self.grid
        line, area = width * channels, area_height * area_width * channels
        for row in self.rows:
            for column in self.columns:
                size = (n, down, across, row.length, column.length, channels)
                # One view each: many small ones take longer than the copy where a GPU waits for the host.
                within = cut.as_strided(
                    size,
                    (down * across * area, across * area, area, area_width * channels, channels, 1),
                    cut.storage_offset() + (row.first * area_width + column.first) * channels,
                )
                there = whole.as_strided(
                    size,
                    (height * line, row.length * line, column.length * channels, line, channels, 1),
                    whole.storage_offset() + row.start * line + column.start * channels,
                )
                yield within, there


@lru_cache(maxsize=64)
def groups_of(shape: tuple[int, int, int], window: tuple[int, int], shift: tuple[int, int]) -> tuple[Group, ...]:
    """The groups of a padded map; one without a shift, and none without windows.

    Args:
        shape: N, H and W, whole windows.
        window: height and width.
        shift: rows and columns.
    """
    pictures, height, width = shape
    axes = [_along(size, side, step) for size, side, step in zip((height, width), window, shift, strict=True)]
    groups, begin = [], 0
    for row, rows in enumerate(axes[0]):
        for column, columns in enumerate(axes[1]):
            grid = (pictures, rows[0].count, columns[0].count)
            end = begin + grid[0] * grid[1] * grid[2]
            if end > begin:
                groups.append(Group(row * len(axes[1]) + column, slice(begin, end), grid, rows, columns))
            begin = end
    return tuple(groups)


def _along(size: int, side: int, shift: int) -> list[tuple[Run, ...]]:
    """Along one axis: windows with places from one border at most, then the last one, whose begin is at the end."""
    count = size // side
    if not shift:
        return [(Run(0, count, 0, side),)]
    end = shift + (count - 1) * side
    last = (Run(end, 1, 0, side - shift), Run(0, 1, side - shift, shift))
    return [(Run(shift, count - 1, 0, side),), last]


def group_masks(window: tuple[int, int], shift: tuple[int, int], like: Tensor) -> Tensor:
    """What :func:`birefnet_video.model.swin.shift_mask` has for the windows of each kind of group.

    Shape (kinds, window area, window area), dtype and device of ``like``; 0 and -100.
    """
    place = torch.arange(window[0] * window[1], device=like.device)
    nowhere = torch.zeros(len(place), len(place), dtype=torch.bool, device=like.device)
    axes = []
    for within, side, step in ((place // window[1], window[0], shift[0]), (place % window[1], window[1], shift[1])):
        wraps = within >= side - step
        axes.append([nowhere, wraps[:, None] != wraps] if step else [nowhere])
    apart = torch.stack([row | column for row in axes[0] for column in axes[1]])
    return torch.zeros(apart.shape, dtype=like.dtype, device=like.device).masked_fill(apart, -100.0)
