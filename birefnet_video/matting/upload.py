"""Pictures on their way to a device and back: planes of whole numbers, through pinned memory where there is CUDA."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import av
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.colour.convert import plane_array, to_planar
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.filters.torch import resampled
from birefnet_video.types import MediaInfo, Turn

_LARGEST = 0xFFFF
_DTYPES = {"uint8": torch.uint8, "int16": torch.int16, "float32": torch.float32}


def upload(samples: np.ndarray, device: torch.device) -> Tensor:
    """Samples uint8, uint16 or float32 (H, W) as float32 (H, W) on ``device``; they may change afterwards."""
    # torch computes in int16, not in uint16.
    kept = samples.view(np.int16) if samples.dtype == np.uint16 else samples
    staged = torch.empty(kept.shape, dtype=_DTYPES[kept.dtype.name], pin_memory=device.type == "cuda")
    staged.numpy()[:] = kept
    there = staged.to(device, non_blocking=device.type == "cuda")
    if samples.dtype == np.uint16:
        return there.to(torch.int32).bitwise_and_(_LARGEST).float()
    return there.float()


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

        Planar YUV is converted on the device; swscale makes it of anything else.
        """
        picture, info = self._picture, self._info
        if _is_planar_yuv(picture.format) and not info.is_rgb:
            samples, turn = self._stored, info.turn
            coded = _Coding(picture.format.components[0].bits, info.colour.full_range)
        else:
            pixel_format = canvas.pixel_format.replace("yuva", "yuv")
            made = to_planar(picture, info, pixel_format, full_range=canvas.full_range)
            samples, turn = [upload(plane_array(made, index), self._device) for index in range(3)], Turn()
            coded = _Coding(canvas.bits, canvas.full_range)
        wanted = _Coding(canvas.bits, canvas.full_range)
        planes = []
        for index, plane in enumerate(samples):
            height, width = _inner(canvas, info, index)
            stored = (width, height) if turn.swaps_sides else (height, width)
            sized = resampled(coded.turned_into(wanted, plane, index), stored, from_left=info.chroma_from_left)
            turned = torch.rot90(sized, turn.quarters, (0, 1))
            planes.append(padded(turned.flip(1) if turn.mirror else turned, canvas.plane_shape(index)))
        return planes

    @cached_property
    def _stored(self) -> list[Tensor]:
        return [upload(plane_array(self._picture, index), self._device) for index in range(3)]


class _Coding(NamedTuple):
    """What the samples of a plane mean (ITU-T H.273 section 8.3)."""

    bits: int
    full_range: bool

    def turned_into(self, other: "_Coding", plane: Tensor, index: int) -> Tensor:
        if self == other:
            return plane
        (zero, span), (new_zero, new_span) = self._scale(index), other._scale(index)
        return (plane - zero) * (new_span / span) + new_zero

    def _scale(self, index: int) -> tuple[float, float]:
        """The sample that means 0, and how many steps lie between it and 1."""
        unit = 1 << (self.bits - 8)
        if index == 0:
            return (0.0, float((1 << self.bits) - 1)) if self.full_range else (16.0 * unit, 219.0 * unit)
        return 128.0 * unit, float((255 if self.full_range else 224) * unit)


def download(planes: Sequence[Tensor], depths: Sequence[int], out: av.VideoFrame) -> None:
    """Round planes float32 (H, W) and write them into a frame, once the device has computed them.

    Args:
        planes: of the frame's sizes; values out of range become the least or largest.
        depths: bits of a sample, one a plane.
        out: takes them.
    """
    on_cuda = planes[0].device.type == "cuda"
    staged = []
    for plane, bits in zip(planes, depths, strict=True):
        rounded = (plane + 0.5).clamp_(0, (1 << bits) - 1)
        whole = rounded.to(torch.uint8) if bits <= 8 else rounded.to(torch.int32).to(torch.int16)
        home = torch.empty(whole.shape, dtype=whole.dtype, pin_memory=on_cuda)
        staged.append(home.copy_(whole, non_blocking=on_cuda))
    if on_cuda:
        # Waited for without keeping a core busy.
        arrived = torch.cuda.Event(blocking=True)
        arrived.record()
        arrived.synchronize()
    for index, home in enumerate(staged):
        samples = home.numpy()
        plane_array(out, index)[:] = samples.view(np.uint16) if samples.dtype == np.int16 else samples


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
