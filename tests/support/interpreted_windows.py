"""``TRITON_INTERPRET=1 python interpreted_windows.py``: the kernel of window attention against the plain Swin blocks.

Prints the greatest error of each case.
"""

import sys

import torch
from birefnet_video.model.swin import join_windows, shift_mask, split_windows
from birefnet_video.model.window_triton import window_attention
from timm.models.swin_transformer import WindowAttention
from torch import Tensor, nn


def plain(attention: WindowAttention, x: Tensor, shift: tuple[int, int]) -> Tensor:
    """As :class:`birefnet_video.model.swin.SwinBackbone` computes it, but for the projection at the end."""
    window = attention.window_size
    windows = split_windows(x, window, shift)
    mask = shift_mask(x.shape[1], x.shape[2], window, shift, x)
    return join_windows(attention(windows, mask=mask), x.shape, window, shift)


def main() -> None:
    torch.manual_seed(0)
    for n, height, width, window, shift, heads, dtype in (
        (1, 14, 7, 7, 0, 2, torch.float32),
        (2, 14, 7, 7, 3, 1, torch.float32),
        (1, 9, 15, 7, 3, 2, torch.float32),
        (1, 9, 15, 7, 0, 2, torch.float32),
        (1, 13, 12, 12, 6, 1, torch.float32),
        (1, 5, 6, 4, 2, 1, torch.float32),
        (1, 9, 15, 7, 3, 2, torch.float16),
    ):
        attention = WindowAttention(32 * heads, heads, window_size=(window, window)).eval()
        nn.init.normal_(attention.relative_position_bias_table)
        nn.init.normal_(attention.qkv.bias)
        attention.proj = nn.Identity()
        x = torch.randn(n, height, width, 32 * heads)
        with torch.inference_mode():
            expected = plain(attention, x, (shift, shift))
            found = window_attention(
                attention.qkv(x).to(dtype),
                attention.qkv.bias.to(dtype),
                attention.relative_position_bias_table.t(),
                (window, window),
                (shift, shift),
            )
        error = (found.float() - expected).abs().max().item()
        print(dtype, (n, height, width), window, shift, f"{error:.1e}", flush=True)
        if not error <= (1e-5 if dtype == torch.float32 else 1e-2) or found.dtype != dtype:
            sys.exit(1)


if __name__ == "__main__":
    main()
