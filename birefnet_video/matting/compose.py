"""From a picture and its alpha to the frames that encoders take."""

import av
import cv2
import numpy as np

from birefnet_video.matting.backdrop import Backdrop, Canvas
from birefnet_video.media.convert import alpha_samples, plane_array, to_deep_rgb, to_planar, to_rgb, to_yuv
from birefnet_video.media.light import scene_light
from birefnet_video.types import Frame, MediaInfo

#: Lines that are blended at once.
_STRIP = 32


def enlarge(alpha: np.ndarray, info: MediaInfo) -> np.ndarray:
    """Alpha float32 (h, w) at the network's size -> (H, W) at the picture's."""
    if alpha.shape == (info.height, info.width):
        return alpha
    return cv2.resize(alpha, (info.width, info.height), interpolation=cv2.INTER_LINEAR)


def extremes(alpha: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value of float32 (H, W)."""
    low, high, _, _ = cv2.minMaxLoc(alpha)
    return low, high


def straight_alpha(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str) -> av.VideoFrame:
    """The picture's own colour, not multiplied, with ``alpha`` (H, W) written exactly.

    Args:
        picture: as decoded.
        alpha: float32 (H, W) in [0, 1], upright.
        info: of the input.
        pixel_format: planar YUV with alpha, such as ``yuva444p10le``.
    """
    opaque = to_planar(picture, info, pixel_format.replace("yuva", "yuv"), full_range=False)
    out = av.VideoFrame(info.width, info.height, pixel_format)
    for index in range(3):
        plane_array(out, index)[:] = plane_array(opaque, index)
    # swscale rounds alpha (0 becomes 2, opaque falls short), so this plane never passes through it.
    plane_array(out, 3)[:] = alpha_samples(alpha, out.format.components[3].bits)
    return out


def straight_rgba(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str) -> av.VideoFrame:
    """The picture's own colour, not multiplied, with ``alpha`` (H, W): packed ``rgba`` or ``rgba64be``."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, pixel_format)
    plane = out.planes[0]
    deep = pixel_format == "rgba64be"
    rows = np.frombuffer(memoryview(plane), ">u2" if deep else np.uint8)
    samples = rows.reshape(-1, plane.line_size // rows.itemsize)[:height, : width * 4].reshape(height, width, 4)
    samples[..., :3] = (to_deep_rgb if deep else to_rgb)(picture, info, (height, width))
    samples[..., 3] = alpha_samples(alpha, 16 if deep else 8)
    return out


def straight_light(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, pixel_format: str) -> av.VideoFrame:
    """The picture's light, linear and not multiplied, with ``alpha`` (H, W): planar float, as EXR has it."""
    out = av.VideoFrame(info.width, info.height, pixel_format)
    light = scene_light(to_deep_rgb(picture, info, alpha.shape), info.colour, is_rgb=info.is_rgb)
    for index, samples in enumerate((light[..., 1], light[..., 2], light[..., 0], alpha)):
        plane_array(out, index)[:] = samples
    return out


#: What makes straight alpha in other formats than planar YUV.
STRAIGHT = {"rgba": straight_rgba, "rgba64be": straight_rgba, "gbrapf32le": straight_light}


def grey_matte(alpha: np.ndarray, pixel_format: str) -> av.VideoFrame:
    """The matte alone, grey of full range."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, pixel_format)
    bits = out.format.components[0].bits
    plane_array(out, 0)[:] = alpha if pixel_format == "grayf32le" else alpha_samples(alpha, bits)
    return out


def foreground(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, canvas: Canvas) -> av.VideoFrame:
    """The subject's own colour, freed from the background's under soft edges; opaque.

    Args:
        picture: as decoded.
        alpha: float32 (H, W) in [0, 1], upright.
        info: of the input.
        canvas: size and format of the result.
    """
    # Brings torch along, which only the network needs otherwise.
    from birefnet_video.model.foreground import estimate_foreground

    coded = to_deep_rgb(picture, info, alpha.shape).astype(np.float32) / np.float32(65535)
    own = (estimate_foreground(coded, alpha) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    missing = (canvas.height - own.shape[0], canvas.width - own.shape[1])
    own = np.pad(own, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    deep = av.VideoFrame.from_ndarray(own, "rgb48le")
    return to_yuv(deep, info, canvas.pixel_format, full_range=canvas.full_range)


def over(frame: Frame, alpha: np.ndarray, info: MediaInfo, canvas: Canvas, backdrop: Backdrop) -> av.VideoFrame:
    """The subject over a background, planar YUV in the source's matrix, sides grown by repeating the last line.

    Blending YUV samples equals blending RGB values, because the matrix is linear; so nothing is converted twice.

    Args:
        frame: as decoded.
        alpha: float32 (H, W) in [0, 1], upright.
        info: of the input.
        canvas: size and format of the result.
        backdrop: gives the background's planes.
    """
    source = to_planar(frame.picture, info, canvas.pixel_format, full_range=canvas.full_range)
    planes = [_pad(plane_array(source, index), *canvas.plane_shape(index)) for index in range(3)]
    luma_alpha = _pad(alpha, *canvas.plane_shape(0))
    chroma_alpha = cv2.resize(luma_alpha, canvas.plane_shape(1)[::-1], interpolation=cv2.INTER_AREA)
    behind = backdrop.planes(frame.meta, planes, luma_alpha, chroma_alpha)
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
