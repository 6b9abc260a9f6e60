"""Mattes brought from the network's size to the picture's, along the picture's own edges.

The fast guided filter (He and Sun, arXiv 1505.00996): around every pixel of the small picture alpha is a linear
function of the colour there; the function, not alpha, is enlarged and applied to the large picture. What the small
matte says is then put back: the large one, made small again, nearly equals it (back-projection, Irani and Peleg 1991).
"""

import cv2
import numpy as np

from birefnet_video.matting.enlarge import Part, enlarged_part, parts, resized

#: Pixels of a window's side, at the network's size, and the variance of colour, in units of 1, below which it is noise.
_WINDOW, _NOISE = 3, 1e-4
#: Range of alpha around a pixel from which there is an edge, and how far an edge reaches, in pixels.
_EDGE, _REACH = 4 / 255, 2


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
    part = tuple(_hull([here[axis] for here, _ in cells], alpha.shape[axis], _WINDOW) for axis in (0, 1))
    functions = [np.zeros_like(alpha) for _ in range(len(guide) + 1)]
    found = _linear_functions(alpha[part], [plane[part].astype(np.float32) * np.float32(1 / 255) for plane in small])
    for whole, plane in zip(functions, found, strict=True):
        whole[part] = plane
    whole_guide = [resized(plane, (height, width)) for plane in guide]
    for here, there in cells:
        _apply(functions, whole_guide, here, there, large)
    missing = alpha - cv2.resize(large, alpha.shape[::-1], interpolation=cv2.INTER_AREA)
    large += cv2.resize(missing, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(large, 0, 1, out=large)


def _edges(alpha: np.ndarray) -> np.ndarray:
    """Pixels around which alpha is not the same everywhere, bool (h, w)."""
    around = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    return cv2.dilate(alpha, around) - cv2.erode(alpha, around) > _EDGE


def _apply(functions: list[np.ndarray], guide: list[np.ndarray], here: Part, there: Part, large: np.ndarray) -> None:
    """Compute the part ``there`` of the large matte from the part ``here`` of the small functions."""
    total: np.ndarray | None = None
    for index, plane in enumerate(functions):
        enlarged = enlarged_part(plane, here, there, large.shape)
        if index < len(guide):
            enlarged *= guide[index][there]
            enlarged *= np.float32(1 / 255)
        total = enlarged if total is None else np.add(total, enlarged, out=total)
    assert total is not None  # there is an offset at least
    np.clip(total, 0, 1, out=large[there])


def _linear_functions(alpha: np.ndarray, colour: list[np.ndarray]) -> list[np.ndarray]:
    """Three slopes and an offset that make alpha of the colour around every pixel: four arrays (h, w)."""
    means, mean_alpha = [_mean(plane) for plane in colour], _mean(alpha)
    # Symmetric: what lies on and above the diagonal, line by line.
    upper = [_mean(colour[i] * colour[j]) - means[i] * means[j] for i in range(3) for j in range(i, 3)]
    right = [_mean(plane * alpha) - mean * mean_alpha for plane, mean in zip(colour, means, strict=True)]
    slopes = _solve(upper, right)
    offset = mean_alpha - sum(slope * mean for slope, mean in zip(slopes, means, strict=True))
    return [_mean(plane) for plane in (*slopes, offset)]


def _solve(upper: list[np.ndarray], right: list[np.ndarray]) -> list[np.ndarray]:
    """The solution of a symmetric system of three equations for every pixel, by Cramer's rule."""
    a, b, c, d, e, f = upper
    a, d, f = (each + np.float32(_NOISE) for each in (a, d, f))
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
    return cv2.blur(x, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)


def _hull(pieces: list[slice], side: int, by: int) -> slice:
    """From the first to behind the last of some pieces, grown on both ends."""
    first, last = min(piece.start for piece in pieces), max(piece.stop for piece in pieces)
    return slice(max(0, first - by), min(side, last + by))
