"""The numbers of every BiRefNet architecture, as frozen data. Nothing here imports torch."""

from dataclasses import dataclass, replace
from typing import Literal

#: Object categories of DIS5K, in whose training set the classification head is supervised.
DIS5K_CATEGORIES = 219


@dataclass(frozen=True, slots=True, kw_only=True)
class BiRefNetConfig:
    """Architecture of one BiRefNet. The defaults are those of the published networks.

    Raises:
        ValueError: if a field is out of its range.
    """

    backbone: str = "swin_v1_l"
    """Key of :data:`birefnet_video.model.backbones.BACKBONES`."""
    two_scales: bool = True
    """Run the backbone at full and half size and concatenate (paper, section 3.2)."""
    squeeze_channels: int | None = None
    """Channels after the squeeze block; ``None``: those of the deepest feature."""
    decoder_channels: tuple[int, int, int, int] | None = None
    """Output channels of the decoder blocks 4, 3, 2, 1; ``None``: the next lateral feature's, then half."""
    inward_channels: tuple[int, int, int, int, int] | None = None
    """Channels of the inward references 5, 4, 3, 2, 1; ``None``: an eighth of the lateral features'."""
    inward_hidden: int = 64
    """Channels between the two convolutions of an inward reference."""
    inward_kernel: int = 3
    """Kernel of the first convolution of an inward reference."""
    hidden_channels: tuple[int, int, int, int] = (64, 64, 64, 64)
    """Channels inside the decoder blocks 4, 3, 2, 1; the squeeze block takes the first."""
    aspp: Literal["deformable", "plain"] = "deformable"
    """Deformable ASPP of the paper, or dilated convolutions, six times cheaper on a CPU."""
    aspp_channels: int = 256
    """Channels of each deformable ASPP branch; plain branches keep the block's hidden channels."""
    head: Literal["full", "shuffle"] = "full"
    """Last prediction at full size, or at half size with pixel shuffle."""
    auxiliary_classification: bool = False
    """Add the classification head that supervises the localization module in training."""
    categories: int = DIS5K_CATEGORIES
    """Outputs of the classification head."""

    def __post_init__(self) -> None:
        if self.aspp not in ("deformable", "plain"):
            raise ValueError(f"aspp={self.aspp!r}: expected 'deformable' or 'plain'")
        if self.head not in ("full", "shuffle"):
            raise ValueError(f"head={self.head!r}: expected 'full' or 'shuffle'")
        if self.inward_kernel not in (1, 3):
            raise ValueError(f"inward_kernel={self.inward_kernel}: expected 1 or 3")
        if self.categories < 1:
            raise ValueError(f"categories={self.categories}: expected at least 1")


_OFFICIAL = (
    "swin_v1_t",
    "swin_v1_s",
    "swin_v1_b",
    "swin_v1_l",
    "pvt_v2_b0",
    "pvt_v2_b1",
    "pvt_v2_b2",
    "pvt_v2_b5",
    "resnet50",
    "vgg16",
    "vgg16bn",
    "dino_v3_s",
    "dino_v3_s_plus",
    "dino_v3_b",
    "dino_v3_l",
    "dino_v3_h_plus",
)

#: Our bundled network: the same four ideas on EfficientNet-Lite0 features, within 8 M parameters.
_TINY = BiRefNetConfig(
    backbone="efficientnet_lite0",
    two_scales=False,
    squeeze_channels=160,
    decoder_channels=(128, 96, 64, 32),
    inward_channels=(48, 32, 32, 24, 16),
    inward_hidden=32,
    inward_kernel=1,
    hidden_channels=(128, 96, 64, 32),
    aspp="plain",
    head="shuffle",
)

PRESETS: dict[str, BiRefNetConfig] = {
    **{name: BiRefNetConfig(backbone=name) for name in _OFFICIAL},
    # Six more blocks in the third stage, as FeyNobg has them; no official network does.
    "swin_v1_l24": BiRefNetConfig(backbone="swin_v1_l24"),
    "tiny": _TINY,
}


def preset(name: str, *, auxiliary_classification: bool = False) -> BiRefNetConfig:
    """The configuration called ``name``.

    Raises:
        ValueError: if there is none; the message lists those there are.
    """
    if name not in PRESETS:
        raise ValueError(f"no architecture called {name!r}; there are: {', '.join(PRESETS)}")
    return replace(PRESETS[name], auxiliary_classification=auxiliary_classification)
