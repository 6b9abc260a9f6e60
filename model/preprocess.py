"""From pixels to the network's input and from its logits to a matte."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Mean and standard deviation of ImageNet in RGB, on values in [0, 1].
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """:data:`MEAN` and :data:`STD` on a device, (1, 3, 1, 1) each. Putting them there waits for it."""
    return (
        torch.tensor(MEAN, device=device).view(1, 3, 1, 1),
        torch.tensor(STD, device=device).view(1, 3, 1, 1),
    )


def normalise(rgb: Tensor, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """uint8 (N, 3, H, W) RGB -> float32, ImageNet-normalised; ``known`` is what :func:`statistics` gives."""
    mean, std = known or statistics(rgb.device)
    return rgb.to(torch.float32).div_(255).sub_(mean).div_(std)


def resize_antialiased(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (N, 3, H, W) -> (N, 3, *size), bilinear over all pixels that a new one covers, as PIL does."""
    if tuple(rgb.shape[2:]) == tuple(size):
        return rgb
    return F.interpolate(rgb, size=size, mode="bilinear", antialias=True)


def preprocess(rgb: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Resize a picture with antialiasing, as PIL does, and normalise it.

    Args:
        rgb: uint8 (H, W, 3) RGB.
        size: height and width of the result.

    Returns:
        float32 (3, height, width).
    """
    pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).unsqueeze(0)
    return normalise(resize_antialiased(pixels, size))[0]


def postprocess(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """Raw logits (N, 1, h, w) -> alpha float32 (N, 1, H, W) in [0, 1] at ``size`` (H, W), corners aligned."""
    alpha = torch.sigmoid(logits.float())
    if tuple(alpha.shape[2:]) == tuple(size):
        return alpha
    return F.interpolate(alpha, size=tuple(size), mode="bilinear", align_corners=True)
