"""What lies between the matrix products of a transformer's block, in one CUDA kernel each: a pass over memory less.

Means, variances and the error function are float32 whatever the map (layer norm: Ba et al., arXiv 1607.06450, eq. 3;
GELU: Hendrycks and Gimpel, arXiv 1606.08415, in its exact form).

Without CUDA they run in Triton's interpreter (``TRITON_INTERPRET=1``) and are compiled for GPUs that are not there,
which is how they are tested.
"""

from contextlib import nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

#: How they are compiled.
OPTIONS = {"num_warps": 4, "enable_fp_fusion": True}
#: Values that one program of the first kernel has in registers, if a pixel has no more; pixels at most.
_VALUES, _MOST_PIXELS = 4096, 16
#: Values of a program of the second one.
BLOCK = 1024


@triton.jit(  # type: ignore[untyped-decorator]
    # One kernel for all numbers of pixels.
    do_not_specialize=["pixels"]
)
def _add_norm(
    x: tl.tensor,
    change: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    total: tl.tensor,
    normed: tl.tensor,
    pixels: int,
    eps: float,
    channels: tl.constexpr,
    block_pixels: tl.constexpr,
    block_channels: tl.constexpr,
) -> None:
    pixel = tl.program_id(0).to(tl.int64) * block_pixels + tl.arange(0, block_pixels)
    channel = tl.arange(0, block_channels)
    is_channel = channel < channels
    is_here = (pixel < pixels)[:, None] & is_channel[None, :]
    place = pixel[:, None] * channels + channel[None, :]
    both = tl.load(x + place, mask=is_here, other=0.0).to(tl.float32)
    both += tl.load(change + place, mask=is_here, other=0.0).to(tl.float32)
    # Rounded once, as it is kept: the norm is that of what follows.
    rounded = both.to(total.dtype.element_ty)
    tl.store(total + place, rounded, mask=is_here)
    value = rounded.to(tl.float32)
    mean = tl.sum(value, 1) / channels
    off = tl.where(is_channel[None, :], value - mean[:, None], 0.0)
    scale = 1 / tl.sqrt(tl.sum(off * off, 1) / channels + eps)
    by = tl.load(weight + channel, mask=is_channel, other=0.0).to(tl.float32)
    plus = tl.load(bias + channel, mask=is_channel, other=0.0).to(tl.float32)
    result = off * scale[:, None] * by[None, :] + plus[None, :]
    tl.store(normed + place, result.to(normed.dtype.element_ty), mask=is_here)


@triton.jit(do_not_specialize=["count"])  # type: ignore[untyped-decorator]
def _bias_gelu(x: tl.tensor, bias: tl.tensor, count: int, channels: int, block: tl.constexpr) -> None:
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    is_here = place < count
    value = tl.load(x + place, mask=is_here, other=0.0).to(tl.float32)
    value += tl.load(bias + place % channels, mask=is_here, other=0.0).to(tl.float32)
    half_root: tl.constexpr = 0.7071067811865476
    result = value * 0.5 * (1 + tl.erf(value * half_root))
    tl.store(x + place, result.to(x.dtype.element_ty), mask=is_here)


def blocks_of(channels: int) -> tuple[int, int]:
    """Pixels of a program and channels, rounded up to a power of two, that its registers hold."""
    wide = triton.next_power_of_2(channels)
    return max(1, min(_MOST_PIXELS, _VALUES // wide)), wide


def add_norm(x: Tensor, change: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The sum of two maps, and its layer norm over the last dimension. Not differentiable.

    Args:
        x: float32, float16 or bfloat16 (..., C).
        change: the same.
        weight: float (C,).
        bias: the same.
        eps: added to variances.

    Returns:
        sum and norm, each like ``x``.
    """
    x, change = x.contiguous(), change.contiguous()
    channels = x.shape[-1]
    pixels = x.numel() // channels
    block_pixels, block_channels = blocks_of(channels)
    total, normed = torch.empty_like(x), torch.empty_like(x)
    # Triton launches on the current device, whatever device the tensors are on.
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        _add_norm[(triton.cdiv(pixels, block_pixels),)](
            *(x, change, weight, bias, total, normed, pixels, eps),
            channels=channels,
            block_pixels=block_pixels,
            block_channels=block_channels,
            **OPTIONS,
        )
    return total, normed


def bias_gelu_(x: Tensor, bias: Tensor) -> Tensor:
    """Add a bias and take the exact GELU, in the memory of ``x``. Not differentiable.

    Args:
        x: float32, float16 or bfloat16 (..., C), contiguous.
        bias: float (C,).

    Returns:
        ``x``.
    """
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        _bias_gelu[(triton.cdiv(x.numel(), BLOCK),)](x, bias, x.numel(), x.shape[-1], block=BLOCK, **OPTIONS)
    return x
