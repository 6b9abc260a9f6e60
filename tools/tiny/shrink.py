"""Pictures made smaller."""

import cv2
import numpy as np


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """At most ``side`` pixels long, uint8 (H, W, 3) RGB or (H, W, 4) RGBA; colours are weighted by their alpha."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    if picture.shape[2] == 3:
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    alpha = picture[..., 3:].astype(np.float32) / 255
    weighted = cv2.resize(picture[..., :3] * alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    opacity = cv2.resize(alpha, weighted.shape[1::-1], interpolation=cv2.INTER_AREA)
    colour = weighted / np.maximum(opacity, 1e-3)[..., None]
    return np.dstack([colour.clip(0, 255), opacity * 255]).round().astype(np.uint8)
