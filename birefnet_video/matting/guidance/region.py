"""The part of the picture that the network looks at: around the subject, and still while the subject is well inside."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from birefnet_video.matting.guidance.sight import SEEN

#: Room around a subject on each side, as a share of its own side; the least that may be left of it.
_MARGIN, _LEAST_MARGIN = 0.25, 0.07
#: Share of the picture's side from which a part of it is not worth looking at.
_NEARLY_ALL = 0.8
#: The smallest part; share of the pixels across a network's input that a part has to hold, or nothing is seen in it.
_LEAST, _COARSEST = 0.12, 0.3
#: From a part's side to that of the next wider one.
_STEP = 1.6
#: Share of a part's side that a subject needs to fill with its room for the part to stay.
_TOO_WIDE = 0.62


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, of the picture's own shape; all in shares of its sides."""

    top: float = 0.0
    left: float = 0.0
    side: float = 1.0

    @classmethod
    def moved_in(cls, top: float, left: float, side: float) -> "Region":
        """One that would lie there, moved into the picture."""
        return cls(min(max(top, 0.0), 1 - side), min(max(left, 0.0), 1 - side), side)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the picture."""
        return self.side >= 1

    def of(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        height, width = shape[0], shape[1]
        rows, columns = max(1, round(self.side * height)), max(1, round(self.side * width))
        top, left = min(round(self.top * height), height - rows), min(round(self.left * width), width - columns)
        return slice(top, top + rows), slice(left, left + columns)

    def widened_to(self, side: float) -> Iterator["Region"]:
        """It, and wider ones around the same middle up to a side."""
        wide = self.side
        while wide <= side:
            grown = (wide - self.side) / 2
            yield Region.moved_in(self.top - grown, self.left - grown, wide)
            wide *= _STEP

    def mirrored(self) -> "Region":
        """The same where left is right."""
        return replace(self, left=1 - self.side - self.left)


WHOLE = Region()


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in shares of the picture's sides."""

    top: float
    left: float
    bottom: float
    right: float

    def grown(self, by: float, more: tuple[float, float] = (0.0, 0.0)) -> "Box":
        """With room of a share of its longer side, and some more down and across; what lies in the picture of it."""
        room = by * max(self.bottom - self.top, self.right - self.left)
        down, across = room + more[0], room + more[1]
        return Box(
            max(0.0, self.top - down),
            max(0.0, self.left - across),
            min(1.0, self.bottom + down),
            min(1.0, self.right + across),
        )

    def is_in(self, region: Region) -> bool:
        """Whether all of it lies in a region."""
        return (
            self.top >= region.top - 1e-6
            and self.left >= region.left - 1e-6
            and self.bottom <= region.top + region.side + 1e-6
            and self.right <= region.left + region.side + 1e-6
        )


def box_around(matte: np.ndarray) -> Box | None:
    """Of what is seen of a matte float32 (h, w); ``None`` if that is nothing."""
    seen = matte > SEEN
    if not seen.any():
        return None
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    height, width = matte.shape
    return Box(rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width)


def least_side(seen: tuple[int, int], pixels: tuple[int, int]) -> float:
    """The least side of a part, as a share of the picture's: enlarged much more, a network does not know what it sees.

    Args:
        seen: height and width of the network's input.
        pixels: height and width of the picture that parts are cut from.
    """
    return min(1.0, max(_LEAST, _COARSEST * seen[0] / pixels[0], _COARSEST * seen[1] / pixels[1]))


def region_around(box: Box, more: tuple[float, float] = (0.0, 0.0), *, least: float = _LEAST) -> Region:
    """The part of the picture that holds a box and room around it.

    Args:
        box: of the subject.
        more: room for its way until the next look, down and across.
        least: side, see :func:`least_side`.
    """
    wide = box.grown(_MARGIN, more)
    side = max(wide.bottom - wide.top, wide.right - wide.left, least)
    if side >= _NEARLY_ALL:
        return WHOLE
    top, left = ((first + last - side) / 2 for first, last in ((wide.top, wide.bottom), (wide.left, wide.right)))
    return Region.moved_in(top, left, side)


def next_region(current: Region, box: Box, more: tuple[float, float] = (0.0, 0.0), *, least: float = _LEAST) -> Region:
    """The region for the next frames: the same one while the subject is well inside and fills it."""
    wanted = region_around(box, more, least=least)
    if box.grown(_LEAST_MARGIN, more).is_in(current) and wanted.side >= _TOO_WIDE * current.side:
        return current
    return wanted
