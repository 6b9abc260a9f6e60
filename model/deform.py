"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2, CVPR 2019, eq. 1).

Sampling positions are at least float32 whatever the precision of the features: in half precision a position beyond
column 256 has steps of a quarter of a pixel and worse. So are modulations and, but on a CPU, sums of the four
neighbours: what is sampled is rounded once, before it is multiplied.
"""

import warnings
from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from birefnet_video.model.deform_tuning import Configuration, DeformCase, DeformTuning
from torch import Tensor, nn
from torch.nn import functional as F

from birefnet_video.errors import first_line

#: How it is computed. ``auto``: what is fastest on the tensors' device.
Implementation = Literal["auto", "embedding_bag", "grid_sample", "torchvision", "triton"]
#: Output pixels that are sampled at once on a CPU: bounds the im2col buffer.
_CHUNK_PIXELS = 2048


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    implementation: Implementation = "auto",
) -> Tensor:
    """Deformable convolution, differentiable in every tensor argument (but by ``triton``).

    Args:
        x: features, float (N, C, H, W).
        offset: (N, 2 * K, H', W') displacement in pixels of each of the K kernel taps, y before x.
        weight: (O, C, kh, kw) with kh * kw = K.
        mask: (N, K, H', W') modulation of each tap; ``None`` means 1.
        bias: (O,), or ``None``.
        stride: step between output positions, in pixels.
        padding: zeros on each side of ``x``; samples outside it are 0.
        implementation: ``embedding_bag`` for CPUs, ``triton`` for CUDA, ``grid_sample`` of standard operators for
            export, ``torchvision`` for comparison and for exporters that know its operator.

    Returns:
        (N, O, H', W') in the dtype of ``x``.

    Raises:
        ValueError: if ``offset`` does not have the size of the output.
    """
    kernel_h, kernel_w = weight.shape[2:]
    out_h = (x.shape[2] + 2 * padding - kernel_h) // stride + 1
    out_w = (x.shape[3] + 2 * padding - kernel_w) // stride + 1
    expected = (x.shape[0], 2 * kernel_h * kernel_w, out_h, out_w)
    if tuple(offset.shape) != expected:
        raise ValueError(f"offset has shape {tuple(offset.shape)}, expected {expected}")
    chosen = pick_implementation(x) if implementation == "auto" else implementation
    if chosen == "torchvision":
        return _by_torchvision(x, offset, weight, mask, bias, stride, padding)
    rows, columns = _positions(_at_least_float32(offset), kernel_h, kernel_w, stride, padding)
    if chosen == "triton":
        from birefnet_video.model.deform_triton import sample_and_multiply

        return sample_and_multiply(x, rows, columns, weight, mask, bias)
    by = _by_embedding_bag if chosen == "embedding_bag" else _by_grid_sample
    return by(x, rows, columns, weight, mask, bias)


def pick_implementation(x: Tensor) -> Implementation:
    """The fastest one for features like ``x``."""
    if torch.compiler.is_compiling():
        return "grid_sample"
    if x.device.type == "cpu":
        return "embedding_bag"
    needs_gradient = torch.is_grad_enabled() and x.requires_grad
    if x.device.type == "cuda" and not needs_gradient and _has_kernel(str(x.device)):
        return "triton"
    return "grid_sample"


@cache
def _has_kernel(device: str) -> bool:
    reason = why_no_kernel(device)
    if reason is not None:
        warnings.warn(
            f"Triton's kernel does not run on {device} ({reason}): grid_sample stands in for it", stacklevel=2
        )
    return reason is None


def why_no_kernel(device: str) -> str | None:
    """Why the CUDA kernel does not run on ``device``, found by running it; ``None`` if it does."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    x = torch.ones(1, 16, 4, 4, device=device)
    offset = torch.zeros(1, 2, 4, 4, device=device)
    try:
        with torch.cuda.device(device):
            deform_conv2d(x, offset, torch.ones(16, 16, 1, 1, device=device), implementation="triton").cpu()
    except Exception as error:  # noqa: BLE001 - the border to a compiler that raises whatever its layers raise
        return first_line(error)
    return None


