"""Where tiles lie, and what each counts: all together one everywhere, fading smoothly from one to the next."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

#: Pixels on a tile's sides that the network sees and nobody uses, and those over which one tile fades into the next, as
#: shares of its side.
CONTEXT, FADE = 1 / 16, 1 / 8
#: How much larger than the network's input a picture must be so that tiles show more of it.
_WORTH = 1.25


class Tile(NamedTuple):
    """One of a :class:`Grid`."""

    rows: slice
    columns: slice
    weight: np.ndarray
    """float32 (h, w) in [0, 1]: what it counts."""

    @property
    def counts(self) -> tuple[slice, slice]:
        """Its rows and columns that count for something, from its own corner."""
        down, across = (np.flatnonzero(self.weight.max(axis=axis)) for axis in (1, 0))
        return slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)


@dataclass(frozen=True)
class _Axis:
    """Pieces of a line of pixels."""

    side: int
    piece: int
    step: int
    """Pieces begin at multiples of it."""

    @cached_property
    def begins(self) -> list[int]:
        room = self.side - self.piece
        # Whole pieces of which each meets the next where both still count.
        count = -(-room // max(self.step, int(self.piece * (1 - 2 * CONTEXT - FADE)) // self.step * self.step)) + 1
        return [-(-(room * index) // max(count - 1, 1) // self.step) * self.step for index in range(count)]

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """float32 (piece,) of each; those of all pieces add up to one everywhere."""
        raw = [self._raw(begin) for begin in self.begins]
        total = np.zeros(self.side)
        for begin, weight in zip(self.begins, raw, strict=True):
            total[begin : begin + self.piece] += weight
        return [
            (weight / total[begin : begin + self.piece]).astype(np.float32)
            for begin, weight in zip(self.begins, raw, strict=True)
        ]

    def _raw(self, begin: int) -> np.ndarray:
        inside = np.arange(self.piece) + 0.5
        weight = np.ones(self.piece)
        for distance, is_border in (
            (inside, begin == 0),
            (self.piece - inside, begin + self.piece == self.side),
        ):
            if not is_border:
                share = ((distance / self.piece - CONTEXT) / FADE).clip(0, 1)
                weight *= 0.5 - 0.5 * np.cos(np.pi * share)
        return weight


class Grid:
    """Tiles that cover a picture."""

    def __init__(self, size: tuple[int, int], tile: tuple[int, int], *, step: int = 1) -> None:
        """
        Args:
            size: height and width of the picture, multiples of ``step``.
            tile: the same of a tile; one that is larger than the picture has the picture's.
            step: tiles begin at multiples of it.
        """
        self._down, self._across = (_Axis(side, min(side, piece), step) for side, piece in zip(size, tile, strict=True))

    def __len__(self) -> int:
        return len(self._down.begins) * len(self._across.begins)

    def __iter__(self) -> Iterator[Tile]:
        for top, down in zip(self._down.begins, self._down.weights, strict=True):
            for left, across in zip(self._across.begins, self._across.weights, strict=True):
                rows, columns = slice(top, top + len(down)), slice(left, left + len(across))
                yield Tile(rows, columns, np.outer(down, across))

    @property
    def borders(self) -> tuple[list[int], list[int]]:
        """The lines and the columns in the middle of where one tile fades into the next."""
        return (_middles(self._down), _middles(self._across))


def _middles(axis: _Axis) -> list[int]:
    return [(first + axis.piece + second) // 2 for first, second in pairwise(axis.begins)]


def halvings(size: tuple[int, int], tile: tuple[int, int]) -> int | None:
    """How often a picture is halved until a tile shows most of it; ``None``: it is no larger than a tile.

    Args:
        size: height and width of the picture.
        tile: the same of a tile.
    """
    ratio = max(side / piece for side, piece in zip(size, tile, strict=True))
    count = 0
    while ratio / 2 >= _WORTH:
        ratio, count = ratio / 2, count + 1
    return count if ratio >= _WORTH else None
