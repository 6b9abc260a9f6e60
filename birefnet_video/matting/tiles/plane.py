"""A matte of any size, held in two bytes a pixel."""

from collections.abc import Callable

import cv2
import numpy as np

_TOP = np.float32(65535)
#: Lines of a plane that are worked on at once.
_LINES = 256

#: Makes samples of a height and width, uint16, in main memory or elsewhere.
Room = Callable[[tuple[int, int]], np.ndarray]


def new_samples(size: tuple[int, int]) -> np.ndarray:
    """Samples in main memory."""
    return np.empty(size, np.uint16)


class Plane:
    """A matte that is read and changed in parts."""

    def __init__(self, samples: np.ndarray) -> None:
        """
        Args:
            samples: uint16 (H, W), 65535 inside the subject.
        """
        self.samples = samples

    @classmethod
    def of(cls, alpha: np.ndarray) -> "Plane":
        """The plane of a matte, float32 (H, W) in [0, 1]."""
        return cls(_stored(alpha))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.samples.shape[0], self.samples.shape[1]

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """float32 (h, w) in [0, 1]."""
        return self.samples[rows, columns].astype(np.float32) / _TOP

    def add(self, rows: slice, columns: slice, change: np.ndarray) -> None:
        """Change a part by so much, float32 (h, w)."""
        self.samples[rows, columns] = _stored(self.part(rows, columns) + change)

    def doubled(self, room: Room = new_samples) -> "Plane":
        """The same at twice the size, enlarged linearly.

        Args:
            room: makes what it is held in.
        """
        height, width = self.size
        large = room((2 * height, 2 * width))
        for top in range(0, 2 * height, _LINES):
            rows = slice(top, min(top + _LINES, 2 * height))
            large[rows] = _stored(self.doubled_part(rows, slice(0, 2 * width)))
        return Plane(large)

    def doubled_part(self, rows: slice, columns: slice) -> np.ndarray:
        """A part of the plane at twice its size, float32 (h, w) in [0, 1]; it begins and ends at even numbers."""
        wide, inner = [], []
        for part, side in zip((rows, columns), self.size, strict=True):
            begin, end = max(0, part.start // 2 - 1), min(side, part.stop // 2 + 1)
            wide.append(slice(begin, end))
            inner.append(slice(part.start - 2 * begin, part.stop - 2 * begin))
        small = self.part(wide[0], wide[1])
        large = cv2.resize(small, (2 * small.shape[1], 2 * small.shape[0]), interpolation=cv2.INTER_LINEAR)
        return large[inner[0], inner[1]]


def _stored(alpha: np.ndarray) -> np.ndarray:
    return (alpha * _TOP + np.float32(0.5)).clip(0, _TOP).astype(np.uint16)
