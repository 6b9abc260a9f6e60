"""Metrics on a matte's boundary that pysodmetrics does not have."""

import cv2
import numpy as np

#: Number of band widths over which boundary accuracy is averaged; the widest is this share of width plus height.
_BANDS, _WIDEST = 5, 1 / 300
#: Width of the boundary in the boundary IoU, over the diagonal of the picture (Cheng et al. 2021).
_DILATION = 0.02
_LEVELS = 256


def mean_boundary_accuracy(found: np.ndarray, meant: np.ndarray) -> float:
    """mBA (Cheng et al. 2020, CascadePSP): share of right pixels in bands about the true edge, mean over band widths.

    Args:
        found, meant: bool (H, W).

    Returns:
        A value in [0, 1], NaN where the truth has no edge.
    """
    truth, right = meant.astype(np.uint8), found == meant
    widest = sum(meant.shape) * _WIDEST
    shares: list[float] = []
    for i in range(_BANDS):
        radius = 1 + int((widest - 1) / _BANDS * i)
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        band = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, disk) > 0
        if not band.any():
            return float("nan")
        shares.append(float(right[band].mean()))
    return float(sum(shares) / _BANDS)


def boundary_iou_curve(alpha: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """Boundary IoU (Cheng et al. 2021) at every threshold from 255 down to 0, float64 (256,).

    Args:
        alpha: matte in [0, 1], float64 (H, W).
        meant: bool (H, W).
    """
    edge = _boundary((alpha * 255).astype(np.uint8))
    truth = _boundary(meant.astype(np.uint8) * 255) > 128
    hits = np.cumsum(np.bincount(edge[truth], minlength=_LEVELS)[::-1])
    misses = np.cumsum(np.bincount(edge[~truth], minlength=_LEVELS)[::-1])
    return hits / (max(int(np.count_nonzero(truth)), 1) + misses)


def _boundary(matte: np.ndarray) -> np.ndarray:
    """What erosion takes away, uint8 (H, W); the picture's border counts as an edge."""
    width = max(1, round(_DILATION * float(np.hypot(*matte.shape))))
    padded = cv2.copyMakeBorder(matte, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return matte - eroded[1:-1, 1:-1]
