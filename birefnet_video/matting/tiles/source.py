"""A picture of any size that is looked at in parts."""

from typing import Protocol

import cv2
import numpy as np


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
    inside, beyond = [], []
    for part, side in zip((rows, columns), source.size, strict=True):
        begin, end = part.start << halvings, part.stop << halvings
        inside.append(slice(begin, min(end, side)))
        beyond.append(max(0, end - side))
    pixels = source.part(inside[0], inside[1])
    if any(beyond):
        pixels = cv2.copyMakeBorder(pixels, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
    if not halvings:
        return pixels
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
