"""See :mod:`birefnet_video.matting.colours.opencv`: the same for whole planes, without rounding in between."""

import torch
from torch import Tensor

from birefnet_video.matting.colours.opencv import CLEAR, SmoothColours, Space, small_shape, spill_terms
from birefnet_video.matting.filters.torch import box, resized
from birefnet_video.options.matte import ColourSpec, Despill


def retouched(planes: list[Tensor], alpha: Tensor, space: Space, spec: ColourSpec) -> list[Tensor]:
    """What :class:`birefnet_video.matting.colours.opencv.Retoucher` makes of planes, but for its method ``best``.

    Args:
        planes: float32 samples of three components, of full or subsampled size.
        alpha: float32 (H, W) in [0, 1], of the first plane's size.
        space: of the planes.
        spec: what is asked for.
    """
    if spec.decontaminate == "fast":
        planes = fuse(planes, alpha, space.top)
    return planes if spec.despill == "off" else despill(planes, alpha, spec.despill, space)


def fuse(planes: list[Tensor], alpha: Tensor, top: int) -> list[Tensor]:
    """See :func:`birefnet_video.matting.colours.opencv.fuse`."""
    shape = small_shape(*alpha.shape)
    smooth = SmoothColours(resized(alpha, shape), box)
    freed = []
    for plane in planes:
        share = resized(alpha, plane.shape)
        subject, behind = smooth.of(resized(plane, shape))
        own = resized(subject, plane.shape) + share * resized(subject - behind, plane.shape)
        soft = (share >= CLEAR) & (share <= 1 - CLEAR)
        freed.append(torch.where(soft, (own + share * (plane - own)).clamp(0, top), plane))
    return freed


def despill(planes: list[Tensor], alpha: Tensor, screen: Despill, space: Space) -> list[Tensor]:
    """See :func:`birefnet_video.matting.colours.opencv.despill`."""
    weights, change = spill_terms(screen, space)
    neutral = 0 if space.colour is None else 1 << (space.bits - 1)
    excess = torch.zeros_like(planes[1])
    for plane, weight in zip(planes, weights, strict=True):
        if weight:
            excess = excess + weight * (resized(plane, excess.shape) - neutral)
    excess = excess.clamp_(min=0)
    return [
        torch.where(
            resized(alpha, plane.shape) > CLEAR,
            (plane + per_excess * resized(excess, plane.shape)).clamp(0, space.top),
            plane,
        )
        for plane, per_excess in zip(planes, change, strict=True)
    ]
