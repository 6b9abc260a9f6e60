"""Swin's window attention by one fused operator, or by one kernel on the map as it lies."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from birefnet_video.model.kernel_choice import KernelChoice
from birefnet_video.model.rewrites.sums import FusedMlp, add_and_norm
from birefnet_video.model.rewrites.window_groups import group_masks, groups_of
from birefnet_video.model.swin import SwinBackbone, join_windows, shift_mask, split_windows
from timm.models.swin_transformer import SwinTransformerBlock, WindowAttention
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class WindowCase:
    """Maps for which one choice holds."""

    device: torch.device
    dtype: torch.dtype
    window: tuple[int, int]
    heads: int
    head_dim: int
    is_shifted: bool
    is_padded: bool
    magnitude: int
    """Binary digits of the number of windows: with few of them, beginning a kernel is what takes time."""


class FusedWindowAttention(nn.Module):
    """Attention within windows of a map; what it keeps does not depend on the map's size."""

    def __init__(self, attention: WindowAttention, shift: tuple[int, int], choice: KernelChoice) -> None:
        """
        Args:
            attention: what it computes.
            shift: of the windows.
            choice: knows where the CUDA kernel is taken.
        """
        super().__init__()
        self.qkv, self.proj, self.heads = attention.qkv, attention.proj, attention.num_heads
        self.window: tuple[int, int] = attention.window_size
        self.shift, self.choice = shift, choice
        self.table: Tensor
        self.biases: Tensor
        # One head's after another, as the kernel reads them.
        self.register_buffer("table", attention.relative_position_bias_table.detach().t().contiguous())
        position = attention._get_rel_pos_bias().detach()
        # Of the first kind of windows, that without a mask, and the others: (kinds, heads, area, area).
        self.register_buffer("biases", position + group_masks(self.window, shift, position)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, H, W, C) -> (N, H, W, C)."""
        # Graphs are made of standard operators, and of few: with groups, compiling takes three times as long.
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
            return self._by_windows(x)
        if self._takes_kernel(x):
            return self._by_kernel(x)
        return self._by_groups(x)

    def _takes_kernel(self, x: Tensor) -> bool:
        if not x.is_cuda or (torch.is_grad_enabled() and x.requires_grad):
            return False
        rows, columns = (math.ceil(size / side) for size, side in zip(x.shape[1:3], self.window, strict=True))
        case = WindowCase(
            device=x.device,
            dtype=x.dtype,
            window=self.window,
            heads=self.heads,
            head_dim=x.shape[3] // self.heads,
            is_shifted=any(self.shift),
            is_padded=(rows * self.window[0], columns * self.window[1]) != tuple(x.shape[1:3]),
            magnitude=(x.shape[0] * rows * columns).bit_length(),
        )
        return self.choice.takes_kernel(case, lambda: self._by_groups(x), lambda: self._by_kernel(x))

    def _by_kernel(self, x: Tensor) -> Tensor:
        """Projections are of every pixel alone, so they need no windows."""
        from birefnet_video.model.window_triton import window_attention

        return self.proj(window_attention(self.qkv(x), self.qkv.bias, self.table, self.window, self.shift))

    def _by_groups(self, x: Tensor) -> Tensor:
        """Every pixel is copied once into its window and once back, and a mask is that of many windows."""
        n, height, width, channels = x.shape
        whole = F.pad(x, (0, 0, 0, -width % self.window[1], 0, -height % self.window[0])).contiguous()
        groups = groups_of((n, *whole.shape[1:3]), self.window, self.shift)
        cut = x.new_empty(groups[-1].windows.stop, self.window[0] * self.window[1], channels)
        for group in groups:
            for within, there in group.pieces(cut[group.windows], whole):
                within.copy_(there)
        qkv = self.qkv(cut)
        whole = torch.empty_like(whole)
        for group in groups:
            attended = self._attend(qkv[group.windows], self.biases[group.kind : group.kind + 1]).contiguous()
            for within, there in group.pieces(attended, whole):
                there.copy_(within)
        # A linear map of what is not contiguous is a slow one.
        return self.proj(whole[:, :height, :width].contiguous())

    def _by_windows(self, x: Tensor) -> Tensor:
        """As the reference does it, with a mask for all windows of the map."""
        windows = split_windows(x, self.window, self.shift)
        count, area = windows.shape[:2]
        q, k, v = self._heads(self.qkv(windows))
        bias = self.biases[:1]
        mask = shift_mask(x.shape[1], x.shape[2], self.window, self.shift, bias)
        if mask is not None:
            # Heads of all windows side by side: the bias is that of one picture, whatever their number.
            q, k, v = (part.reshape(x.shape[0], -1, *part.shape[2:]) for part in (q, k, v))
            bias = (mask[:, None] + bias).flatten(0, 1)[None]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        attended = attended.reshape(count, self.heads, area, -1).transpose(1, 2).reshape(count, area, -1)
        return join_windows(self.proj(attended), x.shape, self.window, self.shift)

    def _attend(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """(windows, area, 3 * C) and (1, heads, area, area) -> (windows, area, C)."""
        q, k, v = self._heads(qkv)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)

    def _heads(self, qkv: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value (windows, heads, area, C / heads) each."""
        return qkv.view(*qkv.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


class FusedSwin(SwinBackbone):
    """A :class:`SwinBackbone` for inference."""

    def __init__(self, swin: SwinBackbone) -> None:
        nn.Module.__init__(self)
        self.patch_embed, self.layers, self.norms = swin.patch_embed, swin.layers, swin.norms
        self.windows, self.sums = KernelChoice("window attention"), KernelChoice("sum with layer norm")
        self.bends = KernelChoice("GELU")
        for layer in self.layers:
            for block in layer.blocks:  # type: ignore[union-attr]
                block.attn = FusedWindowAttention(block.attn, tuple(block.shift_size), self.windows)
                block.mlp = FusedMlp(block.mlp, self.bends)

    def as_feature(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N, C, H, W), channels last in memory, as all that follows takes it: no copy."""
        return x.permute(0, 3, 1, 2)

    def run_blocks(self, blocks: Sequence[SwinTransformerBlock], x: Tensor) -> Tensor:
        """See :meth:`SwinBackbone.run_blocks`."""
        one: Any
        change: Tensor | None = None
        for one in blocks:
            if change is None:
                normed = one.norm1(x)
            else:
                x, normed = add_and_norm(x, change, one.norm1, self.sums)
            x, normed = add_and_norm(x, one.attn(normed), one.norm2, self.sums)
            change = one.mlp(normed)
        return x if change is None else x + change


def tell_of_kernels(net: nn.Module, tell: Callable[[str], None]) -> None:
    """Let ``tell`` take what a user should know of how Swin's blocks in ``net`` are computed."""
    for module in net.modules():
        if isinstance(module, FusedSwin):
            for choice in (module.windows, module.sums, module.bends):
                choice.tell = tell
