"""BatchNorm becomes part of the convolution before it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from birefnet_video.model.backbones import Backbone, find_backbone
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.deform import DeformableConv2d
from torch import Tensor, nn
from torch.func import functional_call

#: Side in pixels of the picture that shows which convolution feeds which BatchNorm.
_PROBE_SIDE = 64


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


def _convolutions_before_norms(net: nn.Module) -> dict[nn.BatchNorm2d, nn.Module]:
    """Which convolution's output each BatchNorm takes, seen on a run; only pairs that have nobody else.

    The run is one of shapes alone: with the numbers it would take a large network longer than all other rewrites.
    """
    with _shapes_of_backbone(net):
        return _pairs(net)


def _pairs(net: nn.Module) -> dict[nn.BatchNorm2d, nn.Module]:
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
    shapes = {name: each.to("meta") for name, each in (*net.named_parameters(), *net.named_buffers())}
    with torch.inference_mode():
        functional_call(net, shapes, (torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE, device="meta"),))
    for handle in handles:
        handle.remove()
    pairs = {norm: next(iter(convs)) for norm, convs in found.items() if len(convs) == 1}
    feeds = list(pairs.values())
    return {norm: conv for norm, conv in pairs.items() if conv is not norm and feeds.count(conv) == 1}


@contextmanager
def _shapes_of_backbone(net: nn.Module) -> Iterator[None]:
    """A backbone without BatchNorm gives shapes alone: it has nothing to show, and most of the operators."""
    if not isinstance(net, BiRefNet) or _has_norms(net.localization.backbone):
        yield
        return
    backbone = net.localization.backbone
    net.localization.backbone = _Shapes(find_backbone(net.config.backbone))
    try:
        yield
    finally:
        net.localization.backbone = backbone


def _has_norms(net: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


class _Shapes(nn.Module):
    """The features of a backbone, without numbers."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.channels = backbone.channels
        self.strides = (4, 8, 16, 32) if backbone.pyramid else (16,) * 4

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> four features, fine to coarse."""
        n, _, height, width = image.shape
        sizes = zip(self.channels, self.strides, strict=True)
        return [image.new_empty(n, channels, height // stride, width // stride) for channels, stride in sizes]
