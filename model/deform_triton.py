"""Deformable sampling and the matrix product after it in one CUDA kernel: the sampled columns never reach memory.

Without CUDA it runs in Triton's interpreter (``TRITON_INTERPRET=1``) and is compiled for GPUs that are not there, which
is how it is tested.
"""

from contextlib import nullcontext

import torch
import triton
import triton.language as tl
from birefnet_video.model.deform_tuning import Configuration, configurations
from torch import Tensor

#: How it is compiled. With more stages, float32 needs more shared memory than consumers' GPUs have.
OPTIONS = {"num_stages": 2, "enable_fp_fusion": True}


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(
    table: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    strengths: tl.tensor,
    kernel: tl.tensor,
    shift: tl.tensor,
    out: tl.tensor,
    pixels: int,
    pixels_a_picture: int,
    height: int,
    width: int,
    channels: int,
    out_channels: int,
    taps: int,
    has_strengths: tl.constexpr,
    has_shift: tl.constexpr,
    block_pixels: tl.constexpr,
    block_out: tl.constexpr,
    block_in: tl.constexpr,
) -> None:
    pixel = (tl.program_id(0) * block_pixels + tl.arange(0, block_pixels)).to(tl.int64)
    channel_out = tl.program_id(1) * block_out + tl.arange(0, block_out)
    is_pixel, is_out = pixel < pixels, channel_out < out_channels
    picture = pixel // pixels_a_picture
    total = tl.zeros((block_pixels, block_out), dtype=tl.float32)
    for tap in range(taps):
        place = pixel * taps + tap
        row = tl.load(rows + place, mask=is_pixel, other=-2.0)
        column = tl.load(columns + place, mask=is_pixel, other=-2.0)
        # What lies further out than a pixel is zero all the same, and large values have no integer.
        row = tl.minimum(tl.maximum(row, -2.0), height + 1.0)
        column = tl.minimum(tl.maximum(column, -2.0), width + 1.0)
        top, left = tl.floor(row), tl.floor(column)
        down, right = row - top, column - left
        if has_strengths:
            strength = tl.load(strengths + place, mask=is_pixel, other=0.0)
            upper, lower = (1 - down) * strength, down * strength
        else:
            upper, lower = 1 - down, down
        first_row, first_column = top.to(tl.int64), left.to(tl.int64)
        in_top, in_bottom = (first_row >= 0) & (first_row < height), (first_row >= -1) & (first_row < height - 1)
        in_left, in_right = (
            (first_column >= 0) & (first_column < width),
            (first_column >= -1) & (first_column < width - 1),
        )
        corner = ((picture * height + first_row) * width + first_column) * channels
        for start in range(0, channels, block_in):
            channel = start + tl.arange(0, block_in)
            is_in = channel < channels
            here = table + corner[:, None] + channel[None, :]
            below = here + width * channels
            sampled = (
                tl.load(here, mask=(in_top & in_left)[:, None] & is_in, other=0.0).to(tl.float32)
                * (upper * (1 - right))[:, None]
            )
            sampled += (
                tl.load(here + channels, mask=(in_top & in_right)[:, None] & is_in, other=0.0).to(tl.float32)
                * (upper * right)[:, None]
            )
            sampled += (
                tl.load(below, mask=(in_bottom & in_left)[:, None] & is_in, other=0.0).to(tl.float32)
                * (lower * (1 - right))[:, None]
            )
            sampled += (
                tl.load(below + channels, mask=(in_bottom & in_right)[:, None] & is_in, other=0.0).to(tl.float32)
                * (lower * right)[:, None]
            )
            weights = tl.load(
                kernel + (tap * channels + channel)[:, None] * out_channels + channel_out[None, :],
                mask=is_in[:, None] & is_out[None, :],
                other=0.0,
            )
            total += tl.dot(sampled.to(weights.dtype), weights, input_precision="ieee")
    if has_shift:
        total += tl.load(shift + channel_out, mask=is_out, other=0.0).to(tl.float32)[None, :]
    tl.store(
        out + pixel[:, None] * out_channels + channel_out[None, :],
        total.to(out.dtype.element_ty),
        mask=is_pixel[:, None] & is_out[None, :],
    )


def sample_and_multiply(
    x: Tensor,
    rows: Tensor,
    columns: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    configuration: Configuration | None = None,
) -> Tensor:
    """Sample features at float32 positions and multiply by the kernel. Not differentiable.

    Args:
        x: float32, float16 or bfloat16 (N, C, H, W).
        rows: float32 (N, K, H', W'), in pixels of ``x``.
        columns: the same.
        weight: (O, C, kh, kw) with kh * kw = K.
        mask: (N, K, H', W'), or ``None``.
        bias: (O,), or ``None``.
        configuration: how it is cut into programs; ``None``: as usual.

    Returns:
        (N, O, H', W') in the dtype of ``x``, channels last in memory.
    """
    n, channels, height, width = x.shape
    taps, out_h, out_w = rows.shape[1:]
    out_channels, pixels = len(weight), n * out_h * out_w

    def by_pixel(part: Tensor) -> Tensor:
        return part.float().permute(0, 2, 3, 1).contiguous()

    table = x.permute(0, 2, 3, 1).contiguous()
    kernel = weight.to(x.dtype).permute(2, 3, 1, 0).contiguous()
    out = torch.empty(n, out_h, out_w, out_channels, dtype=x.dtype, device=x.device)
    blocks = configurations(x.dtype, out_channels)[0] if configuration is None else configuration
    grid = (triton.cdiv(pixels, blocks.block_pixels), triton.cdiv(out_channels, blocks.block_out))
    # Triton launches on the current device, whatever device the tensors are on.
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        _kernel[grid](
            *(table, by_pixel(rows), by_pixel(columns), table if mask is None else by_pixel(mask)),
            *(kernel, table if bias is None else bias.to(x.dtype), out),
            *(pixels, out_h * out_w, height, width, channels, out_channels, taps),
            has_strengths=mask is not None,
            has_shift=bias is not None,
            **blocks._asdict(),
            **OPTIONS,
        )
    return out.permute(0, 3, 1, 2)
