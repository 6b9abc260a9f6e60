"""From a configuration to modules. The modules themselves receive numbers and modules only."""

from birefnet_video.model.aspp import deformable_aspp, plain_aspp
from birefnet_video.model.backbones import find_backbone
from birefnet_video.model.blocks import DecoderBlock, InwardReference, OutwardReference
from birefnet_video.model.config import BiRefNetConfig
from birefnet_video.model.localization import Localization
from birefnet_video.model.reconstruction import FullHead, Reconstruction, ShuffleHead, Stage
from torch import nn

#: Sides of the picture patches that the inward references 5, 4, 3, 2 pack into channels.
_STAGE_PATCHES = (32, 16, 8, 4)
#: What plain vision transformers' features are projected to: the channels of swin_v1_l at two scales.
_NECK_CHANNELS = (384, 768, 1536, 3072)
#: Channels between the two convolutions of the half-size head.
_SHUFFLE_HIDDEN = 16


def build_localization(config: BiRefNetConfig) -> Localization:
    """Backbone, squeeze block and, if asked for, the classification head."""
    backbone = find_backbone(config.backbone)
    channels = feature_channels(config)
    squeezed = config.squeeze_channels or channels[3]
    return Localization(
        backbone.build(),
        _decoder_block(config, sum(channels), squeezed, config.hidden_channels[0]),
        nn.Linear(channels[3], config.categories) if config.auxiliary_classification else None,
        None if backbone.pyramid else _necks((*channels[:3], squeezed)),
        two_scales=config.two_scales,
    )


def build_reconstruction(config: BiRefNetConfig) -> Reconstruction:
    """Four decoder stages and the head."""
    c1, c2, c3, c4 = feature_channels(config)
    inward = config.inward_channels or (c4 // 8, c4 // 8, c3 // 8, c2 // 8, c1 // 8)
    x_channels = config.squeeze_channels or c4
    if not find_backbone(config.backbone).pyramid:
        c1, c2, c3, x_channels = _NECK_CHANNELS
    outputs = config.decoder_channels or (c3, c2, c1, c1 // 2)
    stages = []
    for i, lateral in enumerate((c3, c2, c1, None)):
        block = _decoder_block(config, x_channels + inward[i], outputs[i], config.hidden_channels[i])
        reference = InwardReference(_STAGE_PATCHES[i], config.inward_hidden, inward[i], config.inward_kernel)
        if lateral is None:
            stages.append(Stage(reference, block))
        else:
            outward, side = OutwardReference(outputs[i]), nn.Conv2d(outputs[i], 1, 1)
            stages.append(Stage(reference, block, outward, side, nn.Conv2d(lateral, outputs[i], 1)))
        x_channels = outputs[i]
    return Reconstruction(stages, _head(config, x_channels + inward[4], inward[4]))


def _necks(channels: tuple[int, ...]) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(channels, _NECK_CHANNELS, strict=True))


def feature_channels(config: BiRefNetConfig) -> tuple[int, ...]:
    """Channels of the four features that the localization module passes on, before the squeeze block."""
    scales = 2 if config.two_scales else 1
    return tuple(scales * width for width in find_backbone(config.backbone).channels)


def _decoder_block(config: BiRefNetConfig, in_channels: int, out_channels: int, hidden: int) -> DecoderBlock:
    aspp = deformable_aspp(hidden, config.aspp_channels) if config.aspp == "deformable" else plain_aspp(hidden)
    return DecoderBlock(in_channels, out_channels, hidden, aspp)


def _head(config: BiRefNetConfig, channels: int, inward_channels: int) -> nn.Module:
    patch = 1 if config.head == "full" else 2
    inward = InwardReference(patch, config.inward_hidden, inward_channels, config.inward_kernel)
    if config.head == "full":
        return FullHead(channels, inward)
    return ShuffleHead(channels, _SHUFFLE_HIDDEN, inward)
