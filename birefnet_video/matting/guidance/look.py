"""How a figure looks: the colours of its upper, middle and lower part, remembered over occlusion and cuts."""

from dataclasses import dataclass

import cv2
import numpy as np

#: Steps of lightness and of the two axes of colour.
_STEPS = (8, 16, 16)
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
        size = int(np.prod(_STEPS))
        parts = _parts(matte)
        shares = np.zeros((_PARTS, size), np.float32)
        for part in range(_PARTS):
            weights = np.where(parts == part, matte, 0)
            found = np.bincount(coded.steps.ravel(), weights.ravel(), minlength=size)
            spread = found.reshape(_STEPS).astype(np.float32)
            for axis in range(3):
                spread = _blurred(spread, axis)
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
        # One row of shares for each line of the picture.
        mixed = _OF_ALL * self.shares.mean(0) + (1 - _OF_ALL) * self.shares
        low = np.clip(np.floor(place), 0, _PARTS - 1).astype(int)
        high, share = np.clip(low + 1, 0, _PARTS - 1), np.clip(place - low, 0, 1)[:, None].astype(np.float32)
        line = np.arange(len(rows))[:, None]
        fits: np.ndarray = ((1 - share) * mixed[low] + share * mixed[high])[line, steps]
        return fits + np.float32(_UNSEEN / self.shares.shape[1])


def _parts(matte: np.ndarray) -> np.ndarray:
    first, last = extent(matte)
    rows = (np.arange(matte.shape[0]) - first) / max(last - first, 1.0) * _PARTS
    return np.clip(rows.astype(int), 0, _PARTS - 1)[:, None]


def extent(matte: np.ndarray) -> tuple[float, float]:
    """First and last line of a figure."""
    rows = np.flatnonzero(matte.max(1) > 0.5)
    return (float(rows[0]), float(rows[-1] + 1)) if len(rows) else (0.0, float(matte.shape[0]))


def _blurred(shares: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(shares, axis, 0)
    flat = np.ascontiguousarray(moved).reshape(moved.shape[0], -1)
    smooth = cv2.GaussianBlur(flat, (1, 5), sigmaX=0.1, sigmaY=_SPREAD, borderType=cv2.BORDER_CONSTANT)
    return np.moveaxis(smooth.reshape(moved.shape), 0, axis)
