"""A lone body in a plain field, made up: the only thing that is there is the subject, however dull it is.

The counterpart of stones: without these a network that has learnt that stones are no subjects leaves out a grey organ
in a slice, or a ball before a wall.
"""

import cv2
import numpy as np
from birefnet_video.model.training.stones import bulge, grain

#: Sides of a body over the frame's, least and greatest.
_SCALE = (0.15, 0.9)
#: Least difference between body and field, in levels.
_CONTRAST = 45
#: How often there is none, and how often there are two.
_NONE, _TWO = 0.1, 0.2
#: How often frames are without any colour.
_GREY = 0.7


def draw_bodies(size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A frame of ``size`` (H, W): uint8 (H, W, 3), and its matte uint8 (H, W)."""
    height, width = size
    alpha = np.zeros(size, np.float32)
    field = rng.uniform(0, 255)
    chance = rng.random()
    count = 0 if chance < _NONE else 2 if chance < _NONE + _TWO else 1
    frame = np.full(size, field, np.float32)
    if rng.random() < 0.5:
        slope = rng.normal(0, 25, 2)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        frame += slope[0] * (y / height - 0.5) + slope[1] * (x / width - 0.5)
    for _ in range(count):
        rows, columns = (max(16, int(side * rng.uniform(*_SCALE))) for side in size)
        opacity = (bulge(rows, columns, rng) * min(rows, columns) / 4 + 0.5).clip(0, 1)
        top, left = int(rng.uniform(0, height - rows)), int(rng.uniform(0, width - columns))
        place = np.s_[top : top + rows, left : left + columns]
        value = _other_than(field, rng) + rng.uniform(0, 12) * grain(rows, columns, int(rng.integers(2, 8)), rng)
        frame[place] += (value - frame[place]) * opacity
        alpha[place] = 1 - (1 - alpha[place]) * (1 - opacity)
    noise = rng.normal(0, rng.uniform(0, 25), size).astype(np.float32)
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 2))
    tint = np.zeros(3) if rng.random() < _GREY else rng.normal(0, 0.12, 3)
    rgb = (frame + noise)[..., None] * (1 + tint)
    return rgb.round().clip(0, 255).astype(np.uint8), (alpha * 255).round().astype(np.uint8)


def _other_than(field: float, rng: np.random.Generator) -> float:
    """A level between 0 and 255 that stands out from ``field``."""
    darker, brighter = max(0.0, field - _CONTRAST), max(0.0, 255 - field - _CONTRAST)
    value = rng.uniform(0, darker + brighter)
    return value if value < darker else value - darker + field + _CONTRAST
