"""Metrics of a video's mattes, frame by frame, in the units of the RobustVideoMatting and MatAnyone tables."""

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

VIDEO_METRICS = ("MAD", "MSE", "Grad", "Conn", "dtSSD")

#: Width of the derivative of a Gaussian, and the share of its peak below which its kernel ends (Rhemann et al. 2009).
_SIGMA, _CUT_OFF = 1.4, 1e-2
#: Steps of the thresholds of the connectivity error, and the least difference that counts (Rhemann et al. 2009).
_STEP, _THETA = 0.1, 0.15


def mean_absolute_difference(found: np.ndarray, meant: np.ndarray) -> float:
    """1000 times the mean of |found - meant|; float32 (H, W) in [0, 1]."""
    return 1e3 * float(np.abs(found - meant).mean())


def mean_squared_error(found: np.ndarray, meant: np.ndarray) -> float:
    """1000 times the mean of (found - meant) squared."""
    return 1e3 * float(np.square(found - meant).mean())


def gradient_error(found: np.ndarray, meant: np.ndarray) -> float:
    """Sum of squared differences of the gradients' lengths, over 1000; no matte is stretched to [0, 1] first."""
    return float(np.square(_gradient(found) - _gradient(meant)).sum()) / 1e3


def connectivity_error(found: np.ndarray, meant: np.ndarray) -> float:
    """How differently pixels hang together with the largest part that both have (Rhemann et al. 2009), over 1000."""
    thresholds = np.arange(0, 1 + _STEP, _STEP)
    level = np.full(meant.shape, -1.0, meant.dtype)
    for before, threshold in pairwise(thresholds):
        both = ((meant >= threshold) & (found >= threshold)).astype(np.uint8)
        _, labels, parts, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        inside = labels == 1 + np.argmax(parts[1:, cv2.CC_STAT_AREA]) if len(parts) > 1 else np.zeros_like(both, bool)
        level[(level == -1) & ~inside] = before
    level[level == -1] = 1

    def connected(alpha: np.ndarray) -> np.ndarray:
        beyond = alpha - level
        return 1 - beyond * (beyond >= _THETA)

    return float(np.abs(connected(found) - connected(meant)).sum()) / 1e3


def flicker_error(found: np.ndarray, found_before: np.ndarray, meant: np.ndarray, meant_before: np.ndarray) -> float:
    """dtSSD (Erofeev et al. 2015): 100 times the root mean square of the difference of changes between frames."""
    change = (found - found_before) - (meant - meant_before)
    return 1e2 * float(np.sqrt(np.square(change).mean()))


@dataclass(slots=True)
class VideoScores:
    """Means over a clip, taken up a frame at a time."""

    frames: int = 0
    _sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(VIDEO_METRICS, 0.0))
    _before: tuple[np.ndarray, np.ndarray] | None = None

    def step(self, found: np.ndarray, meant: np.ndarray) -> dict[str, float]:
        """Take up a frame's matte and the truth, float32 (H, W) in [0, 1]; returns the frame's own values.

        Raises:
            ValueError: if their sizes differ.
        """
        if found.shape != meant.shape:
            raise ValueError(f"mattes of {found.shape[::-1]} and {meant.shape[::-1]} pixels cannot be compared")
        values = {
            "MAD": mean_absolute_difference(found, meant),
            "MSE": mean_squared_error(found, meant),
            "Grad": gradient_error(found, meant),
            "Conn": connectivity_error(found, meant),
        }
        if self._before is not None:
            values["dtSSD"] = flicker_error(found, self._before[0], meant, self._before[1])
        for name, value in values.items():
            self._sums[name] += value
        self._before = (found, meant)
        self.frames += 1
        return values

    def means(self) -> dict[str, float]:
        """Metric -> mean over the frames; dtSSD over the pairs of frames."""
        counts = {name: self.frames - (name == "dtSSD") for name in VIDEO_METRICS}
        return {name: self._sums[name] / counts[name] if counts[name] > 0 else float("nan") for name in VIDEO_METRICS}


def _kernel() -> np.ndarray:
    """Derivative of a Gaussian along x, of unit length."""
    half = int(np.ceil(_SIGMA * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * _SIGMA * _CUT_OFF))))
    offsets = np.arange(-half, half + 1, dtype=np.float64)
    gaussian = np.exp(-(offsets**2) / (2 * _SIGMA**2)) / (_SIGMA * np.sqrt(2 * np.pi))
    kernel = np.outer(gaussian, -offsets * gaussian / _SIGMA**2)
    return kernel / np.sqrt((kernel**2).sum())


def _gradient(alpha: np.ndarray) -> np.ndarray:
    """Length of the smoothed gradient."""
    kernel = _kernel()
    across = cv2.filter2D(alpha, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(alpha, -1, kernel.T, borderType=cv2.BORDER_REPLICATE)
    return np.sqrt(across * across + down * down)
