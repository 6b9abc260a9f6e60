"""Loss terms on mattes. Every function takes alpha in [0, 1] or raw logits, as its name says."""

import torch
from torch import Tensor
from torch.nn import functional as F

#: Window and width of the structural similarity (Wang et al. 2004).
_SSIM_SIDE = 11
_SSIM_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def masked_bce(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy, mean over the known pixels; all arguments (N, 1, H, W)."""
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


def masked_l1(alpha: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute error over the known pixels; all arguments (N, 1, H, W)."""
    return ((alpha - target).abs() * known).sum() / known.sum().clamp(min=1)


def soft_iou(alpha: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """1 - intersection over union, mean over the batch; an empty pair counts as a perfect one."""
    alpha, target = alpha * known, target * known
    intersection = (alpha * target).sum(dim=(1, 2, 3))
    union = (alpha + target - alpha * target).sum(dim=(1, 2, 3))
    return (1 - (intersection + 1) / (union + 1)).mean()


def ssim_loss(alpha: Tensor, target: Tensor) -> Tensor:
    """(1 - SSIM) / 2, mean over pixels; Gaussian window 11x11, sigma 1.5, zero padding."""
    offsets = torch.arange(_SSIM_SIDE, dtype=alpha.dtype, device=alpha.device) - _SSIM_SIDE // 2
    line = torch.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    line = line / line.sum()

    def blur(x: Tensor) -> Tensor:
        pad = _SSIM_SIDE // 2
        x = F.conv2d(x, line.view(1, 1, 1, -1), padding=(0, pad))
        return F.conv2d(x, line.view(1, 1, -1, 1), padding=(pad, 0))

    mean_a, mean_t = blur(alpha), blur(target)
    var_a = blur(alpha * alpha) - mean_a**2
    var_t = blur(target * target) - mean_t**2
    covariance = blur(alpha * target) - mean_a * mean_t
    similarity = ((2 * mean_a * mean_t + _C1) * (2 * covariance + _C2)) / (
        (mean_a**2 + mean_t**2 + _C1) * (var_a + var_t + _C2)
    )
    return ((1 - similarity) / 2).mean()
