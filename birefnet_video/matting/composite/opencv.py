"""From a picture and its alpha to the frames that encoders take."""

from typing import NamedTuple

import av
import cv2
import numpy as np

from birefnet_video.colour.convert import alpha_samples, plane_array, to_deep_rgb, to_planar, to_rgb, to_yuv
from birefnet_video.colour.transfer import scene_light
from birefnet_video.matting.backdrop import Backdrop, Canvas
from birefnet_video.matting.colours.opencv import Retoucher, Space
from birefnet_video.types import Cutout, MediaInfo

#: Lines that are blended at once.
_STRIP = 32


def guide_of(picture: av.VideoFrame, info: MediaInfo) -> list[np.ndarray]:
    """Luma and chroma uint8, upright, for :func:`birefnet_video.matting.edges.opencv.refine`."""
    planar = to_planar(picture, info, "yuv420p", full_range=info.colour.full_range)
    return [plane_array(planar, index) for index in range(3)]


class Extent(NamedTuple):
    """What is known of the alpha of a frame without looking at it again."""

    low: float
    high: float
    mean: float

    @classmethod
    def of(cls, alpha: np.ndarray) -> "Extent":
        """That of float32 (H, W)."""
        low, high, _, _ = cv2.minMaxLoc(alpha)
        return cls(low, high, cv2.mean(alpha)[0])


def straight_alpha(
    picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str, retoucher: Retoucher
) -> av.VideoFrame:
    """The subject's own colour, not multiplied, with ``alpha`` (H, W) written exactly.

    Args:
        picture: as decoded.
        alpha: float32 (H, W) in [0, 1], upright.
        info: of the input.
        pixel_format: planar YUV with alpha, such as ``yuva444p10le``.
        retoucher: frees soft edges from the background's colour.
    """
    opaque = to_planar(picture, info, pixel_format.replace("yuva", "yuv"), full_range=False)
    out = av.VideoFrame(info.width, info.height, pixel_format)
    for index in range(3):
        plane_array(out, index)[:] = plane_array(opaque, index)
    bits = out.format.components[0].bits
    retoucher.apply([plane_array(out, index) for index in range(3)], alpha, Space(bits, info.colour, full_range=False))
    # swscale rounds alpha (0 becomes 2, opaque falls short), so this plane never passes through it.
    plane_array(out, 3)[:] = alpha_samples(alpha, out.format.components[3].bits)
    return out


def straight_rgba(
    picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str, retoucher: Retoucher
) -> av.VideoFrame:
    """The same as packed ``rgba`` or ``rgba64be``."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, pixel_format)
    plane = out.planes[0]
    deep = pixel_format == "rgba64be"
    rows = np.frombuffer(memoryview(plane), ">u2" if deep else np.uint8)
    samples = rows.reshape(-1, plane.line_size // rows.itemsize)[:height, : width * 4].reshape(height, width, 4)
    rgb = to_deep_rgb(picture, info, alpha.shape) if deep else to_rgb(picture, info, (height, width), exact=True)
    samples[..., :3] = retouched(rgb, alpha, retoucher)
    samples[..., 3] = alpha_samples(alpha, 16 if deep else 8)
    return out


def multiplied_light(
    picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str, retoucher: Retoucher
) -> av.VideoFrame:
    """Linear light multiplied by alpha, as EXR has it by its specification: planar float."""
    out = av.VideoFrame(info.width, info.height, pixel_format)
    rgb = retouched(to_deep_rgb(picture, info, alpha.shape), alpha, retoucher)
    light = scene_light(rgb, info.colour, is_rgb=info.is_rgb) * alpha[..., None]
    for index, samples in enumerate((light[..., 1], light[..., 2], light[..., 0], alpha)):
        plane_array(out, index)[:] = samples
    return out


def retouched(rgb: np.ndarray, alpha: np.ndarray, retoucher: Retoucher) -> np.ndarray:
    """A picture (H, W, 3) of whole numbers after a retoucher."""
    if not retoucher.changes_anything:
        return rgb
    planes = list(cv2.split(rgb))
    retoucher.apply(planes, alpha, Space(8 * rgb.itemsize))
    return cv2.merge(planes)


#: What makes frames with alpha in other formats than planar YUV.
WITH_ALPHA = {"rgba": straight_rgba, "rgba64be": straight_rgba, "gbrapf32le": multiplied_light}


def grey_matte(alpha: np.ndarray, pixel_format: str) -> av.VideoFrame:
    """The matte alone, grey of full range."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, pixel_format)
    bits = out.format.components[0].bits
    plane_array(out, 0)[:] = alpha if pixel_format == "grayf32le" else alpha_samples(alpha, bits)
    return out


