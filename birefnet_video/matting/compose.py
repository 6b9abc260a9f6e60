"""From a picture and its alpha to the frames that encoders take."""

import av
import cv2
import numpy as np

from birefnet_video.media.convert import alpha_samples, plane_array, solid_yuv, to_planar
from birefnet_video.types import MediaInfo

#: Codec-friendly pixel formats by depth of the composite.
_COMPOSITE_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}


def enlarge(alpha: np.ndarray, info: MediaInfo) -> np.ndarray:
    """Alpha float32 (h, w) at the network's size -> (H, W) at the picture's."""
    if alpha.shape == (info.height, info.width):
        return alpha
    return cv2.resize(alpha, (info.width, info.height), interpolation=cv2.INTER_LINEAR)


def straight_alpha(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo) -> av.VideoFrame:
    """The picture's own colour, not multiplied, with ``alpha`` (H, W) written exactly: yuva444p10le."""
    opaque = to_planar(picture, info, "yuv444p10le", full_range=False)
    out = av.VideoFrame(info.width, info.height, "yuva444p10le")
    for index in range(3):
        plane_array(out, index)[:] = plane_array(opaque, index)
    # swscale rounds alpha (0 becomes 2, opaque falls short), so this plane never passes through it.
    plane_array(out, 3)[:] = alpha_samples(alpha, 10)
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


def over_colour(picture: av.VideoFrame, alpha: np.ndarray, info: MediaInfo, rgb: tuple[int, int, int]) -> av.VideoFrame:
    """The subject over a solid colour, 4:2:0 in the source's matrix, sides made even by repeating the last line.

    Blending YUV samples equals blending RGB values, because the matrix is linear; so nothing is converted twice.
    """
    full = info.colour.full_range
    source = to_planar(picture, info, composite_format(info), full_range=full)
    bits = source.format.components[0].bits
    width, height = even(info.width), even(info.height)
    out = av.VideoFrame(width, height, source.format.name)
    background = solid_yuv(rgb, info.colour, bits, full_range=full)
    luma_alpha = _pad(alpha, height, width)
    chroma_alpha = cv2.resize(luma_alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for index in range(3):
        share = chroma_alpha if index else luma_alpha
        samples = _pad(plane_array(source, index), *share.shape)
        blended = (samples - np.float32(background[index])) * share + np.float32(background[index] + 0.5)
        plane_array(out, index)[:] = blended.astype(samples.dtype)
    return out


def even(side: int) -> int:
    """The next even number of pixels: 4:2:0 needs it."""
    return side + side % 2


def _pad(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = (height - plane.shape[0], width - plane.shape[1])
    if missing == (0, 0):
        return plane
    return np.pad(plane, ((0, missing[0]), (0, missing[1])), mode="edge")
