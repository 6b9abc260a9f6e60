"""What is seen in one frame, and where its pixels come from."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefnet_video.matting.guidance.look import Coded
from birefnet_video.matting.temporal.motion import TOLERANCE, TOLERANCE_SLOPE, followed
from birefnet_video.types import Motion

#: Alpha from which a pixel is part of a figure.
SEEN = 0.4
#: Least share of the grid that is a figure and no speck.
SPECK = 0.0004


@dataclass(frozen=True, slots=True)
class Sight:
    """One frame on the grid that figures are carried on."""

    alpha: np.ndarray
    """float32 (h, w) in [0, 1]: everything that the network sees."""
    rgb: np.ndarray
    """uint8 (h, w, 3)."""
    coded: Coded

    @classmethod
    def of(cls, alpha: np.ndarray, rgb: np.ndarray) -> "Sight":
        """Of a matte and a picture of one size."""
        return cls(alpha, rgb, Coded.of(rgb))


@dataclass(frozen=True, slots=True)
class Carried:
    """Where the pixels of a frame come from."""

    places: np.ndarray
    """float32 (h, w, 2): in the frame before, across and down."""
    trust: np.ndarray
    """float32 (h, w) in [0, 1]."""

    @classmethod
    def of(cls, motion: Motion) -> "Carried":
        """Along a motion, on a grid of its vectors."""
        places, missed, length = followed(motion.backward, motion.forward)
        trust = np.exp(-0.5 * missed / np.square(TOLERANCE + TOLERANCE_SLOPE * length))
        return cls(places, trust.astype(np.float32))

    def ways(self, here: tuple[slice, slice]) -> np.ndarray:
        """Pixels by which those in some rows and columns have moved, across and down, float32 (h, w, 2)."""
        rows, columns = here
        moved = -self.places[here]
        moved[..., 0] += np.arange(columns.start, columns.stop, dtype=np.float32)
        moved[..., 1] += np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        return moved

    def bring(self, matte: np.ndarray) -> np.ndarray:
        """A matte of the frame before, as it would look now."""
        return cv2.remap(matte, self.places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def parts(alpha: np.ndarray) -> list[np.ndarray]:
    """Connected parts of a matte that are more than a speck, each bool (h, w)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > SEEN).astype(np.uint8), connectivity=8)
    least = SPECK * alpha.size
    return [labels == index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] >= least]


def is_figure(matte: np.ndarray) -> bool:
    """Whether a matte float32 (h, w) shows a figure, and neither a speck nor something faint."""
    return bool(matte.max() > SEEN and matte.sum() > SPECK * matte.size)


def at_side(matte: np.ndarray) -> bool:
    """Whether a figure reaches the left or right border of the picture."""
    return bool(max(matte[:, 0].max(), matte[:, -1].max()) > SEEN)


def at_border(matte: np.ndarray) -> bool:
    """Whether a figure reaches the border of the picture."""
    return at_side(matte) or bool(max(matte[0].max(), matte[-1].max()) > SEEN)
