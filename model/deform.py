"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2, CVPR 2019, eq. 1).

Sampling positions are at least float32 whatever the precision of the features: in half precision a position beyond
column 256 has steps of a quarter of a pixel and worse.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Output pixels that are sampled at once on a CPU: bounds the im2col buffer.
_CHUNK_PIXELS = 2048


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Deformable convolution, differentiable in every tensor argument.

    Args:
        x: features, float (N, C, H, W).
        offset: (N, 2 * K, H', W') displacement in pixels of each of the K kernel taps, y before x.
        weight: (O, C, kh, kw) with kh * kw = K.
        mask: (N, K, H', W') modulation of each tap; ``None`` means 1.
        stride: step between output positions, in pixels.
        padding: zeros on each side of ``x``; samples outside it are 0.

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
    rows, columns = _positions(_at_least_float32(offset), kernel_h, kernel_w, stride, padding)
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        return _by_embedding_bag(x, rows, columns, weight, mask)
    return _by_grid_sample(x, rows, columns, weight, mask)


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


def _by_grid_sample(x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
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
    return (weight.flatten(1).to(x.dtype) @ sampled).view(n, -1, out_h, out_w)


def _by_embedding_bag(x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
    """Bilinear sampling as a weighted sum of four table rows; 1.3x (bf16: 6x) torchvision's kernel on a CPU."""
    n, channels, height, width = x.shape
    taps, out_h, out_w = rows.shape[1:]
    table = x.permute(0, 2, 3, 1).reshape(n * height * width, channels)
    indices, shares = _corners(rows, columns, mask, height, width)
    kernel = weight.permute(2, 3, 1, 0).reshape(taps * channels, -1).to(x.dtype)
    pieces = []
    for start in range(0, n * out_h * out_w, _CHUNK_PIXELS):
        stop = start + _CHUNK_PIXELS
        columns_matrix = F.embedding_bag(
            indices[start:stop].reshape(-1, 4),
            table,
            per_sample_weights=shares[start:stop].reshape(-1, 4).to(x.dtype),
            mode="sum",
        )
        pieces.append(columns_matrix.view(-1, taps * channels) @ kernel)
    return torch.cat(pieces).view(n, out_h, out_w, -1).permute(0, 3, 1, 2)


def _corners(rows: Tensor, columns: Tensor, mask: Tensor | None, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Table rows and shares of the four neighbours of every sample, (N * H' * W', K, 4) each."""
    n = rows.shape[0]
    top, left = rows.floor(), columns.floor()
    down, right = rows - top, columns - left
    image = torch.arange(n, device=rows.device).view(n, 1, 1, 1) * (height * width)
    indices, shares = [], []
    for row, share_row in ((top, 1 - down), (top + 1, down)):
        for column, share_column in ((left, 1 - right), (left + 1, right)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long() + image
            share = share_row * share_column * inside
            indices.append(index)
            shares.append(share if mask is None else share * _at_least_float32(mask))
    taps = rows.shape[1]
    by_pixel = (0, 2, 3, 1, 4)
    return (
        torch.stack(indices, dim=-1).permute(by_pixel).reshape(-1, taps, 4),
        torch.stack(shares, dim=-1).permute(by_pixel).reshape(-1, taps, 4),
    )


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

    def __init__(self, conv: DeformableConv2d) -> None:
        super().__init__()
        self.padding = conv.padding
        self.taps = conv.modulator.out_channels
        kernel = conv.offset.kernel_size[0]
        self.predict = nn.Conv2d(conv.offset.in_channels, 3 * self.taps, kernel, padding=conv.padding)
        assert conv.offset.bias is not None and conv.modulator.bias is not None  # both are made with one
        assert self.predict.bias is not None
        with torch.no_grad():
            self.predict.weight.copy_(torch.cat((conv.offset.weight, conv.modulator.weight)))
            self.predict.bias.copy_(torch.cat((conv.offset.bias, conv.modulator.bias)))
        self.weight, self.bias = conv.regular.weight, conv.regular.bias

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W)."""
        offset, modulation = self.predict(x).split((2 * self.taps, self.taps), dim=1)
        mask = 2 * torch.sigmoid(_at_least_float32(modulation))
        out = deform_conv2d(x, offset, self.weight, mask, padding=self.padding)
        return out if self.bias is None else out + self.bias[:, None, None]
