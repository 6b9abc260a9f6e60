"""From a picture and its alpha to the frames that encoders take."""

import av
import cv2
import numpy as np

from birefnet_video.matting.backdrop import Backdrop, Canvas
from birefnet_video.media.convert import alpha_samples, plane_array, to_planar, to_rgb
from birefnet_video.types import Frame, MediaInfo

#: Codec-friendly pixel formats by depth of the composite.
_COMPOSITE_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}


def enlarge(alpha: np.ndarray, info: MediaInfo) -> np.ndarray:
    """Alpha float32 (h, w) at the network's size -> (H, W) at the picture's."""
    if alpha.shape == (info.height, info.width):
        return alpha
    return cv2.resize(alpha, (info.width, info.height), interpolation=cv2.INTER_LINEAR)


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


def straight_rgba(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo) -> av.VideoFrame:
    """The picture's own colour, not multiplied, with ``alpha`` (H, W): packed RGBA of 8 bits."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, "rgba")
    plane = out.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    samples = rows[:height, : width * 4].reshape(height, width, 4)
    samples[..., :3] = to_rgb(picture, info, (height, width))
    samples[..., 3] = alpha_samples(alpha, 8)
    return out


def grey_matte(alpha: np.ndarray) -> av.VideoFrame:
    """The matte alone, uint8 grey."""
    height, width = alpha.shape
    out = av.VideoFrame(width, height, "gray")
    plane_array(out, 0)[:] = alpha_samples(alpha, 8)
    return out


def composite_format(info: MediaInfo) -> str:
    """4:2:0 at the source's depth: 8 or 10 bits."""
    return _COMPOSITE_FORMATS[8 if info.bit_depth <= 8 else 10]


def over(frame: Frame, alpha: np.ndarray, info: MediaInfo, canvas: Canvas, backdrop: Backdrop) -> av.VideoFrame:
    """The subject over a background, 4:2:0 in the source's matrix, sides grown by repeating the last line.

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
        share = chroma_alpha if index else luma_alpha
        blended = (samples - behind[index]) * share + (behind[index] + np.float32(0.5))
        plane_array(out, index)[:] = blended.astype(samples.dtype)
    return out


def even(side: int) -> int:
    """The next even number of pixels: 4:2:0 needs it in some codecs."""
    return side + side % 2


def _pad(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = (height - plane.shape[0], width - plane.shape[1])
    if missing == (0, 0):
        return plane
    return np.pad(plane, ((0, missing[0]), (0, missing[1])), mode="edge")
