"""A picture of any size that is looked at in parts."""

from typing import Protocol

import cv2
import numpy as np

#: Pixels that are looked at at once.
_PIECE = 2**22


class Source(Protocol):
    """Gives parts of a picture as a network sees them. From one thread at a time."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """Pixels as sRGB, uint8 (h, w, 3); the part lies inside."""
        ...


class InMemory:
    """A picture that is all there."""

    def __init__(self, rgb: np.ndarray) -> None:
        """
        Args:
            rgb: uint8 (H, W, 3) in sRGB.
        """
        self._rgb = rgb

    @property
    def size(self) -> tuple[int, int]:
        """See :class:`Source`."""
        return self._rgb.shape[0], self._rgb.shape[1]

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """See :class:`Source`."""
        return self._rgb[rows, columns]


def reduced(source: Source, rows: slice, columns: slice, halvings: int) -> np.ndarray:
    """A part of a picture that was made smaller, uint8 (h, w, 3). Beyond its end the picture's last pixels go on.

    Args:
        source: the picture.
        rows: of the smaller picture.
        columns: of it.
        halvings: how often it was halved.
    """
    if not halvings:
        return _part(source, rows, columns, 0)
    small = np.empty((rows.stop - rows.start, columns.stop - columns.start, 3), np.uint8)
    # In pieces: what is looked at may be all of a large picture.
    lines = max(1, (_PIECE >> 2 * halvings) // small.shape[1])
    for first in range(0, len(small), lines):
        piece = slice(rows.start + first, min(rows.start + first + lines, rows.stop))
        size = (small.shape[1], piece.stop - piece.start)
        part = _part(source, piece, columns, halvings)
        small[first : first + lines] = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return small


def _part(source: Source, rows: slice, columns: slice, halvings: int) -> np.ndarray:
    """The same as it is before it is made smaller."""
    inside, beyond = [], []
    for part, side in zip((rows, columns), source.size, strict=True):
        begin, end = part.start << halvings, part.stop << halvings
        inside.append(slice(min(begin, side - 1), min(end, side)))
        beyond.append(end - begin - (inside[-1].stop - inside[-1].start))
    pixels = source.part(inside[0], inside[1])
    if any(beyond):
        pixels = cv2.copyMakeBorder(pixels, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
    return pixels
