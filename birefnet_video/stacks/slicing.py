"""From a volume to pictures that stand upright, and back: turns and mirrors only, so that nothing is resampled."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from birefnet_video.errors import UsageError
from birefnet_video.options.stacks import SliceAxis
from birefnet_video.stacks.stack import Stack, StackInfo

_X, _Y, _Z = 0, 1, 2
_ARRAY_AXES = {"x": _X, "y": _Y, "z": _Z}
#: Directions of the body that slices of a name follow: right, front, up.
_BODY_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


@dataclass(frozen=True, slots=True)
class Slicing:
    """How slices are cut, and how they are turned to be looked at."""

    axis: int
    """Along which they follow each other: 0 is x, 1 is y, 2 is z."""
    swaps: bool = False
    """Rows and columns change places."""
    flips_rows: bool = False
    flips_columns: bool = False
    name: str | None = None
    """``axial``, ``coronal`` or ``sagittal``, or what is nearest; None: not known."""

    def shape(self, info: StackInfo) -> tuple[int, int]:
        """Rows and columns of a picture."""
        rows, columns = (size for index, size in enumerate(info.shape) if index != 2 - self.axis)
        return (columns, rows) if self.swaps else (rows, columns)

    def count(self, info: StackInfo) -> int:
        """Number of slices."""
        return info.shape[2 - self.axis]

    def proportions(self, info: StackInfo) -> tuple[int, int]:
        """Width and height of a picture whose pixels are square, as large as the smaller side of a voxel."""
        height, width = self.shape(info)
        sides = [abs(each) or 1.0 for index, each in enumerate(info.spacing or (1, 1, 1)) if index != 2 - self.axis]
        down, across = sides[::-1] if self.swaps else sides
        least = min(down, across)
        return max(1, round(width * across / least)), max(1, round(height * down / least))

    def upright(self, plane: np.ndarray) -> np.ndarray:
        """A slice (rows, columns, ...) of the volume as a picture; a view."""
        turned = plane.swapaxes(0, 1) if self.swaps else plane
        return turned[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]

    def back(self, picture: np.ndarray) -> np.ndarray:
        """The opposite of :meth:`upright`; a view."""
        turned = picture[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]
        return turned.swapaxes(0, 1) if self.swaps else turned

    def planes(self, stack: Stack) -> Iterator[np.ndarray]:
        """The slices of a volume along the axis. Along z one is in memory at a time, along others all of it."""
        if self.axis == _Z:
            yield from stack.slices()
            return
        whole: np.ndarray | None = None
        for index, plane in enumerate(stack.slices()):
            if whole is None:
                whole = np.empty((stack.info.shape[0], *plane.shape), plane.dtype)
            whole[index] = plane
        assert whole is not None
        yield from np.moveaxis(whole, 2 - self.axis, 0)

    def place(self, mask: np.ndarray, index: int) -> np.ndarray:
        """Where a slice lies in an array (Z, Y, X); a view."""
        return np.moveaxis(mask, 2 - self.axis, 0)[index]


def slicing_along(axis: SliceAxis, info: StackInfo) -> Slicing:
    """How a stack is cut along an axis.

    Where it is known how a volume lies, pictures stand as radiologists hang them: up or the front above, the right or
    the front on the left. Networks have learned from pictures that stand upright.

    Raises:
        UsageError: if a direction of the body is named and the file knows none.
    """
    if info.affine is None:
        if axis in _BODY_AXES:
            raise UsageError(
                f"--axis {axis}: {info.path} does not say how its volume lies", hint="use x, y or z, of its array"
            )
        return Slicing(_ARRAY_AXES[axis])
    directions, signs = _nearest(info.affine)
    own = directions.index(_BODY_AXES[axis]) if axis in _BODY_AXES else _ARRAY_AXES[axis]
    columns, rows = (each for each in (_X, _Y, _Z) if each != own)
    swaps = directions[rows] < directions[columns]
    if swaps:
        rows, columns = columns, rows
    name = next(name for name, direction in _BODY_AXES.items() if direction == directions[own])
    return Slicing(own, swaps, signs[rows] > 0, signs[columns] > 0, name)


def _nearest(affine: np.ndarray) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """For x, y and z: the direction of the body that each is nearest to, all three different, and its sign."""
    steps = affine[:3, :3]
    lengths = np.linalg.norm(steps, axis=0)
    cosines = steps / np.where(lengths > 0, lengths, 1)
    best = max(permutations(range(3)), key=lambda way: sum(abs(cosines[each, index]) for index, each in enumerate(way)))
    return best, tuple(float(np.sign(cosines[each, index])) for index, each in enumerate(best))
