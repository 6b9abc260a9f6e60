"""Attention within (shifted) windows of a map that stays as it lies, in one CUDA kernel.

Swin (Liu et al., ICCV 2021, section 3.2) pads the map, shifts it, cuts it into windows, and undoes all of it
afterwards: seven copies. Here every block of queries computes where its pixels lie. The softmax is the one of a single
pass (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., FlashAttention, arXiv 2205.14135, algorithm 1).

What is float32 whatever the map: logits, softmax and the sums of both products, because half precision would overflow
there or lose the small terms of long sums. Neither reaches memory.

Without CUDA it runs in Triton's interpreter (``TRITON_INTERPRET=1``) and is compiled for GPUs that are not there, which
is how it is tested.
"""

import math
from contextlib import nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

#: How it is compiled. More stages would need more shared memory, and windows have few blocks of keys.
OPTIONS = {"num_warps": 4, "num_stages": 2, "enable_fp_fusion": True}
#: Pixels of a block, from the fewest that matrix units take.
_BLOCKS = (16, 32, 64)
#: The first compute capability whose matrix units take 64 pixels in half precision without spilling registers.
_AMPERE = (8, 0)


@triton.jit(  # type: ignore[untyped-decorator]
    # One kernel for all sizes: nothing is compiled when the first map of another size comes.
    do_not_specialize=["height", "width", "rows", "columns", "shift_rows", "shift_columns", "heads"]
)
def _kernel(
    qkv: tl.tensor,
    filling: tl.tensor,
    position: tl.tensor,
    out: tl.tensor,
    height: int,
    width: int,
    rows: int,
    columns: int,
    shift_rows: int,
    shift_columns: int,
    heads: int,
    scale: float,
    has_filling: tl.constexpr,
    is_shifted: tl.constexpr,
    window_height: tl.constexpr,
    window_width: tl.constexpr,
    head_dim: tl.constexpr,
    block: tl.constexpr,
) -> None:
    area: tl.constexpr = window_height * window_width
    blocks: tl.constexpr = (area + block - 1) // block
    # Heads of one window one after another: together they read whole lines of memory.
    head = tl.program_id(0) % heads
    first = (tl.program_id(0) // heads) % blocks
    window = tl.program_id(0) // heads // blocks
    window_column = window % columns
    window_row = (window // columns) % rows
    picture = (window // columns // rows).to(tl.int64)
    channels = heads * head_dim
    channel = tl.arange(0, head_dim)

    query = first * block + tl.arange(0, block)
    query_y, query_x = query // window_width, query % window_width
    row = (window_row * window_height + query_y + shift_rows) % (rows * window_height)
    column = (window_column * window_width + query_x + shift_columns) % (columns * window_width)
    is_query = (query < area) & (row < height) & (column < width)
    query_pixel = (picture * height + row) * width + column
    start = head * head_dim + channel
    q = tl.load(qkv + query_pixel[:, None] * (3 * channels) + start[None, :], mask=is_query[:, None], other=0.0)
    # What the padding's queries give is thrown away: they need no values.
    if is_shifted:
        # Only windows at the far ends hold places from both borders of the map.
        at_bottom, at_right = window_row == rows - 1, window_column == columns - 1
        query_part = ((query_y >= window_height - shift_rows) & at_bottom).to(tl.int32) * 2
        query_part += ((query_x >= window_width - shift_columns) & at_right).to(tl.int32)

    greatest = tl.full((block,), float("-inf"), dtype=tl.float32)
    share = tl.zeros((block,), dtype=tl.float32)
    total = tl.zeros((block, head_dim), dtype=tl.float32)
    for begin in range(0, area, block):
        key = begin + tl.arange(0, block)
        key_y, key_x = key // window_width, key % window_width
        row = (window_row * window_height + key_y + shift_rows) % (rows * window_height)
        column = (window_column * window_width + key_x + shift_columns) % (columns * window_width)
        in_window = key < area
        in_map = in_window & (row < height) & (column < width)
        pixel = qkv + ((picture * height + row) * width + column) * (3 * channels)
        k = tl.load(pixel[None, :] + (channels + start)[:, None], mask=in_map[None, :], other=0.0)
        v = tl.load(pixel[:, None] + (2 * channels + start)[None, :], mask=in_map[:, None], other=0.0)
        if has_filling:
            in_padding = in_window & ((row >= height) | (column >= width))
            k = tl.where(in_padding[None, :], tl.load(filling + channels + start)[:, None], k)
            v = tl.where(in_padding[:, None], tl.load(filling + 2 * channels + start)[None, :], v)
        logits = tl.dot(q, k, input_precision="ieee") * scale
        step_y = query_y[:, None] - key_y[None, :] + window_height - 1
        step_x = query_x[:, None] - key_x[None, :] + window_width - 1
        steps: tl.constexpr = (2 * window_height - 1) * (2 * window_width - 1)
        is_pair = (query < area)[:, None] & in_window[None, :]
        place = position + head * steps + step_y * (2 * window_width - 1) + step_x
        logits += tl.load(place, mask=is_pair, other=0.0).to(tl.float32)
        if is_shifted:
            key_part = ((key_y >= window_height - shift_rows) & at_bottom).to(tl.int32) * 2
            key_part += ((key_x >= window_width - shift_columns) & at_right).to(tl.int32)
            logits += tl.where(query_part[:, None] == key_part[None, :], 0.0, -100.0)
        logits = tl.where(in_window[None, :], logits, float("-inf"))
        above = tl.maximum(greatest, tl.max(logits, 1))
        weights = tl.exp(logits - above[:, None])
        fade = tl.exp(greatest - above)
        share = share * fade + tl.sum(weights, 1)
        total = total * fade[:, None] + tl.dot(weights.to(v.dtype), v, input_precision="ieee")
        greatest = above
    tl.store(
        out + query_pixel[:, None] * channels + start[None, :],
        (total / share[:, None]).to(out.dtype.element_ty),
        mask=is_query[:, None],
    )


def block_of(area: int, dtype: torch.dtype, capability: tuple[int, int]) -> int:
    """How many pixels of a window are taken at once: many, if at most an eighth more is computed than needs be.

    Args:
        area: of a window.
        dtype: of the map.
        capability: compute capability of the GPU.
    """
    fits = dtype != torch.float32 and capability >= _AMPERE
    padded = {block: math.ceil(area / block) * block for block in (_BLOCKS if fits else _BLOCKS[:-1])}
    return max(block for block, count in padded.items() if 8 * count <= 9 * min(padded.values()))


def window_attention(
    qkv: Tensor, filling: Tensor | None, position: Tensor, window: tuple[int, int], shift: tuple[int, int]
) -> Tensor:
    """Attention within windows, each head apart, with relative position bias. Not differentiable.

    The map is padded to whole windows at the bottom and the right, then shifted up and to the left by ``shift``, as
    :func:`birefnet_video.model.swin.split_windows` does; to the logits of two places that were no neighbours before
    the shift -100 is added, as :func:`birefnet_video.model.swin.shift_mask` says.

    Args:
        qkv: float32, float16 or bfloat16 (N, H, W, 3 * C): query, key and value of every pixel, heads side by side.
        filling: (3 * C,) the same of places in the padding, of the same dtype; ``None``: zeros.
        position: float (heads, (2 * h - 1) * (2 * w - 1)), what is added to logits by the steps from key to query.
        window: height h and width w.
        shift: rows and columns, less than the window's.

    Returns:
        (N, H, W, C) in the dtype of ``qkv``.

    Raises:
        ValueError: if a head does not have a power of two of channels, 16 at least.
    """
    n, height, width, channels = qkv.shape[0], *qkv.shape[1:3], qkv.shape[3] // 3
    heads, area = len(position), window[0] * window[1]
    head_dim = channels // heads
    if head_dim < 16 or head_dim & (head_dim - 1):
        raise ValueError(f"a head has {head_dim} channels, not 16, 32, 64 or more powers of two")
    rows, columns = (math.ceil(side / step) for side, step in zip((height, width), window, strict=True))
    capability = torch.cuda.get_device_capability(qkv.device) if qkv.is_cuda else _AMPERE
    block = block_of(area, qkv.dtype, capability)
    is_padded = (height, width) != (rows * window[0], columns * window[1])
    qkv = qkv.contiguous()
    out = torch.empty(n, height, width, channels, dtype=qkv.dtype, device=qkv.device)
    # Triton launches on the current device, whatever device the tensors are on.
    with torch.cuda.device(qkv.device) if qkv.is_cuda else nullcontext():
        _kernel[(n * rows * columns * triton.cdiv(area, block) * heads,)](
            *(qkv, qkv if filling is None else filling.to(qkv.dtype).contiguous(), position.contiguous(), out),
            *(height, width, rows, columns, *shift, heads, head_dim**-0.5),
            has_filling=is_padded and filling is not None,
            is_shifted=any(shift),
            window_height=window[0],
            window_width=window[1],
            head_dim=head_dim,
            block=block,
            **OPTIONS,
        )
    return out
