"""A figure's picture as it was last seen whole: where it is now, and which pixels show it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from birefnet_video.matting.guidance.sight import SEEN

#: Levels of 255 by which pixels that show the same differ: by noise, codecs and small changes.
_ALIKE = 14.0
#: Pixels by which parts of a figure that is seen are off their place, to each side; the window in which colours are
#: compared.
OFF, _WINDOW = 1, 3
#: Pixels by which a figure among others may be off its way in a frame, to each side; share of its picture that has to
#: be seen there to say so, and levels of 255 from which a pixel shows something else.
_STRAYS, _RECOGNISED, _ELSE = 2, 0.25, 28.0
#: What a pixel counts for where a figure is not expected.
_OUTSIDE = 0.05
#: How well pixels fit of which it is not known what the figure shows there.
UNKNOWN = 0.1
#: Pixels around others that may be theirs; room around a cut figure in which the rest of it may be.
_UNSURE, _ROOM = 15, 0.3


@dataclass(frozen=True, slots=True)
class Template:
    """A figure's picture and where it was."""

    rgb: np.ndarray
    """float32 (h, w, 3)."""
    mask: np.ndarray
    """float32 (h, w)."""
    corner: tuple[float, float]
    """Its first line and column."""
    hidden: np.ndarray | None = None
    """float32 (h, w): where others were before it, so that it is not known what it shows; ``None``: nowhere."""

    @classmethod
    def cut(cls, matte: np.ndarray, alpha: np.ndarray, rgb: np.ndarray) -> "Template | None":
        """Of a matte float32 (h, w) that others may go on beside, in the alpha of all that is seen, float32 (h, w).

        Where a figure was cut from others is not surely where it ends, and what lies behind them is not known.
        """
        beside = ((alpha - matte) > SEEN).astype(np.uint8)
        if not (beside & cv2.dilate((matte > SEEN).astype(np.uint8), np.ones((3, 3), np.uint8))).any():
            return cls.of(matte > SEEN, matte, rgb)
        window = np.ones((_UNSURE, _UNSURE), np.uint8)
        is_unsure = cv2.dilate(beside, window) > 0
        sure = np.where(is_unsure, np.minimum(cv2.erode(matte, window), matte), matte)
        if not (sure > SEEN).any():
            return None
        hidden = is_unsure & (sure < SEEN)
        rows, columns = box_of(sure > SEEN, round(_ROOM * max(matte.shape)))
        return cls(
            rgb[rows, columns].astype(np.float32),
            np.where(hidden, np.float32(0), matte)[rows, columns],
            (rows.start, columns.start),
            hidden[rows, columns].astype(np.float32),
        )

    @classmethod
    def of(cls, seen: np.ndarray, matte: np.ndarray, rgb: np.ndarray) -> "Template | None":
        """Of a matte float32 (h, w) and its picture uint8 (h, w, 3); ``None`` if nothing is seen, bool (h, w)."""
        if not seen.any():
            return None
        rows, columns = box_of(seen, 1)
        mask = matte[rows, columns]
        return cls(rgb[rows, columns].astype(np.float32), np.ascontiguousarray(mask), (rows.start, columns.start))

    def moved(self, speed: np.ndarray) -> "Template":
        """A frame later, by pixels across and down."""
        return replace(self, corner=(self.corner[0] + float(speed[1]), self.corner[1] + float(speed[0])))

    def mirrored(self, width: int) -> "Template":
        """The same in a picture of so many pixels across in which left is right."""
        corner = (self.corner[0], width - self.corner[1] - self.mask.shape[1])
        hidden = None if self.hidden is None else _turned(self.hidden)
        return Template(_turned(self.rgb), _turned(self.mask), corner, hidden)

    def wider(self, by: int) -> "Template":
        """With so many pixels more to each side of which nothing is known."""
        corner = (self.corner[0] - by, self.corner[1] - by)
        hidden = None if self.hidden is None else np.pad(self.hidden, by)
        return Template(np.pad(self.rgb, ((by, by), (by, by), (0, 0))), np.pad(self.mask, by), corner, hidden)

    def with_more(self, own: np.ndarray, matte: np.ndarray, rgb: np.ndarray) -> "Template":
        """With pixels, bool (h, w) of its own, of a matte float32 (h, w) and a picture float32 (h, w, 3)."""
        hidden = None if self.hidden is None else np.where(own, np.float32(0), self.hidden)
        return Template(np.where(own[..., None], rgb, self.rgb), np.where(own, matte, self.mask), self.corner, hidden)

    def under(self, plane: np.ndarray) -> np.ndarray:
        """What of a plane or picture lies where it is, float32; 0 outside of it."""
        back = np.array([[1, 0, -self.corner[1]], [0, 1, -self.corner[0]]], np.float32)
        return cv2.warpAffine(plane, back, self.mask.shape[::-1]).astype(np.float32)

    def placed(self, plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Its mask or picture, float32, where it is in a picture of a shape; 0 around it."""
        shift = np.array([[1, 0, self.corner[1]], [0, 1, self.corner[0]]], np.float32)
        return cv2.warpAffine(plane, shift, (shape[1], shape[0]))

    def find(self, rgb: np.ndarray, speed: np.ndarray, reach: int) -> np.ndarray | None:
        """Pixels, across and down, by which it has moved, or ``None`` if there is no room for it.

        Args:
            rgb: the picture, uint8 (h, w, 3).
            speed: that is expected.
            reach: pixels by which it may be off.
        """
        height, width = self.mask.shape
        top, left = (round(self.corner[axis] + float(speed[1 - axis])) for axis in (0, 1))
        pad = max(reach, 0) + max(height, width)
        wide = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        first, begin = max(0, top - reach + pad), max(0, left - reach + pad)
        area = wide[first : top + height + reach + pad, begin : left + width + reach + pad]
        if area.shape[0] < height or area.shape[1] < width:
            return None
        cost = cv2.matchTemplate(area.astype(np.float32), self.rgb, cv2.TM_SQDIFF, mask=np.dstack([self.mask] * 3))
        down, across = np.unravel_index(int(np.argmin(cost)), cost.shape)
        return np.array([across - reach + left - self.corner[1], down - reach + top - self.corner[0]], np.float32)

    def strayed(self, rgb: np.ndarray, speed: np.ndarray) -> np.ndarray:
        """Pixels, across and down, by which it is off its way: where most of it is seen, whatever hides the rest.

        Args:
            rgb: the picture, uint8 (h, w, 3).
            speed: that is expected.

        Returns:
            float32 (2,); 0 where too little of it is seen to tell.
        """
        height, width = self.mask.shape
        off = _STRAYS
        # The picture as it lies under the template, with room around it.
        corner = (self.corner[1] + float(speed[0]) - off, self.corner[0] + float(speed[1]) - off)
        back = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        under = cv2.warpAffine(rgb, back, (width + 2 * off, height + 2 * off), borderMode=cv2.BORDER_REPLICATE)
        planes, own = _planes(under), _planes(self.rgb)
        seen, least = np.empty((2 * off + 1, 2 * off + 1), np.float32), _ELSE**2
        for down in range(2 * off + 1):
            for across in range(2 * off + 1):
                away = _apart(planes, own, down, across)
                seen[down, across] = (self.mask * np.maximum(1 - away / least, 0)).sum()
        down, across = (int(at) for at in np.unravel_index(int(np.argmax(seen)), seen.shape))
        if seen[down, across] < _RECOGNISED * self.mask.sum():
            return np.zeros(2, np.float32)
        return np.array([_peak(seen[down], across) - off, _peak(seen[:, across], down) - off], np.float32)

    def likelihood(self, rgb: np.ndarray, speed: np.ndarray, here: tuple[slice, slice], off: int = OFF) -> np.ndarray:
        """How well pixels show what is expected of the figure there, float32 (h, w) in (0, 1].

        Args:
            rgb: the picture, uint8 (H, W, 3).
            speed: of the figure.
            here: rows and columns of the picture.
            off: pixels by which parts of it may be off their place, to each side.
        """
        at = (self.corner[0] + float(speed[1]) - here[0].start, self.corner[1] + float(speed[0]) - here[1].start)
        there, seen = replace(self, corner=at), rgb[here].astype(np.float32)
        shape = seen.shape[:2]
        mask = there.placed(self.mask, shape)
        picture = there.placed(self.rgb * self.mask[..., None], shape) / np.maximum(mask, 1e-3)[..., None]
        wide = _planes(cv2.copyMakeBorder(picture, off, off, off, off, cv2.BORDER_REPLICATE))
        planes = _planes(seen)
        least = np.full(shape, np.inf, np.float32)
        for down in range(2 * off + 1):
            for across in range(2 * off + 1):
                away = _apart(wide, planes, down, across)
                np.minimum(least, cv2.blur(away, (_WINDOW, _WINDOW)), out=least)
        alike = np.exp(-0.5 * least / _ALIKE**2)
        fits: np.ndarray = (mask * alike + _OUTSIDE) / np.float32(1 + _OUTSIDE)
        if self.hidden is not None:
            hidden = there.placed(self.hidden, shape)
            fits += hidden * (np.float32(UNKNOWN) - fits)
        return fits


def _planes(rgb: np.ndarray) -> list[np.ndarray]:
    """The channels of a picture (h, w, 3), each float32 (h, w) and whole in memory."""
    return [np.ascontiguousarray(rgb[..., channel], np.float32) for channel in range(3)]


def _apart(wide: list[np.ndarray], planes: list[np.ndarray], down: int, across: int) -> np.ndarray:
    """Mean square of what channels differ by, float32 (h, w), from a place in wider ones."""
    height, width = planes[0].shape
    total: np.ndarray | None = None
    for other, plane in zip(wide, planes, strict=True):
        away = other[down : down + height, across : across + width] - plane
        away *= away
        total = away if total is None else np.add(total, away, out=total)
    assert total is not None  # there are three
    total /= np.float32(3)
    return total


def _turned(plane: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(plane[:, ::-1])


def _peak(values: np.ndarray, at: int) -> float:
    """Where a parabola through the largest value and those beside it has its top."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, top, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * top + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def box_of(part: np.ndarray, by: int) -> tuple[slice, slice]:
    """Rows and columns that hold all marks of a plane, bool (h, w), and so many pixels around them."""
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return (
        slice(max(0, int(rows[0]) - by), min(part.shape[0], int(rows[-1]) + 1 + by)),
        slice(max(0, int(columns[0]) - by), min(part.shape[1], int(columns[-1]) + 1 + by)),
    )
