"""Weights as files from before November 2024 have them."""

import copy
import json
from dataclasses import asdict
from pathlib import Path

from birefnet_video.model import BiRefNet
from birefnet_video.model.official import to_official
from safetensors.torch import save_file


def as_old_file(net: BiRefNet) -> BiRefNet:
    """A copy whose weights take patches as (column, row, colour)."""
    old = copy.deepcopy(net)
    for conv in old.reconstruction.patch_convolutions():
        out_channels, channels, *kernel = conv.weight.shape
        side = round((channels // 3) ** 0.5)
        weight = conv.weight.data.view(out_channels, 3, side, side, *kernel)
        conv.weight.data = weight.permute(0, 3, 2, 1, 4, 5).reshape(conv.weight.shape).contiguous()
    return old


def write_without_order(net: BiRefNet, path: Path) -> Path:
    """The weights as they are, in a file that says nothing of their order, as earlier versions wrote it."""
    weights = {to_official(key, net.config.backbone): value.clone() for key, value in net.state_dict().items()}
    save_file(weights, str(path), metadata={"birefnet_video.config": json.dumps(asdict(net.config))})
    return path
