"""See :func:`birefnet_video.colour.convert.to_rgb`: the same for pictures that lie on a device, read there."""

import av
import torch
from torch import Tensor

from birefnet_video.colour.convert import luma_weights
from birefnet_video.colour.transfer import needs_mapping
from birefnet_video.matting.filters.torch import reduced
from birefnet_video.matting.source import Coding, Source
from birefnet_video.matting.transfer import to_sdr
from birefnet_video.types import ColourTags, MediaInfo


def to_rgb(picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int], device: torch.device) -> Tensor:
    """The upright picture at ``size`` (height, width) in sRGB, uint8 (height, width, 3), antialiased.

    It lies on the device, for what the current thread's stream is given from now on. Nothing is waited for: the picture
    must be kept until what is made of this is there.

    Args:
        picture: YUV whose planes :class:`Source` reads.
        info: of the input.
        size: of the result.
        device: that the picture lies on.
    """
    stored = Source(picture, info, device).stored
    assert stored is not None  # whatever a GPU decodes is YUV
    planes, coding = stored
    shape = (size[1], size[0]) if info.turn.swaps_sides else size
    small = [
        reduced(plane, shape, of_even=info.chroma_from_left and plane.shape[1] < planes[0].shape[1]) for plane in planes
    ]
    coded = _coded_rgb(small, coding, info.colour)
    if needs_mapping(info.colour):
        coded = (coded * 0xFFFF + 0.5).to(torch.int32)
        rgb = to_sdr(coded, info.colour)
    else:
        rgb = (coded * 0xFF + 0.5).to(torch.uint8)
    turned = torch.rot90(rgb.permute(1, 2, 0), info.turn.quarters, (0, 1))
    return (turned.flip(1) if info.turn.mirror else turned).contiguous()


def _coded_rgb(planes: list[Tensor], coding: Coding, colour: ColourTags) -> Tensor:
    """YUV as RGB (3, h, w) in [0, 1], by the equations of ITU-T H.273 section 8.3."""
    luma, cb, cr = (
        (plane - zero) / span for plane, (zero, span) in zip(planes, map(coding.scale, range(3)), strict=True)
    )
    red_weight, blue_weight = luma_weights(colour)
    red, blue = luma + 2 * (1 - red_weight) * cr, luma + 2 * (1 - blue_weight) * cb
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return torch.stack((red, green, blue)).clamp_(0, 1)
