"""Short clips with exact mattes and what a careless predictor makes of them."""

from dataclasses import dataclass

import cv2
import numpy as np

WIDTH, HEIGHT = 240, 136


@dataclass(frozen=True, slots=True)
class Clip:
    """A subject that moves over a background, frame by frame."""

    rgb: list[np.ndarray]
    """uint8 (H, W, 3)."""
    truth: list[np.ndarray]
    """float32 (H, W)."""
    found: list[np.ndarray]
    """The truth with noise along its edges, other in every frame."""


def texture(seed: int) -> np.ndarray:
    """Blots of several sizes, float32 (2 H, 2 W, 3) in [0, 255]."""
    rng = np.random.default_rng(seed)
    total = np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.float32)
    for cells in (8, 24, 60):
        coarse = rng.uniform(0, 255, (cells * HEIGHT // WIDTH, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC) / 3
    return total.clip(0, 255)


def make_clip(frames: int, speed: float, *, seed: int = 0, missing: tuple[int, ...] = (), noise: float = 2.0) -> Clip:
    """A disc that moves ``speed`` pixels a frame to the right and back.

    Args:
        frames: of the clip.
        speed: in pixels a frame.
        seed: of textures and noise.
        missing: frames for which nothing is found.
        noise: displacement of found edges, in pixels.
    """
    rng = np.random.default_rng(seed)
    behind, skin = texture(seed + 1), texture(seed + 2)
    rgb, truth, found = [], [], []
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for index in range(frames):
        way = speed * index % 200
        x = 70 + (way if way < 100 else 200 - way)
        alpha = np.clip(30.5 - np.hypot(columns - x, rows - HEIGHT / 2), 0, 1)
        shift = np.array([[1, 0, x - 120], [0, 1, 0]], np.float32)
        subject = cv2.warpAffine(skin, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        picture = alpha[..., None] * subject + (1 - alpha[..., None]) * behind[:HEIGHT, :WIDTH]
        rgb.append((picture + rng.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8))
        truth.append(alpha)
        offsets = rng.normal(0, 3 * noise, (2, 9, 16)).astype(np.float32)
        across, down = (cv2.resize(each, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for each in offsets)
        guess = cv2.remap(alpha, columns + across / 3, rows + down / 3, cv2.INTER_LINEAR)
        found.append(np.zeros_like(alpha) if index in missing else guess)
    return Clip(rgb, truth, found)
