"""Small picture sets made on the spot."""

from pathlib import Path

import cv2
import numpy as np


def make_set(root: Path, name: str = "discs", count: int = 6, size: tuple[int, int] = (60, 80)) -> Path:
    """``<root>/<name>/{im,gt}``: bright discs on a dark ground, of ``size`` (H, W)."""
    folder = root / name
    rng = np.random.default_rng(len(name))
    for kind in ("im", "gt"):
        (folder / kind).mkdir(parents=True)
    for i in range(count):
        alpha = np.zeros(size, np.uint8)
        centre = tuple(int(rng.integers(side // 4, 3 * side // 4)) for side in size[::-1])
        cv2.circle(alpha, centre, int(rng.integers(8, 20)), 255, -1, cv2.LINE_AA)
        noise = rng.integers(0, 60, (*size, 3), np.uint8)
        picture = np.where(alpha[..., None] > 127, 255 - noise, noise).astype(np.uint8)
        cv2.imwrite(str(folder / "im" / f"{i}.jpg"), picture)
        cv2.imwrite(str(folder / "gt" / f"{i}.png"), alpha)
    return folder


def make_cutouts(root: Path, name: str = "cutouts", count: int = 3) -> Path:
    """``<root>/<name>``: RGBA pictures of squares with a soft edge."""
    folder = root / name
    folder.mkdir(parents=True)
    for i in range(count):
        alpha = np.zeros((50, 50), np.uint8)
        alpha[10:40, 10:40] = 255
        alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
        rgba = np.dstack([np.full((50, 50, 3), 60 * i + 60, np.uint8), alpha])
        cv2.imwrite(str(folder / f"{i}.png"), rgba)
    return folder
