"""Changes to mattes that a user asks for, at the picture's size."""

import cv2
import numpy as np

from birefnet_video.options.matte import EditSpec


def edit(alpha: np.ndarray, spec: EditSpec) -> np.ndarray:
    """Threshold, grow or shrink, blur and invert, in this order.

    Args:
        alpha: float32 (H, W) in [0, 1]; it stays as it is.
        spec: what is asked for.

    Returns:
        float32 (H, W) in [0, 1].
    """
    if spec.threshold is not None:
        alpha = (alpha >= spec.threshold).astype(np.float32)
    if spec.mask_offset:
        disc = disc_of(spec.mask_offset)
        # By default the world outside the picture would be empty, and the subject would shrink from the borders too.
        alpha = (cv2.dilate if spec.mask_offset > 0 else cv2.erode)(alpha, disc, borderType=cv2.BORDER_REPLICATE)
    if spec.mask_blur:
        alpha = cv2.GaussianBlur(alpha, (0, 0), spec.mask_blur, borderType=cv2.BORDER_REPLICATE)
    return 1 - alpha if spec.invert else alpha


def disc_of(offset: int) -> np.ndarray:
    """uint8 (side, side): 1 in a circle of a radius of ``offset`` pixels."""
    side = 2 * abs(offset) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
