"""AdamW over two groups of parameters, and how their rates change."""

import math
from collections.abc import Iterator

import torch
from birefnet_video.model.birefnet import BiRefNet
from birefnet_video.model.training.recipe import OptimiserSection
from torch import nn

from birefnet_video.errors import UsageError


def build_optimiser(net: BiRefNet, settings: OptimiserSection) -> torch.optim.AdamW:
    """AdamW with a group for the backbone and one for the rest; parameters without gradients are left out."""
    backbone = {id(parameter) for parameter in net.localization.backbone.parameters()}
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) in backbone], "peak": settings.backbone_rate},
        {"params": [p for p in trained if id(p) not in backbone], "peak": settings.rate},
    ]
    groups = [{**group, "lr": group["peak"]} for group in groups if group["params"]]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Give every group ``factor`` times its peak rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def rate_factor(settings: OptimiserSection, step: int, steps: int, steps_per_epoch: int) -> float:
    """What the peak rates are multiplied with at ``step`` of ``steps``, both counted in batches."""
    warm = min(1.0, (step + 1) / settings.warm_up_steps) if settings.warm_up_steps else 1.0
    if settings.schedule in ("cosine", "hold"):
        begin = 0 if settings.schedule == "cosine" else fall_begins(settings, steps)
        gone = max(0, step - begin) / max(steps - begin, 1)
        return warm * max(0.5 * (1 + math.cos(math.pi * gone)), settings.least)
    if settings.schedule == "steps":
        epochs, epoch = math.ceil(steps / steps_per_epoch), step // steps_per_epoch + 1
        marks = (mark if mark > 0 else epochs + mark + 1 for mark in settings.milestones)
        return warm * settings.decay ** sum(epoch > mark for mark in marks)
    return warm


def fall_begins(settings: OptimiserSection, steps: int) -> int:
    """The first step, from 0, at which ``schedule = "hold"`` lets the rate fall; ``steps`` with other schedules."""
    return round(steps * (1 - settings.fall)) if settings.schedule == "hold" else steps


def freeze(net: BiRefNet, beginnings: tuple[str, ...]) -> None:
    """Keep the backbone's parameters whose names begin with one of ``beginnings`` as they are.

    Raises:
        UsageError: if a beginning is that of no parameter.
    """
    names = dict(net.localization.backbone.named_parameters())
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            raise UsageError(f"model.frozen: no parameter of the backbone begins with {beginning!r}")
    for name, parameter in names.items():
        if name.startswith(beginnings):
            parameter.requires_grad_(False)


def frozen_norms(net: BiRefNet) -> Iterator[nn.Module]:
    """The backbone's BatchNorms, whose statistics a run may keep."""
    for module in net.localization.backbone.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            yield module
