"""ASPP without its concatenation: a 1x1 convolution of parts side by side is the sum of those of the parts."""

import torch
from birefnet_video.model.aspp import ASPP
from torch import Tensor, nn


class SummedASPP(nn.Module):
    """What :class:`birefnet_video.model.aspp.ASPP` computes, once BatchNorm is folded into its convolutions.

    The widest tensor of the network is never made, and what the pooled branch adds is one number a channel.
    """

    def __init__(self, aspp: ASPP) -> None:
        super().__init__()
        self.branches, self.pool = aspp.branches, aspp.pool
        whole = aspp.project.conv
        assert isinstance(whole, nn.Conv2d) and whole.bias is not None  # folding gives it one
        share = whole.in_channels // (len(aspp.branches) + 1)
        self.projects = nn.ModuleList()
        for index in range(len(aspp.branches) + 1):
            # Without memory until it has its weights.
            part = nn.Conv2d(share, whole.out_channels, 1, bias=index == len(aspp.branches), device="meta")
            part.weight = nn.Parameter(whole.weight[:, index * share : (index + 1) * share].detach().clone(), False)
            if part.bias is not None:
                part.bias = nn.Parameter(whole.bias.detach().clone(), False)
            self.projects.append(part)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        *parts, last = self.projects
        total = last(self.pool(x.mean(dim=(2, 3), keepdim=True)))
        for branch, project in zip(self.branches, parts, strict=True):
            total = project(branch(x)) + total
        return torch.relu(total)