def _positions(offset: Tensor, kernel_h: int, kernel_w: int, stride: int, padding: int) -> tuple[Tensor, Tensor]:
    """Absolute sampling rows and columns in pixels of ``x``, in the dtype of ``offset``, (N, K, H', W') each."""
    n, _, out_h, out_w = offset.shape

    def count(length: int) -> Tensor:
        return torch.arange(length, device=offset.device, dtype=offset.dtype)

    tap_row = count(kernel_h).repeat_interleave(kernel_w)
    tap_column = count(kernel_w).repeat(kernel_h)
    base_row = count(out_h) * stride - padding
    base_column = count(out_w) * stride - padding
    offset = offset.view(n, kernel_h * kernel_w, 2, out_h, out_w)
    rows = offset[:, :, 0] + tap_row[:, None, None] + base_row[:, None]
    columns = offset[:, :, 1] + tap_column[:, None, None] + base_column
    return rows, columns


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _by_torchvision(
    x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Its kernel computes positions in the precision of the features, and knows no bfloat16: always float32 here."""
    from torchvision.ops import deform_conv2d as operator

    wide = [part if part is None else _at_least_float32(part) for part in (x, offset, weight, bias, mask)]
    return operator(*wide[:4], stride=stride, padding=padding, mask=wide[4]).to(x.dtype)


def _by_grid_sample(
    x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, mask: Tensor | None, bias: Tensor | None
) -> Tensor:
    """Sampling as one grid_sample, then a matrix product: standard operators only."""
    n, channels, height, width = x.shape
    taps, out_h, out_w = rows.shape[1:]
    # align_corners=False maps pixel centre p to (2 p + 1) / size - 1.
    grid = torch.stack(((2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1), dim=-1)
    grid = grid.view(n, taps * out_h, out_w, 2)
    sampled = F.grid_sample(_at_least_float32(x), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    sampled = sampled.view(n, channels, taps, out_h, out_w)
    if mask is not None:
        sampled = sampled * _at_least_float32(mask).unsqueeze(1)
    sampled = sampled.to(x.dtype).view(n, channels * taps, out_h * out_w)
    out = weight.flatten(1).to(x.dtype) @ sampled
    if bias is not None:
        out = out + bias.to(x.dtype)[:, None]
    return out.view(n, -1, out_h, out_w)


def _by_embedding_bag(
    x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, mask: Tensor | None, bias: Tensor | None
) -> Tensor:
    """Bilinear sampling as a weighted sum of four table rows; 1.3x (bf16: 6x) torchvision's kernel on a CPU."""
    n, channels, height, width = x.shape
    taps, out_h, out_w = rows.shape[1:]
    # One line of zeros around each picture: what lies outside needs no test of its own.
    table = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).reshape(-1, channels)
    kernel = weight.permute(2, 3, 1, 0).reshape(taps * channels, -1).to(x.dtype)
    shift = None if bias is None else bias.to(x.dtype)
    by_pixel = [part if part is None else part.permute(0, 2, 3, 1).reshape(-1, taps) for part in (rows, columns, mask)]
    pixels_a_picture, lines_a_picture = out_h * out_w, (height + 2) * (width + 2)
    pieces = []
    for start in range(0, n * pixels_a_picture, _CHUNK_PIXELS):
        row, column, strength = (part if part is None else part[start : start + _CHUNK_PIXELS] for part in by_pixel)
        assert row is not None and column is not None
        index, share = _corners(row, column, strength, height, width)
        if n > 1:
            pixel = torch.arange(start, start + len(row), device=x.device, dtype=index.dtype)
            index += ((pixel // pixels_a_picture) * lines_a_picture)[:, None, None]
        sampled = F.embedding_bag(
            index.reshape(-1, 4), table, per_sample_weights=share.reshape(-1, 4).to(x.dtype), mode="sum"
        )
        sampled = sampled.view(-1, taps * channels)
        pieces.append(sampled @ kernel if shift is None else torch.addmm(shift, sampled, kernel))
    return torch.cat(pieces).view(n, out_h, out_w, -1).permute(0, 3, 1, 2)


def _corners(rows: Tensor, columns: Tensor, mask: Tensor | None, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Of each sample the four neighbours' lines in a table with one line of zeros around, and their shares.

    Arguments and results are (pixels, K) and (pixels, K, 4).
    """
    rows, columns = rows.clamp(-1, height), columns.clamp(-1, width)
    top, left = rows.floor().clamp(max=height - 1), columns.floor().clamp(max=width - 1)
    first = (top.int() + 1) * (width + 2) + left.int() + 1
    steps = torch.tensor((0, 1, width + 2, width + 3), device=rows.device, dtype=first.dtype)
    down, right = (rows - top).unsqueeze(-1), (columns - left).unsqueeze(-1)
    # Shares of the upper two and the lower two neighbours, then of the left two and the right two.
    upper, lower = down.new_tensor((1, 1, 0, 0)), down.new_tensor((-1, -1, 1, 1))
    outer, inner = down.new_tensor((1, 0, 1, 0)), down.new_tensor((-1, 1, -1, 1))
    share = (upper + lower * down) * (outer + inner * right)
    if mask is not None:
        share = share * _at_least_float32(mask).unsqueeze(-1)
    return first.unsqueeze(-1) + steps, share


class DeformableConv2d(nn.Module):
    """Convolution that predicts where to sample (``offset``) and how strongly (``modulator``)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.offset = nn.Conv2d(in_channels, 2 * kernel * kernel, kernel, padding=self.padding)
        self.modulator = nn.Conv2d(in_channels, kernel * kernel, kernel, padding=self.padding)
        self.regular = nn.Conv2d(in_channels, out_channels, kernel, padding=self.padding, bias=False)
        for predictor in (self.offset, self.modulator):
            nn.init.zeros_(predictor.weight)
            nn.init.zeros_(predictor.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W)."""
        mask = 2 * torch.sigmoid(_at_least_float32(self.modulator(x)))
        return deform_conv2d(x, self.offset(x), self.regular.weight, mask, padding=self.padding)


class MergedDeformableConv2d(nn.Module):
    """A :class:`DeformableConv2d` for inference, with one convolution that predicts both; may have a bias."""

    def __init__(
        self, conv: DeformableConv2d, implementation: Implementation = "auto", tuning: DeformTuning | None = None
    ) -> None:
        """
        Args:
            conv: what it computes.
            implementation: of the sampling.
            tuning: knows the fastest blocks of the CUDA kernel.
        """
        super().__init__()
        self.tuning = DeformTuning() if tuning is None else tuning
        self.padding = conv.padding
        self.implementation: Implementation = implementation
        self.taps = conv.modulator.out_channels
        kernel = conv.offset.kernel_size[0]
        # Without memory until it has its weights, which lie where those that they are made of do.
        self.predict = nn.Conv2d(conv.offset.in_channels, 3 * self.taps, kernel, padding=conv.padding, device="meta")
        assert conv.offset.bias is not None and conv.modulator.bias is not None  # both are made with one
        with torch.no_grad():
            self.predict.weight = nn.Parameter(torch.cat((conv.offset.weight, conv.modulator.weight)))
            self.predict.bias = nn.Parameter(torch.cat((conv.offset.bias, conv.modulator.bias)))
        self.weight, self.bias = conv.regular.weight, conv.regular.bias

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W)."""
        offset, modulation = self.predict(x).split((2 * self.taps, self.taps), dim=1)
        mask = 2 * torch.sigmoid(_at_least_float32(modulation))
        chosen = pick_implementation(x) if self.implementation == "auto" else self.implementation
        if chosen == "triton":
            return self._by_kernel(x, offset, mask)
        return deform_conv2d(x, offset, self.weight, mask, self.bias, padding=self.padding, implementation=chosen)

    def _by_kernel(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        from birefnet_video.model.deform_triton import sample_and_multiply

        kernel_h, kernel_w = self.weight.shape[2:]
        rows, columns = _positions(_at_least_float32(offset), kernel_h, kernel_w, 1, self.padding)

        def run(configuration: Configuration) -> Tensor:
            return sample_and_multiply(x, rows, columns, self.weight, mask, self.bias, configuration)

        case = DeformCase(
            device=x.device,
            dtype=x.dtype,
            channels=x.shape[1],
            out_channels=len(self.weight),
            taps=self.taps,
            magnitude=(len(x) * rows.shape[2] * rows.shape[3]).bit_length(),
        )
        return run(self.tuning.pick(case, run))
