"""Figures that turn out to be several: parts of one move apart.

How far each pixel has moved against the whole is added up from frame to frame. Where that has two distinct values, each
in a region of its own, and neither region shows what it showed if it went the other's way, there are two. Limbs that
swing come back, and their ways differ from the body's by degrees.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from birefnet_video.matting.guidance.sight import SEEN, SPECK, Carried, Sight
from birefnet_video.matting.guidance.template import box_of

#: Distance of two ways from which they are those of two, as a share of the grid's longer side, and within which each of
#: them must agree, as a share of that distance.
_APART, _AGREE = 0.016, 0.2
#: Least share of a figure that is another one, share of one's pixels that must be connected, and specks that a figure
#: must have to be looked at.
_LEAST, _CONNECTED, _SPECKS = 0.2, 0.7, 8
#: Pixels at a figure's border that show others' motion, and the window in which ways are smoothed.
_BORDER, _WINDOW = 3, 5
#: Trust in motion from which it counts.
_TRUSTED = 0.5
#: By how much more each of two must differ from what it was if it had gone as the other has: times, and levels of 255.
_TIMES, _MORE = 1.5, 4.0
#: Steps of ways.
_STEPS = 32


@dataclass(frozen=True, slots=True)
class Drift:
    """How the pixels of a figure have moved against the whole of it."""

    ways: np.ndarray
    """float32 (h, w, 2): by how much, in pixels across and down; 0 outside of it."""
    whole: np.ndarray
    """float32 (2,): by how much the whole has moved, in the mean."""
    rgb: np.ndarray
    """The picture in which that began, uint8 (h, w, 3)."""

    @classmethod
    def begun(cls, sight: Sight) -> "Drift":
        """In a frame."""
        return cls(np.zeros((*sight.alpha.shape, 2), np.float32), np.zeros(2, np.float32), sight.rgb)

    def mirrored(self) -> "Drift":
        """The same where left is right."""
        turn = np.array([-1, 1], np.float32)
        ways, rgb = (np.ascontiguousarray(plane[:, ::-1]) for plane in (self.ways, self.rgb))
        return Drift(ways * turn, self.whole * turn, rgb)

    def after(self, matte: np.ndarray, carried: Carried) -> "Drift":
        """One frame later, in which a matte float32 (h, w) is the figure's."""
        whole = matte > SEEN
        if not (whole & (carried.trust > _TRUSTED)).any():
            return self
        here = box_of(whole, 0)
        seen, places = whole[here], carried.places[here]
        known = seen & (carried.trust[here] > _TRUSTED)
        moved = carried.ways(here)
        mean = moved[known].mean(0)
        moved -= mean
        moved[~known] = 0
        moved += cv2.remap(self.ways, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        moved[~seen] = 0
        ways = np.zeros_like(self.ways)
        ways[here] = moved
        return Drift(ways, self.whole + mean, self.rgb)

    def unlike(self, rgb: np.ndarray, part: np.ndarray, way: np.ndarray) -> float:
        """Levels of 255 by which a part differs from what was there when it began.

        Args:
            rgb: the picture now, uint8 (h, w, 3).
            part: bool (h, w), N pixels.
            way: float32 (N, 2) or (2,), that the part has gone against the whole.
        """
        rows, columns = np.nonzero(part)
        at = (np.stack([columns, rows], 1) - self.whole - way).astype(np.float32)
        then = cv2.remap(self.rgb, at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return float(np.abs(then.astype(np.float32) - rgb[part]).mean())


def parted(drift: Drift, matte: np.ndarray, rgb: np.ndarray) -> np.ndarray | None:
    """Where the second of two figures is.

    Args:
        drift: of a figure.
        matte: of it, float32 (h, w).
        rgb: the picture, uint8 (h, w, 3).

    Returns:
        bool (h, w); ``None`` if it is one.
    """
    seen = matte > SEEN
    inner = cv2.erode(seen.astype(np.uint8), np.ones((_BORDER, _BORDER), np.uint8)) > 0
    if inner.sum() < _SPECKS * SPECK * matte.size:
        return None
    ways, apart = drift.ways[inner], _APART * max(matte.shape)
    if np.hypot(*np.ptp(ways, axis=0)) < apart:
        return None
    centre = ways.mean(0)
    _, axes = np.linalg.eigh(np.cov((ways - centre).T))
    axis = axes[:, -1]
    threshold = _two((ways - centre) @ axis, apart)
    if threshold is None:
        return None
    window = (_WINDOW, _WINDOW)
    near = np.maximum(cv2.blur(inner.astype(np.float32), window), 1e-3)[..., None]
    is_second = (cv2.blur(drift.ways * inner[..., None], window) / near - centre) @ axis > threshold
    sides = seen & ~is_second, seen & is_second
    if not all(_is_connected(side) for side in sides) or not _go_apart(drift, rgb, [inner & side for side in sides]):
        return None
    return is_second & (matte > 0)


def fallen_apart(matte: np.ndarray) -> np.ndarray | None:
    """Where the second is of two pieces of a figure's matte float32 (h, w), bool (h, w); ``None`` if it is in one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((matte > SEEN).astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    if len(areas) < 2:
        return None
    second = int(np.argsort(areas)[-2])
    if areas[second] < max(_LEAST * areas.sum(), _SPECKS * SPECK * matte.size):
        return None
    # Faint pixels go with what they lie around.
    around = cv2.dilate((labels == 1 + second).astype(np.uint8), np.ones((_WINDOW, _WINDOW), np.uint8)) > 0
    piece: np.ndarray = (labels == 1 + second) | (around & (labels == 0) & (matte > 0))
    return piece


def _two(ways: np.ndarray, apart: float) -> float | None:
    """Where ways (N,) fall into two; ``None`` if they are one, or many."""
    if np.ptp(ways) < apart:
        return None
    threshold = _otsu(ways)
    first, second = ways[ways <= threshold], ways[ways > threshold]
    if min(len(first), len(second)) < _LEAST * len(ways):
        return None
    distance = second.mean() - first.mean()
    spread = np.sqrt((first.var() * len(first) + second.var() * len(second)) / len(ways))
    return threshold if distance >= apart and spread <= _AGREE * distance else None


def _go_apart(drift: Drift, rgb: np.ndarray, sides: list[np.ndarray]) -> bool:
    """Whether each of two shows that it has not gone the other's way: what has no texture, or repeats, does not."""
    if not all(side.any() for side in sides):
        return False
    ways = [drift.ways[side].mean(0) for side in sides]
    return all(
        drift.unlike(rgb, side, other) > _TIMES * drift.unlike(rgb, side, drift.ways[side]) + _MORE
        for side, other in zip(sides, reversed(ways), strict=True)
    )


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values best (Otsu, IEEE Transactions on Systems, Man, and Cybernetics, 1979)."""
    edges = np.linspace(values.min(), values.max(), _STEPS + 1)
    steps = np.clip(np.searchsorted(edges, values, "right") - 1, 0, _STEPS - 1).astype(np.uint8)
    last, _ = cv2.threshold(steps, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return float(edges[1 + int(last)])


def _is_connected(part: np.ndarray) -> bool:
    count, _, stats, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return bool(len(areas) and areas.max() >= _CONNECTED * areas.sum())
