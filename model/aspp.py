"""Atrous spatial pyramid pooling, deformable as in the paper or plain for small networks."""

import torch
from birefnet_video.model.deform import DeformableConv2d
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """A convolution without bias (any module), BatchNorm and ReLU."""

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, channels, H, W)."""
        return torch.relu(self.norm(self.conv(x)))


class ASPP(nn.Module):
    """Parallel branches over one feature, and a branch that sees its mean, concatenated and projected back."""

    def __init__(self, channels: int, branch_channels: int, branches: list[nn.Module], dropout: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.pool = ConvNorm(nn.Conv2d(channels, branch_channels, 1, bias=False), branch_channels)
        total = branch_channels * (len(branches) + 1)
        self.project = ConvNorm(nn.Conv2d(total, channels, 1, bias=False), channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        pooled = self.pool(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.dropout(self.project(torch.cat([*(branch(x) for branch in self.branches), pooled], dim=1)))


def deformable_aspp(channels: int, branch_channels: int) -> ASPP:
    """Deformable kernels of 1, 1, 3 and 7 pixels (paper, section 3.3)."""
    branches: list[nn.Module] = [
        ConvNorm(DeformableConv2d(channels, branch_channels, kernel), branch_channels) for kernel in (1, 1, 3, 7)
    ]
    return ASPP(channels, branch_channels, branches, dropout=0.5)


def plain_aspp(channels: int) -> ASPP:
    """1x1, 3x3 and dilated depthwise 3x3 convolutions that keep the number of channels."""
    dilated = nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=3, dilation=3, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    )
    branches: list[nn.Module] = [
        ConvNorm(nn.Conv2d(channels, channels, 1, bias=False), channels),
        ConvNorm(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
        ConvNorm(dilated, channels),
    ]
    return ASPP(channels, channels, branches, dropout=0.0)
