"""Single loss terms on mattes.

Every function takes maps (N, 1, H, W) and returns a scalar. ``alpha`` and ``target`` lie in [0, 1], ``logits`` are raw,
``known`` (1 or 0, broadcastable) says where the target counts; ``None`` means everywhere.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

#: Window and width of the structural similarity (Wang et al. 2004).
_SSIM_SIDE = 11
_SSIM_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2
#: Side in pixels of the patches of :func:`patch_iou`.
_PATCH = 64
#: Side of the window around a pixel that says how near an edge it is, and how much more an edge weighs.
_EDGE_WINDOW = 31
_EDGE_WEIGHT = 5
#: Weight of the contour's length against its regions.
_LENGTH_WEIGHT = 10


def bce(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, mean over the known pixels."""
    return _mean(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), known)


def mae(alpha: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean absolute error over the known pixels."""
    return _mean((alpha - target).abs(), known)


def mse(alpha: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean squared error over the known pixels."""
    return _mean((alpha - target).square(), known)


def iou(alpha: Tensor, target: Tensor, known: Tensor | None = None, *, faithful: bool = False) -> Tensor:
    """1 - soft intersection over union.

    The sound form is the mean over the batch, with one pixel added to both so that an empty pair is a perfect one. The
    reference's form is the sum over the batch, and NaN for an empty pair.
    """
    if known is not None:
        alpha, target = alpha * known, target * known
    intersection = (alpha * target).sum(dim=(1, 2, 3))
    union = (alpha + target - alpha * target).sum(dim=(1, 2, 3))
    if faithful:
        return (1 - intersection / union).sum()
    return (1 - (intersection + 1) / (union + 1)).mean()


def patch_iou(alpha: Tensor, target: Tensor, known: Tensor | None = None, *, faithful: bool = False) -> Tensor:
    """:func:`iou` of patches of 64x64 pixels, mean over them.

    The reference counts its patches along the batch and the channels instead of rows and columns, so it sees the upper
    left one only.
    """
    if faithful:
        return iou(alpha[..., :_PATCH, :_PATCH], target[..., :_PATCH, :_PATCH], faithful=True)
    pieces = []
    for top in range(0, target.shape[2], _PATCH):
        for left in range(0, target.shape[3], _PATCH):
            window = (..., slice(top, top + _PATCH), slice(left, left + _PATCH))
            pieces.append(iou(alpha[window], target[window], None if known is None else known[window]))
    return torch.stack(pieces).mean()


def ssim(alpha: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """(1 - SSIM) / 2, mean over pixels; Gaussian window 11x11, sigma 1.5, zero padding (Wang et al. 2004)."""
    if known is not None:
        alpha, target = alpha * known, target * known
    rows, columns = _gaussian_band(alpha.shape[2], alpha), _gaussian_band(alpha.shape[3], alpha)
    # Two products with band matrices: a convolution of one channel is several times slower on a CPU.
    moments = torch.cat((alpha, target, alpha * alpha, target * target, alpha * target), dim=1)
    mean_a, mean_t, square_a, square_t, product = (rows @ moments @ columns).unbind(1)
    var_a, var_t, covariance = square_a - mean_a**2, square_t - mean_t**2, product - mean_a * mean_t
    similarity = ((2 * mean_a * mean_t + _C1) * (2 * covariance + _C2)) / (
        (mean_a**2 + mean_t**2 + _C1) * (var_a + var_t + _C2)
    )
    return ((1 - similarity) / 2).mean()


def structure(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy and IoU with edges weighing up to six times as much (F3Net, Wei et al. 2020)."""
    around = F.avg_pool2d(target, _EDGE_WINDOW, stride=1, padding=_EDGE_WINDOW // 2)
    weight = 1 + _EDGE_WEIGHT * (around - target).abs()
    if known is not None:
        weight = weight * known
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (weight * entropy).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp(min=1e-6)
    alpha = torch.sigmoid(logits)
    intersection = (alpha * target * weight).sum(dim=(2, 3))
    union = ((alpha + target) * weight).sum(dim=(2, 3)) - intersection
    return (entropy + 1 - (intersection + 1) / (union + 1)).mean()


def contour(alpha: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Length of the matte's contour and the regions on its wrong side (Chen et al. 2019, eq. 11 and 12, as means)."""
    down = (alpha[:, :, 1:] - alpha[:, :, :-1])[:, :, 1:, :-2].square()
    across = (alpha[..., 1:] - alpha[..., :-1])[:, :, :-2, 1:].square()
    inner = None if known is None else known[:, :, :-2, :-2]
    length = _mean((down + across + 1e-8).sqrt(), inner)
    regions = _mean(alpha * (target - 1).square() + (1 - alpha) * target.square(), known)
    return _LENGTH_WEIGHT * length + regions


def _mean(values: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return values.mean()
    return (values * known).sum() / known.expand_as(values).sum().clamp(min=1)


def _gaussian_band(side: int, like: Tensor) -> Tensor:
    """(side, side) matrix whose product with a line of pixels is that line blurred by the SSIM window, zero outside."""
    offsets = torch.arange(_SSIM_SIDE, dtype=torch.float64, device=like.device) - _SSIM_SIDE // 2
    window = torch.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    window = (window / window.sum()).float().to(like.dtype)
    position = torch.arange(side, device=like.device)
    distance = position[None] - position[:, None] + _SSIM_SIDE // 2
    inside = (distance >= 0) & (distance < _SSIM_SIDE)
    return window[distance.clamp(0, _SSIM_SIDE - 1)] * inside
