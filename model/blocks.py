"""The pieces of the reconstruction module: decoder block, inward and outward reference."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Channels of the gradient features in an outward reference.
_GRADIENT_CHANNELS = 16


def resize(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Bilinear resampling of (N, C, H, W) to ``size`` (height, width), corners aligned as in the reference."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def pack_patches(image: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Cut (N, C, H, W) into a grid of patches and pack each patch's pixels into channels, at ``size``.

    The order of the channels is (colour, row, column), colour slowest. Networks trained before November 2024
    used (column, row, colour); :mod:`birefnet_video.model.patch_order` normalises their weights.
    """
    n, channels, height, width = image.shape
    grid_h, grid_w = height // size[0], width // size[1]
    rows, columns = height // grid_h, width // grid_w
    image = image.view(n, channels, grid_h, rows, grid_w, columns)
    return image.permute(0, 1, 2, 4, 3, 5).reshape(n, channels * grid_h * grid_w, rows, columns)


class DecoderBlock(nn.Module):
    """Convolution, BatchNorm and ReLU, ASPP, convolution and BatchNorm."""

    def __init__(self, in_channels: int, out_channels: int, hidden: int, aspp: nn.Module) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, hidden, 3, padding=1)
        self.norm_in = nn.BatchNorm2d(hidden)
        self.aspp = aspp
        self.conv_out = nn.Conv2d(hidden, out_channels, 3, padding=1)
        self.norm_out = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        x = torch.relu(self.norm_in(self.conv_in(x)))
        return self.norm_out(self.conv_out(self.aspp(x)))


class InwardReference(nn.Module):
    """The original picture at a stage's size, without loss: its patches as channels, then two convolutions."""

    def __init__(self, patch: int, hidden: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3 * patch * patch, hidden, kernel, padding=kernel // 2)
        self.conv_out = nn.Conv2d(hidden, out_channels, 3, padding=1)

    def forward(self, image: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
        """Picture (N, 3, H, W) -> (N, out_channels, *size)."""
        return self.conv_out(self.conv_in(resize(pack_patches(image, size), size)))


class OutwardReference(nn.Module):
    """Attention on places where the picture has gradients inside the object."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, _GRADIENT_CHANNELS, 3, padding=1)
        self.norm = nn.BatchNorm2d(_GRADIENT_CHANNELS)
        self.predict: nn.Module = nn.Conv2d(_GRADIENT_CHANNELS, 1, 1)
        self.attend = nn.Conv2d(_GRADIENT_CHANNELS, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the same weighted by attention, and the gradient features (N, 16, H, W)."""
        features = torch.relu(self.norm(self.conv(x)))
        return x * torch.sigmoid(self.attend(features)), features
