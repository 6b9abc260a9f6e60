"""Rewrites of a loaded network for inference that leave its output as it is, up to rounding.

- BatchNorm becomes part of the convolution before it.
- The two convolutions that predict offsets and modulation of a deformable one become one.
- The tail at full size (up-sampling, two convolutions over the picture, a projection: all linear) becomes
  one 5x5 convolution of the picture, and a projection before the up-sampling.
"""

import copy

import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.blocks import resize
from birefnet_video.model.deform import DeformableConv2d, MergedDeformableConv2d
from birefnet_video.model.reconstruction import FullHead
from torch import Tensor, nn
from torch.nn import functional as F

#: Side in pixels of the picture that shows which convolution feeds which BatchNorm.
_PROBE_SIDE = 64


def optimize(net: BiRefNet) -> BiRefNet:
    """A copy of ``net`` for inference: same input, same output, less work. It cannot be trained or saved.

    Args:
        net: as :func:`birefnet_video.model.load_checkpoint` gives it.
    """
    fast = copy.deepcopy(net).eval()
    fold_batch_norm(fast)
    merge_deformable(fast)
    if isinstance(fast.reconstruction.head, FullHead):
        fast.reconstruction.head = FoldedHead(fast.reconstruction.head)
    return fast


def fold_batch_norm(net: nn.Module) -> int:
    """Fold every BatchNorm into the convolution whose output it takes; returns how many there were."""
    pairs = _convolutions_before_norms(net)
    names = {module: name for name, module in net.named_modules()}
    for norm, conv in pairs.items():
        regular = conv.regular if isinstance(conv, DeformableConv2d) else conv
        assert isinstance(regular, nn.Conv2d)  # both kinds of convolution have one
        assert norm.running_mean is not None and norm.running_var is not None
        scale = torch.rsqrt(norm.running_var + norm.eps) * (norm.weight if norm.affine else 1)
        shift = (norm.bias if norm.affine else 0) - norm.running_mean * scale
        with torch.no_grad():
            regular.weight.mul_(scale[:, None, None, None])
            bias = shift if regular.bias is None else regular.bias * scale + shift
        regular.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
        parent, _, name = names[norm].rpartition(".")
        # timm's BatchNorm brings its activation along.
        setattr(net.get_submodule(parent), name, getattr(norm, "act", nn.Identity()))
    return len(pairs)


def merge_deformable(net: nn.Module) -> None:
    """Let every deformable convolution predict where and how strongly it samples at once."""
    for name, module in list(net.named_modules()):
        if isinstance(module, DeformableConv2d):
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, MergedDeformableConv2d(module))


class FoldedHead(nn.Module):
    """What :class:`birefnet_video.model.reconstruction.FullHead` computes, without its wide maps at full size."""

    def __init__(self, head: FullHead) -> None:
        super().__init__()
        first, second = head.inward.conv_in, head.inward.conv_out
        channels = head.project.in_channels - second.out_channels
        weight = head.project.weight.detach()
        self.project = nn.Conv2d(channels, 1, 1, bias=False)
        self.project.weight = nn.Parameter(weight[:, :channels].clone(), requires_grad=False)
        side = second.kernel_size[0]
        self.border: int = first.kernel_size[0] // 2 + side // 2
        self.first, self.last = first, nn.Conv2d(second.in_channels, 1, side, padding=side // 2)
        assert self.last.bias is not None and head.project.bias is not None  # both are made with one
        assert first.bias is not None and second.bias is not None
        picture = weight[:, channels:, 0, 0]
        with torch.no_grad():
            self.last.weight.copy_(torch.einsum("po,oikl->pikl", picture, second.weight))
            self.last.bias.copy_(picture @ second.bias + head.project.bias)
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


def _convolutions_before_norms(net: nn.Module) -> dict[nn.BatchNorm2d, nn.Module]:
    """Which convolution's output each BatchNorm takes, seen on a run; only pairs that have nobody else."""
    made: dict[int, nn.Module] = {}
    kept: list[Tensor] = []
    found: dict[nn.BatchNorm2d, set[nn.Module]] = {}

    def after(module: nn.Module, arguments: tuple[Tensor, ...], result: Tensor) -> None:
        made[id(result)] = module
        # As long as it lives no other tensor has its identity.
        kept.append(result)

    def before(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        found.setdefault(module, set()).add(made.get(id(arguments[0]), module))

    handles = [
        module.register_forward_pre_hook(before)
        if isinstance(module, nn.BatchNorm2d)
        else module.register_forward_hook(after)
        for module in net.modules()
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d | DeformableConv2d)
    ]
    device = next(net.parameters()).device
    with torch.inference_mode():
        net(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE, device=device))
    for handle in handles:
        handle.remove()
    pairs = {norm: next(iter(convs)) for norm, convs in found.items() if len(convs) == 1}
    feeds = list(pairs.values())
    return {norm: conv for norm, conv in pairs.items() if conv is not norm and feeds.count(conv) == 1}
