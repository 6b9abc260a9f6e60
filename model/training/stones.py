"""Stones beside and before subjects, made up: what is smooth and plump and yet no subject.

A network that has seen few pictures takes whatever is round, has one colour and stands out for a subject. In the sets
such a thing rarely lies beside one; here it does as often as is asked for.
"""

import cv2
import numpy as np

#: Least and greatest number of stones in a composite that has some.
_COUNT = (1, 4)
#: Longer side of a stone over the mean side of the frame, least and greatest.
_SCALE = (0.06, 0.4)
#: Waves along an outline: the more, the rougher.
_WAVES = 6
#: Light that comes from everywhere, and least and greatest strength of the sun's.
_AMBIENT, _SUN = 0.35, (0.3, 0.9)


def lay_stones(rgb: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> None:
    """Draw stones into a frame, in place; where they cover a subject there is less of it.

    Args:
        rgb: the frame, uint8 (H, W, 3).
        alpha: its matte so far, uint8 (H, W).
        rng: source of chance.
    """
    height, width = alpha.shape
    sun = rng.uniform(-1, 1), rng.uniform(-1, -0.3), rng.uniform(0.3, 1)
    for _ in range(rng.integers(_COUNT[0], _COUNT[1] + 1)):
        side = int((height + width) / 2 * np.exp(rng.uniform(*np.log(_SCALE))))
        stone, opacity = _stone(max(side, 8), np.array(sun) / np.linalg.norm(sun), rng)
        rows, columns = opacity.shape
        top, left = int(rng.uniform(0.2, 1.0) * height - rows / 2), int(rng.uniform(0, 1) * width - columns / 2)
        inner_top, inner_left = max(top, 0), max(left, 0)
        bottom, right = min(top + rows, height), min(left + columns, width)
        if bottom <= inner_top or right <= inner_left:
            continue
        place = np.s_[inner_top:bottom, inner_left:right]
        part = np.s_[inner_top - top : bottom - top, inner_left - left : right - left]
        share = opacity[part]
        mixed = stone[part] * share[..., None] + rgb[place] * (1 - share[..., None])
        rgb[place] = mixed.round().astype(np.uint8)
        alpha[place] = (alpha[place] * (1 - share)).round().astype(np.uint8)


def _stone(side: int, sun: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours float32 (h, w, 3) of 0 to 255, and opacity float32 (h, w) in [0, 1]."""
    rows, columns = side, max(8, int(side * rng.uniform(0.6, 1.7)))
    inside = bulge(rows, columns, rng)
    dome = np.sqrt(inside.clip(0, 1)) * rng.uniform(0.5, 1.0) + rng.uniform(0, 0.12) * grain(rows, columns, 4, rng)
    slope_y, slope_x = np.gradient(dome, 2 / rows, 2 / columns)
    light = (sun[2] - slope_x * sun[0] - slope_y * sun[1]) / np.sqrt(1 + slope_x**2 + slope_y**2)
    shade = _AMBIENT + rng.uniform(*_SUN) * light.clip(0, 1)
    grey, tint = rng.uniform(60, 190), rng.normal(0, 0.06, 3)
    rough = 1 + rng.uniform(0.02, 0.2) * grain(rows, columns, int(rng.integers(6, 40)), rng)
    colours = grey * (1 + tint) * (shade * rough)[..., None]
    # About a pixel of soft edge.
    opacity = (inside * min(rows, columns) / 4 + 0.5).clip(0, 1)
    return colours.clip(0, 255).astype(np.float32), opacity.astype(np.float32)


def bulge(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """A plump shape that fills its frame: float32 (rows, columns), 1 in its middle, 0 at its outline, less outside."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    y, x = 2 * (y + 0.5) / rows - 1, 2 * (x + 0.5) / columns - 1
    angle = np.arctan2(y, x)
    outline = 0.86 + sum(
        rng.normal(0, 0.09 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi)) for wave in range(2, _WAVES)
    )
    return np.asarray(1 - (np.hypot(x, y) / outline) ** 2, np.float32)


def grain(rows: int, columns: int, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Noise float32 (rows, columns) around 0 with a deviation near 1, its coarsest part of so many cells a side."""
    total = np.zeros((rows, columns), np.float32)
    for octave in range(3):
        count = cells << octave
        coarse = rng.normal(0, 1, (min(count, rows), min(count, columns))).astype(np.float32)
        total += cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC) / (1 << octave)
    return total / np.float32(1.15)
