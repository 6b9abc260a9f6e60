"""Parts of small arrays enlarged as if all of the array had been: work on edges costs what the edges cost."""

from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

#: A plane of numbers: some arithmetic is the same on the CPU and on a device.
Plane = TypeVar("Plane", np.ndarray, "Tensor")
#: A rectangle of an array.
Part = tuple[slice, slice]
#: Least lines, and columns, of the small array in a part.
_LINES, _COLUMNS = 16, 32


def parts(marks: np.ndarray, large: tuple[int, ...]) -> Iterator[tuple[Part, Part]]:
    """Rectangles that hold all marks of a small array, and the same ones of a large one, in whole pixels of both.

    Args:
        marks: bool (h, w).
        large: height and width of the large array.
    """
    height, width = marks.shape
    (lines, _), (columns, _) = (cell_sides(axis, marks.shape[axis], large[axis]) for axis in (0, 1))
    for top in range(0, height, lines):
        bottom = min(top + lines, height)
        marked = np.logical_or.reduceat(marks[top:bottom].any(0), range(0, width, columns))
        for first, last in _runs(marked):
            here = (slice(top, bottom), slice(first * columns, min(last * columns, width)))
            yield here, (_scaled(here[0], height, large[0]), _scaled(here[1], width, large[1]))


def cell_sides(axis: int, side: int, big: int) -> tuple[int, int]:
    """Lines (axis 0) or columns (axis 1) of a cell of :func:`parts`, in the small and in the large array."""
    step = side // gcd(side, big)
    least = (_LINES, _COLUMNS)[axis]
    small = -(-least // step) * step
    return small, small * big // side


def enlarged_part(plane: np.ndarray, here: Part, there: Part, large: tuple[int, ...]) -> np.ndarray:
    """The part ``there`` of ``plane``, float32, enlarged linearly to ``large``; ``here`` is the same part of it."""
    wide, inner = [], []
    for axis in (0, 1):
        side, big = plane.shape[axis], large[axis]
        step = side // gcd(side, big)
        begin, end = max(0, here[axis].start - step), min(side, here[axis].stop + step)
        wide.append(slice(begin, end))
        first = there[axis].start - begin * big // side
        inner.append(slice(first, first + there[axis].stop - there[axis].start))
    size = [(part.stop - part.start) * large[axis] // plane.shape[axis] for axis, part in enumerate(wide)]
    grown = cv2.resize(plane[wide[0], wide[1]], (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return grown[inner[0], inner[1]]


def resized(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A plane at another size: averaged if smaller, linear if larger."""
    if plane.shape[:2] == shape[:2]:
        return plane
    smaller = plane.shape[0] >= shape[0] and plane.shape[1] >= shape[1]
    # Halves are averaged many times as fast as other fractions.
    while all(side >= 2 * small and side % 2 == 0 for side, small in zip(plane.shape[:2], shape, strict=False)):
        half = (plane.shape[1] // 2, plane.shape[0] // 2)
        plane = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
    if plane.shape[:2] == shape[:2]:
        return plane
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(plane, (shape[1], shape[0]), interpolation=method)


def enlarged_rows(plane: np.ndarray, rows: slice, shape: tuple[int, int]) -> np.ndarray:
    """Rows of a plane, float32 (h, w), enlarged linearly to a height and width."""
    height = plane.shape[0]
    places = ((np.arange(rows.start, rows.stop) + 0.5) * height / shape[0] - 0.5).clip(0, height - 1)
    above = places.astype(np.intp)
    below, share = np.minimum(above + 1, height - 1), (places - above).astype(np.float32)[:, None]
    mixed = plane[above] * (1 - share) + plane[below] * share
    return cv2.resize(mixed, (shape[1], len(mixed)), interpolation=cv2.INTER_LINEAR)


def _runs(marks: np.ndarray) -> list[tuple[int, int]]:
    """From the first to behind the last of every unbroken run of marks in (N,)."""
    padded = np.concatenate(([False], marks, [False]))
    ends = np.flatnonzero(padded[1:] != padded[:-1])
    return list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))


def _scaled(part: slice, side: int, big: int) -> slice:
    return slice(part.start * big // side, part.stop * big // side)
