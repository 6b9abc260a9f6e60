"""A picture's planes on a device, as whatever is made of them has them."""

from functools import cached_property
from typing import NamedTuple

import av
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.colour.convert import plane_array, to_planar
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.filters.torch import resampled
from birefnet_video.matting.surfaces import bits_of, stored_planes
from birefnet_video.matting.upload import upload
from birefnet_video.types import MediaInfo, Turn


class Source:
    """A picture whose planes are brought to a device once, and converted there for whatever is made of them."""

    def __init__(self, picture: av.VideoFrame, info: MediaInfo, device: torch.device) -> None:
        """
        Args:
            picture: as decoded.
            info: of the input.
            device: that is to hold it.
        """
        self._picture, self._info, self._device = picture, info, device

    def planes(self, canvas: Canvas) -> list[Tensor]:
        """Three planes as the canvas has them, upright, float32 and not rounded.

        YUV whose components lie apart, or luma apart from chroma, is converted on the device; swscale makes planes of
        anything else.
        """
        info = self._info
        if self.stored is not None:
            (samples, coded), turn = self.stored, info.turn
        else:
            pixel_format = canvas.pixel_format.replace("yuva", "yuv")
            made = to_planar(self._picture, info, pixel_format, full_range=canvas.full_range)
            samples, turn = [upload(plane_array(made, index), self._device) for index in range(3)], Turn()
            coded = Coding(canvas.bits, canvas.full_range)
        wanted = Coding(canvas.bits, canvas.full_range)
        planes = []
        for index, plane in enumerate(samples):
            height, width = _inner(canvas, info, index)
            stored = (width, height) if turn.swaps_sides else (height, width)
            sized = resampled(coded.turned_into(wanted, plane, index), stored, from_left=info.chroma_from_left)
            turned = torch.rot90(sized, turn.quarters, (0, 1))
            planes.append(padded(turned.flip(1) if turn.mirror else turned, canvas.plane_shape(index)))
        return planes

    @cached_property
    def stored(self) -> "tuple[list[Tensor], Coding] | None":
        """Its planes as they are stored, float32 and not upright, and what they mean; ``None``: they are no YUV."""
        picture, info = self._picture, self._info
        if info.is_rgb:
            return None
        if (bits := bits_of(picture)) is not None:
            return stored_planes(picture, self._device), Coding(bits, info.colour.full_range)
        if not _is_planar_yuv(picture.format):
            return None
        coding = Coding(picture.format.components[0].bits, info.colour.full_range)
        return [upload(plane_array(picture, index), self._device) for index in range(3)], coding


class Coding(NamedTuple):
    """What the samples of a plane mean (ITU-T H.273 section 8.3)."""

    bits: int
    full_range: bool

    def turned_into(self, other: "Coding", plane: Tensor, index: int) -> Tensor:
        if self == other:
            return plane
        (zero, span), (new_zero, new_span) = self.scale(index), other.scale(index)
        return (plane - zero) * (new_span / span) + new_zero

    def scale(self, index: int) -> tuple[float, float]:
        """The sample that means 0, and how many steps lie between it and 1."""
        unit = 1 << (self.bits - 8)
        if index == 0:
            return (0.0, float((1 << self.bits) - 1)) if self.full_range else (16.0 * unit, 219.0 * unit)
        return 128.0 * unit, float((255 if self.full_range else 224) * unit)


def _is_planar_yuv(form: av.VideoFormat) -> bool:
    names = [component.plane for component in form.components]
    return (
        form.name.startswith(("yuv", "yuvj"))
        # Some hardware decoders' samples lie in the upper bits.
        and "msb" not in form.name
        and form.is_planar
        and not form.is_big_endian
        and names[:3] == [0, 1, 2]
        and len({component.bits for component in form.components}) == 1
    )


def _inner(canvas: Canvas, info: MediaInfo, index: int) -> tuple[int, int]:
    """Size of a plane before it is grown to even sides."""
    if index == 0:
        return info.height, info.width
    layout = av.VideoFormat(canvas.pixel_format, info.width, info.height)
    return layout.chroma_height(), layout.chroma_width()


def padded(plane: Tensor, shape: tuple[int, int]) -> Tensor:
    """The last line and column repeated up to ``shape``."""
    missing = (shape[0] - plane.shape[0], shape[1] - plane.shape[1])
    if missing == (0, 0):
        return plane
    return F.pad(plane[None, None], (0, missing[1], 0, missing[0]), mode="replicate")[0, 0]
