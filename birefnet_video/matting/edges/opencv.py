"""Mattes brought from the network's size to the picture's, along the picture's own edges.

The fast guided filter (He and Sun, arXiv 1505.00996): around every pixel of the small picture alpha is a linear
function of the colour there; the function, not alpha, is enlarged and applied to the large picture. What the small
matte says is then put back: the large one, made small again, nearly equals it (back-projection, Irani and Peleg 1991).
"""

from collections.abc import Callable

import cv2
import numpy as np

from birefnet_video.matting.filters.opencv import Plane, enlarged_part, parts, resized

#: Pixels of a window's side, at the network's size, and the variance of colour, in units of 1, below which it is noise.
WINDOW, NOISE = 3, 1e-4
#: Range of alpha around a pixel from which there is an edge, and how far an edge reaches, in pixels.
EDGE, REACH = 4 / 255, 2


def refine(alpha: np.ndarray, guide: list[np.ndarray]) -> np.ndarray:
    """Enlarge a matte along the edges of its picture.

    Args:
        alpha: float32 (h, w) in [0, 1].
        guide: luma uint8 (H, W) and two planes of chroma of any size, upright.

    Returns:
        float32 (H, W) in [0, 1]; away from edges it is enlarged linearly.
    """
    height, width = guide[0].shape
    # A matte can be larger than the picture, or larger in one direction.
    alpha = resized(alpha, (min(alpha.shape[0], height), min(alpha.shape[1], width)))
    if alpha.shape == (height, width):
        return alpha
    large = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    cells = list(parts(_edges(alpha), (height, width)))
    if not cells:
        return large
    small = [resized(plane, alpha.shape) for plane in guide]
    # Cells reach beyond the edges that they hold, and windows beyond cells.
    part = tuple(_hull([here[axis] for here, _ in cells], alpha.shape[axis], WINDOW) for axis in (0, 1))
    *slopes, offset = (np.zeros_like(alpha) for _ in range(len(guide) + 1))
    found = linear_functions(alpha[part], [plane[part] * np.float32(1 / 255) for plane in small], _mean)
    for whole, plane in zip((*slopes, offset), found, strict=True):
        whole[part] = plane
    # What chroma says is found at its own size.
    rest = resized(offset, guide[1].shape)
    for slope, plane in zip(slopes[1:], guide[1:], strict=True):
        rest = cv2.add(rest, _times(resized(slope, plane.shape), plane))
    rest = resized(rest, (height, width))
    for here, there in cells:
        grown = _times(enlarged_part(slopes[0], here, there, large.shape), guide[0][there])
        np.clip(cv2.add(grown, rest[there], dst=grown), 0, 1, out=large[there])
    missing = alpha - resized(large, alpha.shape)
    for here, there in cells:
        whole = cv2.add(large[there], enlarged_part(missing, here, there, large.shape))
        np.clip(whole, 0, 1, out=large[there])
    return large


def _edges(alpha: np.ndarray) -> np.ndarray:
    """Pixels around which alpha is not the same everywhere, bool (h, w)."""
    around = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    return cv2.dilate(alpha, around) - cv2.erode(alpha, around) > EDGE


def _times(slope: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """A slope, float32 (h, w), times colour in uint8, in the slope's place."""
    return cv2.multiply(slope, samples, dst=slope, scale=1 / 255, dtype=cv2.CV_32F)


def linear_functions(alpha: Plane, colour: list[Plane], mean: Callable[[Plane], Plane]) -> list[Plane]:
    """Three slopes and an offset that make alpha of the colour around every pixel: four planes (h, w).

    Args:
        alpha: float32 (h, w) in [0, 1].
        colour: three planes like it.
        mean: of a window around every pixel.
    """
    means, mean_alpha = [mean(plane) for plane in colour], mean(alpha)
    # Symmetric: what lies on and above the diagonal, line by line.
    upper = [mean(colour[i] * colour[j]) - means[i] * means[j] for i in range(3) for j in range(i, 3)]
    right = [mean(plane * alpha) - its_mean * mean_alpha for plane, its_mean in zip(colour, means, strict=True)]
    slopes: list[Plane] = _solve(upper, right)
    offset: Plane = mean_alpha
    for slope, its_mean in zip(slopes, means, strict=True):
        offset = offset - slope * its_mean
    return [mean(plane) for plane in slopes] + [mean(offset)]


def _solve(upper: list[Plane], right: list[Plane]) -> list[Plane]:
    """The solution of a symmetric system of three equations for every pixel, by Cramer's rule."""
    a, b, c, d, e, f = upper
    a, d, f = (each + NOISE for each in (a, d, f))
    x, y, z = right
    first, second, third = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1 / (a * first + b * second + c * third)
    fourth, fifth, sixth = a * f - c * c, b * c - a * e, a * d - b * b
    return [
        (first * x + second * y + third * z) * scale,
        (second * x + fourth * y + fifth * z) * scale,
        (third * x + fifth * y + sixth * z) * scale,
    ]


def _mean(x: np.ndarray) -> np.ndarray:
    return cv2.blur(x, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE)


def _hull(pieces: list[slice], side: int, by: int) -> slice:
    """From the first to behind the last of some pieces, grown on both ends."""
    first, last = min(piece.start for piece in pieces), max(piece.stop for piece in pieces)
    return slice(max(0, first - by), min(side, last + by))
