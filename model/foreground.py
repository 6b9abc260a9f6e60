"""The subject's own colour under soft edges, freed from the background's.

Blur fusion, two passes: M. Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021, equations 4 to 7.
"""

from typing import overload

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Radii in pixels of the coarse and of the fine pass.
COARSE_RADIUS, FINE_RADIUS = 90, 6
_EPSILON = 1e-5


@overload
def estimate_foreground(rgb: np.ndarray, alpha: np.ndarray, *, radius: int = ...) -> np.ndarray: ...
@overload
def estimate_foreground(rgb: Tensor, alpha: Tensor, *, radius: int = ...) -> Tensor: ...
def estimate_foreground(
    rgb: np.ndarray | Tensor, alpha: np.ndarray | Tensor, *, radius: int = COARSE_RADIUS
) -> np.ndarray | Tensor:
    """Estimate the foreground colour F of the picture I = alpha F + (1 - alpha) B.

    Args:
        rgb: array (H, W, 3) or tensor (N, 3, H, W), uint8 or float in [0, 1].
        alpha: array (H, W) or tensor (N, 1, H, W), uint8 or float in [0, 1].
        radius: side in pixels of the coarse pass's window.

    Returns:
        float32 in [0, 1], shaped like ``rgb``.

    Raises:
        ValueError: if the shapes do not fit each other.
    """
    if isinstance(rgb, Tensor) and isinstance(alpha, Tensor):
        return _two_passes(_unit(rgb), _unit(alpha), radius)
    pixels, matte = torch.from_numpy(np.array(rgb)), torch.from_numpy(np.array(alpha))
    if pixels.shape[:2] != matte.shape or pixels.ndim != 3:
        raise ValueError(f"rgb is {tuple(pixels.shape)} and alpha {tuple(matte.shape)}: expected (H, W, 3) and (H, W)")
    estimate = _two_passes(_unit(pixels).permute(2, 0, 1)[None], _unit(matte)[None, None], radius)
    return estimate[0].permute(1, 2, 0).contiguous().numpy()


def _unit(x: Tensor) -> Tensor:
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()


def _two_passes(image: Tensor, alpha: Tensor, radius: int) -> Tensor:
    foreground, background = _blur_fusion(image, image, image, alpha, radius)
    return _blur_fusion(image, foreground, background, alpha, FINE_RADIUS)[0]


def _blur_fusion(
    image: Tensor, foreground: Tensor, background: Tensor, alpha: Tensor, radius: int
) -> tuple[Tensor, Tensor]:
    """One pass: smooth foreground and background, then give the foreground what the picture still lacks."""
    blurred_alpha = box_blur(alpha, radius)
    smooth_foreground = box_blur(foreground * alpha, radius) / (blurred_alpha + _EPSILON)
    smooth_background = box_blur(background * (1 - alpha), radius) / (1 - blurred_alpha + _EPSILON)
    error = image - alpha * smooth_foreground - (1 - alpha) * smooth_background
    return (smooth_foreground + alpha * error).clamp(0, 1), smooth_background


def box_blur(x: Tensor, side: int) -> Tensor:
    """Mean over ``side`` x ``side`` pixels of (N, C, H, W), borders replicated; even windows reach one further on."""
    before, after = (side - 1) // 2, side // 2
    x = F.avg_pool2d(F.pad(x, (before, after, 0, 0), mode="replicate"), (1, side), stride=1)
    return F.avg_pool2d(F.pad(x, (0, 0, before, after), mode="replicate"), (side, 1), stride=1)
