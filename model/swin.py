"""Swin Transformer v1 as BiRefNet uses it, on timm's modules.

timm shifts the windows before it pads the feature map to whole windows; the Swin detection code, and with it
BiRefNet, pads first. The results differ wherever a map is no multiple of the window, so the blocks' forward is
written here and timm supplies parameters, attention and patch merging.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from timm.models.swin_transformer import (
    SwinTransformer,
    SwinTransformerBlock,
    window_partition,
    window_reverse,
)
from torch import Tensor, nn
from torch.nn import functional as F


class SwinBackbone(nn.Module):
    """Four features of a Swin Transformer, each with its own LayerNorm."""

    def __init__(self, channels: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int) -> None:
        super().__init__()
        swin = SwinTransformer(
            img_size=window * 32,
            window_size=window,
            embed_dim=channels,
            depths=depths,
            num_heads=heads,
            num_classes=0,
            drop_path_rate=0.2,
            strict_img_size=False,
            always_partition=True,
        )
        self.patch_embed = swin.patch_embed
        self.layers = swin.layers
        self.norms = nn.ModuleList(nn.LayerNorm(channels * 2**i) for i in range(4))

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> features at strides 4, 8, 16, 32, (N, C * 2**i, H / 2**(i+2), W / 2**(i+2))."""
        features = []
        x = self.patch_embed(image)
        layers: list[Any] = list(self.layers)
        for layer, norm in zip(layers, self.norms, strict=True):
            x = layer.downsample(x)
            x = self.run_blocks(list(layer.blocks), x)
            features.append(self.as_feature(norm(x)))
        return features

    def as_feature(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N, C, H, W), which lies in memory as its shape says."""
        return x.permute(0, 3, 1, 2).contiguous()

    def run_blocks(self, blocks: Sequence[SwinTransformerBlock], x: Tensor) -> Tensor:
        """Blocks of one stage on (N, H, W, C), alternately with plain and shifted windows."""
        height, width = x.shape[1:3]
        masks: dict[tuple[int, int], Tensor | None] = {}
        for block in blocks:
            window, shift = block.window_size, (block.shift_size[0], block.shift_size[1])
            if shift not in masks:
                masks[shift] = shift_mask(height, width, window, shift, x)
            attended = block.attn(split_windows(block.norm1(x), window, shift), mask=masks[shift])
            x = x + block.drop_path1(join_windows(attended, x.shape, window, shift))
            x = x + block.drop_path2(block.mlp(block.norm2(x)))
        return x


def split_windows(x: Tensor, window: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """Pad (N, H, W, C) to whole windows, shift, and cut: (windows, window area, C)."""
    _, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))
    if any(shift):
        x = torch.roll(x, (-shift[0], -shift[1]), dims=(1, 2))
    return window_partition(x, window).view(-1, window[0] * window[1], channels)


def join_windows(windows: Tensor, shape: torch.Size, window: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """Undo :func:`split_windows`: back to ``shape`` (N, H, W, C)."""
    _, height, width, channels = shape
    padded_h, padded_w = (math.ceil(side / step) * step for side, step in zip((height, width), window, strict=True))
    x = window_reverse(windows.view(-1, *window, channels), window, padded_h, padded_w)
    if any(shift):
        x = torch.roll(x, shift, dims=(1, 2))
    return x[:, :height, :width].contiguous()


def shift_mask(height: int, width: int, window: tuple[int, int], shift: tuple[int, int], like: Tensor) -> Tensor | None:
    """0 where two places of a shifted window were neighbours before the shift, -100 where not.

    Shape (windows, window area, window area), dtype and device of ``like``; ``None`` without a shift.
    """
    if not any(shift):
        return None
    regions = []
    for size, side, step in ((height, window[0], shift[0]), (width, window[1], shift[1])):
        padded = math.ceil(size / side) * side
        place = torch.arange(padded, device=like.device)
        regions.append((place >= padded - side).long() + (place >= padded - step).long())
    region = regions[0][:, None] * 3 + regions[1]
    windows = window_partition(region[None, :, :, None], window).view(-1, window[0] * window[1])
    apart = windows[:, None] != windows[:, :, None]
    return torch.zeros(apart.shape, dtype=like.dtype, device=like.device).masked_fill(apart, -100.0)
