"""Linear filters of one direction as bands: for every sample of the result, which few samples it is made of.

A matrix of the same filter is nearly all zeros: at 3840 columns, 4 numbers in 1,920.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Sharpness of swscale's cubic interpolation (Keys, 1981: the slope at 1 is its negative).
_CUBIC = 0.6
#: Standard deviations of a Gaussian beyond which it counts as nothing.
_GAUSSIAN_REACH = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """What each of N samples is made of."""

    indices: np.ndarray
    """int32 (N, K): samples before."""
    weights: np.ndarray
    """float32 (N, K): what they count for; a line's sum is 1."""


#: Makes the band from so many samples to so many.
MakeBand = Callable[[int, int], Band]


def area(before: int, after: int) -> Band:
    """Each sample is the mean of what it covers; ``after`` is not the larger one."""
    edges = np.arange(after + 1) * (before / after)
    first = np.floor(edges[:-1])
    most = int((np.ceil(edges[1:]) - first).max())
    pixels = first[:, None] + np.arange(most)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return _band(pixels, covered.clip(0, None), before)


def linear(before: int, after: int) -> Band:
    """Linear interpolation between samples whose outer borders lie on each other, antialiased."""
    return _linear_at((np.arange(after) + 0.5) * (before / after) - 0.5, before / after, before)


def linear_of_even(before: int, after: int) -> Band:
    """The same from samples that lie on the even ones of twice as many, whose borders lie on those of the result."""
    return _linear_at((np.arange(after) + 0.5) * (before / after) - 0.25, before / after, before)


def cubic(before: int, after: int) -> Band:
    """Cubic interpolation between samples whose outer borders lie on each other, antialiased."""
    return _cubic_at((np.arange(after) + 0.5) * (before / after) - 0.5, before / after, before)


def cubic_from_left(before: int, after: int) -> Band:
    """The same where the first samples lie on each other."""
    return _cubic_at(np.arange(after) * (before / after), before / after, before)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A Gaussian blur whose borders are repeated, of as many samples as before."""

    sigma: float

    def __call__(self, before: int, after: int) -> Band:
        """The band; ``after`` equals ``before``."""

        def weight(x: np.ndarray) -> np.ndarray:
            return np.exp(-0.5 * (x / self.sigma) ** 2)

        return _around(np.arange(after), weight, _GAUSSIAN_REACH * self.sigma, before)


def _linear_at(centres: np.ndarray, ratio: float, before: int) -> Band:
    wide = max(1.0, ratio)
    return _around(centres, lambda x: (1 - np.abs(x) / wide).clip(0, None), wide, before)


def _cubic_at(centres: np.ndarray, ratio: float, before: int) -> Band:
    wide = max(1.0, ratio)
    return _around(centres, lambda x: _keys(x / wide), 2 * wide, before)


def _keys(x: np.ndarray) -> np.ndarray:
    x, a = np.abs(x), -_CUBIC
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _around(centres: np.ndarray, weight: Callable[[np.ndarray], np.ndarray], reach: float, before: int) -> Band:
    """What samples around ``centres`` count for; those beyond a border are the border's own."""
    near = int(np.ceil(reach))
    pixels = np.floor(centres)[:, None] + np.arange(-near, near + 2)
    distance = pixels - centres[:, None]
    return _band(pixels, np.where(np.abs(distance) <= reach, weight(distance), 0), before)


def _band(pixels: np.ndarray, shares: np.ndarray, before: int) -> Band:
    """A band without the columns that count for nothing, and never with more than there are samples.

    Args:
        pixels: (N, K) consecutive whole numbers in each line, some of them beyond the borders.
        shares: (N, K) what they count for, to be scaled to a sum of 1.
        before: samples there are.
    """
    lines, columns = shares.shape
    counts = shares != 0
    begin = counts.argmax(1)
    width = int((columns - counts[:, ::-1].argmax(1) - begin).max())
    # A line whose last columns are left of its neighbours' is moved so that all have the same width.
    taken = np.minimum(begin, columns - width)[:, None] + np.arange(width)
    pixels = np.take_along_axis(pixels, taken, 1).clip(0, before - 1).astype(np.int32)
    shares = np.take_along_axis(shares, taken, 1)
    if width > before:
        folded = np.zeros((lines, before))
        np.add.at(folded, (np.arange(lines)[:, None], pixels), shares)
        pixels, shares = np.tile(np.arange(before, dtype=np.int32), (lines, 1)), folded
    return Band(pixels, (shares / shares.sum(1, keepdims=True)).astype(np.float32))
