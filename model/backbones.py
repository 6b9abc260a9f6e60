"""The backbones that a BiRefNet can stand on, all from timm, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import timm
from birefnet_video.model.swin import SwinBackbone
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Backbone:
    """One row of :data:`BACKBONES`."""

    build: Callable[[], nn.Module]
    """Makes the module: (N, 3, H, W) -> four features, fine to coarse. Weights are random."""
    channels: tuple[int, int, int, int]
    """Channels of the four features."""
    pyramid: bool = True
    """Strides are 4, 8, 16, 32. Plain vision transformers have 16 throughout."""


class Intermediates(nn.Module):
    """A timm model whose ``forward_intermediates`` gives the features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> four features, fine to coarse."""
        return self.model.forward_intermediates(image, intermediates_only=True)  # type: ignore[operator]


class Taps(nn.Module):
    """The features after some layers of a sequential network."""

    def __init__(self, features: nn.Sequential, after: tuple[int, ...]) -> None:
        super().__init__()
        self.features = features[: after[-1] + 1]
        self.after = after

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> four features, fine to coarse."""
        taps = []
        x = image
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.after:
                taps.append(x)
        return taps


def _swin(channels: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int) -> Backbone:
    widths = (channels, channels * 2, channels * 4, channels * 8)
    return Backbone(lambda: SwinBackbone(channels, depths, heads, window), widths)


def _pvt(variant: str, channels: tuple[int, int, int, int]) -> Backbone:
    return Backbone(lambda: Intermediates(timm.create_model(f"pvt_v2_{variant}", num_classes=0)), channels)


def _features(name: str, out_indices: tuple[int, ...], channels: tuple[int, int, int, int]) -> Backbone:
    return Backbone(lambda: timm.create_model(name, features_only=True, out_indices=out_indices), channels)


def _vgg(name: str, after: tuple[int, ...]) -> Backbone:
    """After the second to the fifth pooling."""
    return Backbone(lambda: Taps(cast(nn.Sequential, timm.create_model(name).features), after), (128, 256, 512, 512))


def _dino(variant: str, out_indices: tuple[int, ...], width: int) -> Backbone:
    def build() -> nn.Module:
        name = f"vit_{variant}_patch16_dinov3"
        return timm.create_model(name, features_only=True, dynamic_img_size=True, out_indices=out_indices)

    return Backbone(build, (width, width, width, width), pyramid=False)


BACKBONES: dict[str, Backbone] = {
    "swin_v1_t": _swin(96, (2, 2, 6, 2), (3, 6, 12, 24), 7),
    "swin_v1_s": _swin(96, (2, 2, 18, 2), (3, 6, 12, 24), 7),
    "swin_v1_b": _swin(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    "swin_v1_l": _swin(192, (2, 2, 18, 2), (6, 12, 24, 48), 12),
    "swin_v1_l24": _swin(192, (2, 2, 24, 2), (6, 12, 24, 48), 12),
    "pvt_v2_b0": _pvt("b0", (32, 64, 160, 256)),
    "pvt_v2_b1": _pvt("b1", (64, 128, 320, 512)),
    "pvt_v2_b2": _pvt("b2", (64, 128, 320, 512)),
    "pvt_v2_b5": _pvt("b5", (64, 128, 320, 512)),
    "resnet50": _features("resnet50", (1, 2, 3, 4), (256, 512, 1024, 2048)),
    "vgg16": _vgg("vgg16", (9, 16, 23, 30)),
    "vgg16bn": _vgg("vgg16_bn", (13, 23, 33, 43)),
    "dino_v3_s": _dino("small", (3, 5, 7, 11), 384),
    "dino_v3_s_plus": _dino("small_plus", (3, 5, 7, 11), 384),
    "dino_v3_b": _dino("base", (3, 5, 7, 11), 768),
    "dino_v3_l": _dino("large", (5, 11, 17, 23), 1024),
    "dino_v3_h_plus": _dino("huge_plus", (7, 15, 23, 31), 1280),
    "efficientnet_lite0": _features("tf_efficientnet_lite0", (1, 2, 3, 4), (24, 40, 112, 320)),
}


def find_backbone(name: str) -> Backbone:
    """The row called ``name``.

    Raises:
        ValueError: if there is none; the message lists those there are.
    """
    if name not in BACKBONES:
        raise ValueError(f"no backbone called {name!r}; there are: {', '.join(BACKBONES)}")
    return BACKBONES[name]
