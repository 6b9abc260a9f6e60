"""The tail at full size (up-sampling, two convolutions over the picture, a projection) is linear: it becomes short."""

import torch
from birefnet_video.model.blocks import resize
from birefnet_video.model.reconstruction import FullHead
from torch import Tensor, nn
from torch.nn import functional as F


class FoldedHead(nn.Module):
    """What :class:`birefnet_video.model.reconstruction.FullHead` computes, without its wide maps at full size."""

    def __init__(self, head: FullHead) -> None:
        super().__init__()
        first, second = head.inward.conv_in, head.inward.conv_out
        channels = head.project.in_channels - second.out_channels
        weight = head.project.weight.detach()
        # Without memory until they have their weights, which lie where those that they are made of do.
        self.project = nn.Conv2d(channels, 1, 1, bias=False, device="meta")
        self.project.weight = nn.Parameter(weight[:, :channels].clone(), requires_grad=False)
        side = second.kernel_size[0]
        self.border: int = first.kernel_size[0] // 2 + side // 2
        self.first, self.last = first, nn.Conv2d(second.in_channels, 1, side, padding=side // 2, device="meta")
        assert head.project.bias is not None  # it is made with one
        assert first.bias is not None and second.bias is not None
        picture = weight[:, channels:, 0, 0]
        with torch.no_grad():
            self.last.weight = nn.Parameter(torch.einsum("po,oikl->pikl", picture, second.weight))
            self.last.bias = nn.Parameter(picture @ second.bias + head.project.bias)
            # A convolution after a convolution: the kernel of the second, each tap spread by that of the first.
            spread = first.weight.flip(2, 3).transpose(0, 1)
            whole = F.conv2d(spread, self.last.weight, padding=side - 1).flip(2, 3).transpose(0, 1)
            constant = self.last.bias + self.last.weight.sum(dim=(2, 3)) @ first.bias
        self.whole: Tensor
        self.constant: Tensor
        self.register_buffer("whole", whole)
        self.register_buffer("constant", constant)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Feature (N, C, H/4, W/4) and picture (N, 3, H, W) -> logits (N, 1, H, W)."""
        return resize(self.project(x), image.shape[2:]) + self._picture(image)

    def _picture(self, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        edge = self.border
        inner = F.conv2d(image, self.whole, self.constant)
        # Near the border the second convolution sees zeros, not what the first would give out there.
        top = self.last(self.first(image[:, :, : 3 * edge]))[:, :, :edge]
        bottom = self.last(self.first(image[:, :, height - 3 * edge :]))[:, :, -edge:]
        left = self.last(self.first(image[:, :, :, : 3 * edge]))[:, :, edge : height - edge, :edge]
        right = self.last(self.first(image[:, :, :, width - 3 * edge :]))[:, :, edge : height - edge, -edge:]
        return torch.cat((top, torch.cat((left, inner, right), dim=3), bottom), dim=2)
