"""From a picture and its alpha on a device to the frames that encoders take."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import av
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.adjust.opencv import disc_of
from birefnet_video.matting.backdrop import BLUR_SHRINK, LEAST_SHARE, Backdrop, Canvas, blur_sigma
from birefnet_video.matting.colours.opencv import Space
from birefnet_video.matting.colours.torch import retouched
from birefnet_video.matting.composite.opencv import WITH_ALPHA
from birefnet_video.matting.filters.torch import dilated_by_disc, gaussian, resized
from birefnet_video.matting.source import Source, padded
from birefnet_video.matting.upload import download, upload
from birefnet_video.options.backgrounds import Blur
from birefnet_video.options.matte import ColourSpec, EditSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.types import FrameMeta, MediaInfo


@dataclass(frozen=True, slots=True)
class DeviceCutout:
    """See :class:`birefnet_video.types.Cutout`."""

    meta: FrameMeta
    source: Source
    alpha: Tensor
    """float32 (H, W) in [0, 1], upright, at the picture's size."""


@runtime_checkable
class DeviceComposer(Protocol):
    """Makes the frame of one output."""

    def make(self, cutout: DeviceCutout) -> av.VideoFrame:
        """The frame, in the memory of the CPU."""
        ...


def make_composer(
    output: OutputSpec,
    canvas: Canvas,
    info: MediaInfo,
    colour: ColourSpec,
    backdrop: Backdrop | None,
    device: torch.device,
) -> DeviceComposer | str:
    """What makes the frames of an output, or what it is that is made on the CPU alone.

    Args:
        output: its kind and its background count.
        canvas: of its frames.
        info: of the input.
        colour: how colours are treated.
        backdrop: what lies behind the subject, if it shows that.
        device: that holds what is uploaded.
    """
    if output.kind == "mask":
        return "a mask of floating point" if canvas.pixel_format.endswith("f32le") else _Mask(canvas)
    if output.kind == "foreground":
        return "a foreground"
    if output.kind == "id-mask":
        return "an id mask"
    if output.kind == "alpha" and canvas.pixel_format in WITH_ALPHA:
        return "pictures of RGB"
    if colour.decontaminate == "best":
        return "--decontaminate best"
    if output.kind == "alpha":
        return _Straight(replace(canvas, full_range=False), info, colour)
    if isinstance(output.background, Blur):
        return _Over(canvas, info, colour, _Blurred(blur_sigma(output.background, info.height)))
    assert backdrop is not None  # this output shows one
    return _Over(canvas, info, colour, _Given(backdrop, device))


def edit(alpha: Tensor, spec: EditSpec) -> Tensor:
    """See :func:`birefnet_video.matting.adjust.opencv.edit`."""
    if spec.threshold is not None:
        alpha = (alpha >= spec.threshold).float()
    if spec.mask_offset:
        disc = disc_of(spec.mask_offset)
        alpha = dilated_by_disc(alpha, disc) if spec.mask_offset > 0 else -dilated_by_disc(-alpha, disc)
    if spec.mask_blur:
        alpha = gaussian(alpha, spec.mask_blur)
    return 1 - alpha if spec.invert else alpha


class _Mask:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def make(self, cutout: DeviceCutout) -> av.VideoFrame:
        height, width = cutout.alpha.shape
        out = av.VideoFrame(width, height, self._canvas.pixel_format)
        download([_samples(cutout.alpha, self._canvas.bits)], [self._canvas.bits], out)
        return out


class _Straight:
    """See :func:`birefnet_video.matting.composite.opencv.straight_alpha`."""

    def __init__(self, canvas: Canvas, info: MediaInfo, colour: ColourSpec) -> None:
        self._canvas, self._colour = canvas, colour
        self._space = Space(canvas.bits, info.colour, full_range=False)

    def make(self, cutout: DeviceCutout) -> av.VideoFrame:
        planes = retouched(cutout.source.planes(self._canvas), cutout.alpha, self._space, self._colour)
        out = av.VideoFrame(self._canvas.width, self._canvas.height, self._canvas.pixel_format)
        depths = [component.bits for component in out.format.components]
        download([*planes, _samples(cutout.alpha, depths[3])], depths, out)
        return out


class _Over:
    """See :func:`birefnet_video.matting.composite.opencv.over`."""

    def __init__(self, canvas: Canvas, info: MediaInfo, colour: ColourSpec, behind: "_Blurred | _Given") -> None:
        self._canvas, self._colour, self._behind = canvas, colour, behind
        self._space = Space(canvas.bits, info.colour, canvas.full_range)

    def make(self, cutout: DeviceCutout) -> av.VideoFrame:
        canvas = self._canvas
        planes = cutout.source.planes(canvas)
        luma_alpha = padded(cutout.alpha, canvas.plane_shape(0))
        shares = [luma_alpha, *[resized(luma_alpha, canvas.plane_shape(1))] * 2]
        behind = self._behind.planes(cutout.meta, planes, shares)
        planes = retouched(planes, luma_alpha, self._space, self._colour)
        out = av.VideoFrame(canvas.width, canvas.height, canvas.pixel_format)
        mixed = [back + share * (plane - back) for plane, back, share in zip(planes, behind, shares, strict=True)]
        download(mixed, [canvas.bits] * 3, out)
        return out


class _Given:
    """A background that does not depend on the picture before it: one is uploaded when it changes."""

    def __init__(self, backdrop: Backdrop, device: torch.device) -> None:
        self._backdrop, self._device = backdrop, device
        #: What the backdrop gave last, and its planes on the device.
        self._kept: tuple[object, list[Tensor]] = (None, [])

    def planes(self, meta: FrameMeta, source: list[Tensor], shares: list[Tensor]) -> list[Tensor]:
        nothing = np.empty((0, 0), np.float32)
        given = self._backdrop.planes(meta, [], nothing, nothing)
        kept, planes = self._kept
        if given is not kept:
            planes = [upload(np.atleast_2d(np.asarray(plane, dtype=np.float32)), self._device) for plane in given]
            if self._device.type == "cuda":
                # Other threads' streams use them, too: nobody sees them before they are there.
                torch.cuda.current_stream(self._device).synchronize()
            self._kept = given, planes
        return planes


class _Blurred:
    """See the one of :mod:`birefnet_video.matting.backdrop`."""

    def __init__(self, sigma: float) -> None:
        self._sigma = sigma

    def planes(self, meta: FrameMeta, source: list[Tensor], shares: list[Tensor]) -> list[Tensor]:
        sigmas = (self._sigma, self._sigma / 2, self._sigma / 2)
        return [self._blur(*each) for each in zip(source, shares, sigmas, strict=True)]

    @staticmethod
    def _blur(samples: Tensor, alpha: Tensor, sigma: float) -> Tensor:
        height, width = samples.shape
        shrink = max(1.0, sigma / BLUR_SHRINK)
        size = (max(1, round(height / shrink)), max(1, round(width / shrink)))
        small, share = resized(samples, size), 1 - resized(alpha, size)
        plain, weight = gaussian(small, sigma / shrink), gaussian(share, sigma / shrink)
        visible = gaussian(small * share, sigma / shrink) / weight.clamp(min=LEAST_SHARE)
        trust = (weight / LEAST_SHARE).clamp(max=1)
        blurred = visible * trust + plain * (1 - trust)
        return F.interpolate(blurred[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0]


def _samples(alpha: Tensor, bits: int) -> Tensor:
    """0 and 1 become the least and the largest sample of ``bits``."""
    return alpha * ((1 << bits) - 1)
