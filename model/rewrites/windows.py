"""Swin's window attention by one fused operator, its position bias and shift masks made once for each size."""

from collections.abc import Sequence
from typing import Any

import torch
from birefnet_video.model.swin import SwinBackbone, join_windows, shift_mask, split_windows
from timm.models.swin_transformer import SwinTransformerBlock, WindowAttention
from torch import Tensor, nn
from torch.nn import functional as F


class FusedWindowAttention(nn.Module):
    """Attention within windows; what is added to its logits is kept for every size of map that it has met."""

    def __init__(self, attention: WindowAttention, shift: tuple[int, int]) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads = attention.qkv, attention.proj, attention.num_heads
        self.window: tuple[int, int] = attention.window_size
        self.shift = shift
        self.position: Tensor
        self.register_buffer("position", attention._get_rel_pos_bias().detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, H, W, C) -> (N, H, W, C)."""
        windows = split_windows(x, self.window, self.shift)
        count, area = windows.shape[:2]
        q, k, v = self.qkv(windows).view(count, area, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        if any(self.shift):
            # Heads of all windows side by side: the bias is that of one picture, whatever their number.
            q, k, v = (part.reshape(x.shape[0], -1, *part.shape[2:]) for part in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=self._bias(x))
        attended = attended.reshape(count, self.heads, area, -1).transpose(1, 2).reshape(count, area, -1)
        return join_windows(self.proj(attended), x.shape, self.window, self.shift)

    def _bias(self, x: Tensor) -> Tensor:
        """(1, heads, area, area), or with a shift (1, windows * heads, area, area)."""
        if not any(self.shift):
            return self.position
        height, width = x.shape[1:3]
        # A graph that is exported makes them itself: they are larger than the weights.
        if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[attr-defined]
            return self._masked(height, width)
        name = f"bias_{height}x{width}"
        if not hasattr(self, name):
            self.register_buffer(name, self._masked(height, width), persistent=False)
        return getattr(self, name)

    def _masked(self, height: int, width: int) -> Tensor:
        mask = shift_mask(height, width, self.window, self.shift, self.position)
        assert mask is not None  # there is a shift
        return (mask[:, None] + self.position).flatten(0, 1)[None]


class FusedSwin(SwinBackbone):
    """A :class:`SwinBackbone` for inference."""

    def __init__(self, swin: SwinBackbone) -> None:
        nn.Module.__init__(self)
        self.patch_embed, self.layers, self.norms = swin.patch_embed, swin.layers, swin.norms
        for layer in self.layers:
            for block in layer.blocks:  # type: ignore[union-attr]
                block.attn = FusedWindowAttention(block.attn, tuple(block.shift_size))

    def run_blocks(self, blocks: Sequence[SwinTransformerBlock], x: Tensor) -> Tensor:
        """See :meth:`SwinBackbone.run_blocks`."""
        one: Any
        for one in blocks:
            x = x + one.attn(one.norm1(x))
            x = x + one.mlp(one.norm2(x))
        return x