def foreground(
    picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, canvas: Canvas, retoucher: Retoucher
) -> av.VideoFrame:
    """The subject's own colour, freed from the background's under soft edges and continued beyond them; opaque.

    Args:
        picture: as decoded.
        alpha: float32 (H, W) in [0, 1], upright.
        info: of the input.
        canvas: size and format of the result.
        retoucher: takes the light of a screen away.
    """
    # Brings torch along, which only the network needs otherwise.
    from birefnet_video.model.foreground import estimate_foreground

    coded = to_deep_rgb(picture, info, alpha.shape)
    unit = coded.astype(np.float32) / np.float32(65535)
    own = (estimate_foreground(unit, alpha) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    planes = [np.ascontiguousarray(own[..., index]) for index in range(3)]
    retoucher.despill(planes, np.ones_like(alpha), Space(16))
    own = np.stack(planes, -1)
    missing = (canvas.height - own.shape[0], canvas.width - own.shape[1])
    own = np.pad(own, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    deep = av.VideoFrame.from_ndarray(own, "rgb48le")
    return to_yuv(deep, info, canvas.pixel_format, full_range=canvas.full_range)


def over(cutout: Cutout, info: MediaInfo, canvas: Canvas, backdrop: Backdrop, retoucher: Retoucher) -> av.VideoFrame:
    """The subject over a background, planar YUV in the source's matrix, sides grown by repeating the last line.

    Blending YUV samples equals blending RGB values, because the matrix is linear; so nothing is converted twice.

    Args:
        cutout: the frame and its alpha.
        info: of the input.
        canvas: size and format of the result.
        backdrop: gives the background's planes.
        retoucher: frees soft edges from the old background's colour.
    """
    source = to_planar(cutout.frame.picture, info, canvas.pixel_format, full_range=canvas.full_range)
    planes = [_pad(plane_array(source, index), *canvas.plane_shape(index)) for index in range(3)]
    luma_alpha = _pad(cutout.alpha, *canvas.plane_shape(0))
    chroma_alpha = cv2.resize(luma_alpha, canvas.plane_shape(1)[::-1], interpolation=cv2.INTER_AREA)
    behind = backdrop.planes(cutout.frame.meta, planes, luma_alpha, chroma_alpha)
    if retoucher.changes_anything:
        # The decoded picture itself stays as it is: it may have passed through without a conversion.
        planes = [plane.copy() for plane in planes]
        retoucher.apply(planes, luma_alpha, Space(canvas.bits, info.colour, canvas.full_range))
    out = av.VideoFrame(canvas.width, canvas.height, canvas.pixel_format)
    for index, samples in enumerate(planes):
        _blend(samples, behind[index], chroma_alpha if index else luma_alpha, plane_array(out, index))
    return out


def _blend(samples: np.ndarray, behind: "np.ndarray | np.float32", share: np.ndarray, out: np.ndarray) -> None:
    """``samples`` over ``behind``, rounded into ``out``; strip by strip, which stays in the processor's cache."""
    for start in range(0, len(samples), _STRIP):
        strip = slice(start, start + _STRIP)
        back = behind[strip] if isinstance(behind, np.ndarray) and behind.ndim else behind
        mixed = samples[strip] - back
        mixed *= share[strip]
        mixed += back + np.float32(0.5)
        out[strip] = mixed


def even(side: int) -> int:
    """The next even number of pixels: 4:2:0 needs it in some codecs."""
    return side + side % 2


def _pad(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = (height - plane.shape[0], width - plane.shape[1])
    if missing == (0, 0):
        return plane
    return np.pad(plane, ((0, missing[0]), (0, missing[1])), mode="edge")
