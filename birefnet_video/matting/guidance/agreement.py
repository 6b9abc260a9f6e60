"""Neighbours of one colour agree on whose they are (cost-volume filtering, Rhemann et al., CVPR 2011)."""

import cv2
import numpy as np

from birefnet_video.matting.edges.opencv import linear_functions

#: Pixels of the window in which neighbours agree, and the power that makes shares nearly hard.
_WINDOW, _HARD = 7, 5


def agreed(likely: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Shares made the same among neighbours of one colour, and nearly hard.

    Args:
        likely: float32 (K, h, w), whose sum is 1 at each pixel.
        rgb: the picture, uint8 (h, w, 3).

    Returns:
        float32 (K, h, w).
    """
    guide = [plane * np.float32(1 / 255) for plane in cv2.split(rgb)]
    smooth = []
    for share in likely[:-1] if len(likely) == 2 else likely:
        *slopes, offset = linear_functions(share.astype(np.float32), guide, _mean)
        smooth.append(np.clip(sum(s * g for s, g in zip(slopes, guide, strict=True)) + offset, 0, 1))
    if len(likely) == 2:
        smooth.append(1 - smooth[0])
    hard: np.ndarray = np.stack(smooth) ** _HARD
    return hard / np.maximum(hard.sum(0), 1e-6)


def _mean(x: np.ndarray) -> np.ndarray:
    return cv2.blur(x, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)
