"""How a figure looks: the colours of its upper, middle and lower part, remembered over occlusion and cuts."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

#: Steps of lightness and of the two axes of colour.
_STEPS = (8, 16, 16)
_SIZE = _STEPS[0] * _STEPS[1] * _STEPS[2]
#: By how many steps colours are spread in each direction, so that near ones count as alike.
_SPREAD = 0.8
#: Parts of a figure, from above.
_PARTS = 3
#: Weight of the colours of the whole figure beside those of the part that lies there.
_OF_ALL = 0.4
#: Share of every frame in what is remembered.
_RATE = 0.05
#: Share of colours that a figure may have without having shown them.
_UNSEEN = 0.02


@dataclass(frozen=True, slots=True)
class Coded:
    """A picture's colours as numbers of their steps."""

    steps: np.ndarray
    """int32 (h, w), each below the product of the steps."""

    @classmethod
    def of(cls, rgb: np.ndarray) -> "Coded":
        """Of a picture uint8 (h, w, 3)."""
        lab = cv2.cvtColor(cv2.blur(rgb, (3, 3)), cv2.COLOR_RGB2LAB).astype(np.int32)
        steps = np.zeros(lab.shape[:2], np.int32)
        for channel, count in enumerate(_STEPS):
            # Chroma rarely uses the ends of its range.
            value = lab[..., channel] if channel == 0 else np.clip(2 * lab[..., channel] - 128, 0, 255)
            steps = steps * count + value * count // 256
        return cls(steps)


@dataclass(frozen=True, slots=True)
class Look:
    """Shares of colours in the parts of a figure."""

    shares: np.ndarray
    """float32 (parts, steps); each part's sum is 1, or 0 if it was never seen."""

    @classmethod
    def of(cls, coded: Coded, matte: np.ndarray) -> "Look":
        """
        Args:
            coded: the picture.
            matte: float32 (h, w) in [0, 1], all of the figure.
        """
        shares = np.zeros((_PARTS, _SIZE), np.float32)
        columns = np.flatnonzero(matte.any(0))
        if not len(columns):
            return cls(shares)
        across = slice(int(columns[0]), int(columns[-1]) + 1)
        for part, rows in enumerate(_bands(matte)):
            weights = matte[rows, across]
            found = np.bincount(coded.steps[rows, across].ravel(), weights.ravel(), minlength=_SIZE)
            spread = _spread(found.reshape(_STEPS).astype(np.float32))
            shares[part] = spread.ravel() / max(float(spread.sum()), 1e-6)
        return cls(shares)

    def joined(self, newer: "Look") -> "Look":
        """What is remembered after one more frame."""
        seen, before = (each.shares.sum(1, keepdims=True) > 0 for each in (newer, self))
        weight = np.where(seen & before, _RATE, seen.astype(np.float32))
        return Look(((1 - weight) * self.shares + weight * newer.shares).astype(np.float32))

    def likeness(self, other: "Look") -> float:
        """In [0, 1]: Bhattacharyya's coefficient, in the mean of the parts that both have shown."""
        common = np.sqrt(self.shares * other.shares).sum(1)
        both = (self.shares.sum(1) > 0) & (other.shares.sum(1) > 0)
        return float(common[both].mean()) if both.any() else 0.0

    def likelihood(self, coded: Coded, lines: tuple[float, float], here: tuple[slice, slice]) -> np.ndarray:
        """How well colours fit, float32 (h, w): shares of the part that lies there, mixed with those of the whole.

        Args:
            coded: the picture.
            lines: first and last line of the figure.
            here: rows and columns of the picture.
        """
        steps = coded.steps[here]
        rows = np.arange(here[0].start, here[0].stop, dtype=np.float32)
        place = (rows - lines[0]) / max(lines[1] - lines[0], 1.0) * _PARTS - 0.5
        mixed = _OF_ALL * self.shares.mean(0) + (1 - _OF_ALL) * self.shares
        low = np.clip(np.floor(place), 0, _PARTS - 1).astype(int)
        high, share = np.clip(low + 1, 0, _PARTS - 1), np.clip(place - low, 0, 1)[:, None].astype(np.float32)
        # Shares of the part above and of the one below each pixel's line.
        above, below = mixed[low[:, None], steps], mixed[high[:, None], steps]
        fits: np.ndarray = (1 - share) * above + share * below
        return fits + np.float32(_UNSEEN / self.shares.shape[1])


def _bands(matte: np.ndarray) -> list[slice]:
    """Lines of the parts of a figure, from above: what lies beyond it belongs to the first and the last."""
    first, last = extent(matte)
    rows = (np.arange(matte.shape[0]) - first) / max(last - first, 1.0) * _PARTS
    ends = np.searchsorted(np.clip(rows.astype(int), 0, _PARTS - 1), np.arange(_PARTS + 1))
    return [slice(int(begin), int(end)) for begin, end in pairwise(ends)]


def extent(matte: np.ndarray) -> tuple[float, float]:
    """First and last line of a figure."""
    rows = np.flatnonzero(matte.max(1) > 0.5)
    return (float(rows[0]), float(rows[-1] + 1)) if len(rows) else (0.0, float(matte.shape[0]))


def _spread(shares: np.ndarray) -> np.ndarray:
    """Colours spread over near ones, float32 of all steps."""
    # The axis that comes first is spread; then all go back to their places.
    for axes, back in (((0, 1, 2), (0, 1, 2)), ((1, 0, 2), (1, 0, 2)), ((2, 0, 1), (1, 2, 0))):
        turned = np.ascontiguousarray(shares.transpose(axes))
        flat = turned.reshape(turned.shape[0], -1)
        smooth = cv2.GaussianBlur(flat, (1, 5), sigmaX=0.1, sigmaY=_SPREAD, borderType=cv2.BORDER_CONSTANT)
        shares = smooth.reshape(turned.shape).transpose(back)
    return shares
