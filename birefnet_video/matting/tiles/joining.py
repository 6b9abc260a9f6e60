"""A tile's matte tied to the coarse one: a network that sees a part only may take something else for the subject."""

import cv2
import numpy as np

from birefnet_video.matting.edges.opencv import refine

#: Alpha nearer to 0 or 1 than this is sure, and a range of alpha above that has an edge.
SURE, EDGE = 5 / 255, 0.1
#: How far from what is unsure a tile may change something, in its pixels; and the side of the windows whose means are
#: compared: a few pixels of the coarse matte.
_REACH, _WINDOW = 8, 17
#: Side of the windows in which a tile has on the whole what the coarse matte has, as a share of its own.
_LARGE = 1 / 4
#: Differences of the means up to which a tile is believed, and from which on it is not: around a pixel, and where the
#: coarse matte is sure.
_AROUND, _ELSEWHERE = (0.15, 0.4), (0.1, 0.35)


def is_open(coarse: np.ndarray) -> bool:
    """Whether there is something to work out in a part of a matte.

    Args:
        coarse: float32 (h, w) in [0, 1].
    """
    low, high = float(coarse.min()), float(coarse.max())
    return high - low > EDGE or (low > SURE and low < 1 - SURE) or (high > SURE and high < 1 - SURE)


def enlarged(coarse: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """The coarse matte of a part along the edges of its picture, float32 (h, w) in [0, 1].

    Args:
        coarse: float32, of that size or smaller.
        rgb: uint8 (h, w, 3).
    """
    luma, red, blue = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))
    return refine(coarse, [luma, blue, red])


def joined(coarse: np.ndarray, along_edges: np.ndarray, local: np.ndarray) -> np.ndarray:
    """A tile's matte where it can be believed, the coarse one elsewhere.

    It can be near to what the coarse matte leaves open, if the means around a pixel are alike in both: then they differ
    in detail, and not in what they take for the subject. What a tile has more or less as a whole is taken out.

    Args:
        coarse: float32 (h, w) in [0, 1].
        along_edges: the same along the picture's edges; it stands where the tile's is not believed.
        local: the tile's own.

    Returns:
        float32 (h, w) in [0, 1].
    """
    unsure = ((coarse > SURE) & (coarse < 1 - SURE)).astype(np.float32)
    near = cv2.dilate(unsure, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * _REACH + 1,) * 2))
    difference = coarse - local
    far = near == 0
    elsewhere = float(np.abs(difference[far]).mean()) if far.any() else 0.0
    around = np.abs(cv2.blur(difference, (_WINDOW, _WINDOW)))
    trust = cv2.blur(near, (_REACH, _REACH)) * _falling(around, *_AROUND) * _falling(elsewhere, *_ELSEWHERE)
    made = local + _common(difference, near) * _softness(local)
    return np.clip(along_edges + trust * (made - along_edges), 0, 1).astype(np.float32)


def _common(difference: np.ndarray, near: np.ndarray) -> np.ndarray:
    """What is missing in a tile's matte in the mean of a large part of it, where that counts; float32 (h, w)."""
    side = max(3, round(min(near.shape) * _LARGE)) | 1
    held = cv2.blur(near, (side, side))
    return cv2.blur(difference * near, (side, side)) / np.maximum(held, np.float32(1e-3))


def _softness(alpha: np.ndarray) -> np.ndarray:
    """1 in the middle, 0 where alpha is sure, which it is to stay."""
    return np.sqrt(4 * alpha * (1 - alpha))


def _falling(value: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """1 up to the lower value, 0 from the higher one on."""
    return np.clip((high - np.asarray(value, np.float32)) / np.float32(high - low), 0, 1)
