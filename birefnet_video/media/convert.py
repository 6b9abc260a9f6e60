"""Between av's frames and arrays, with the colour arithmetic that the tags ask for."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from birefnet_video.types import Colour, MediaInfo

#: Code points of H.273 to swscale's matrices.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
#: Red and blue weights of luma, by code point.
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_LUMA_WEIGHTS_601 = (0.299, 0.114)


def matrix_of(colour: Colour) -> Colorspace:
    """swscale's name of the matrix."""
    return _MATRICES.get(colour.matrix, Colorspace.ITU601)


def _range_of(full: bool) -> ColorRange:
    return ColorRange.JPEG if full else ColorRange.MPEG


def to_rgb(picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int]) -> np.ndarray:
    """The upright picture at ``size`` (height, width), uint8 (height, width, 3) RGB, antialiased."""
    height, width = reversed(size) if info.turn.swaps_sides else size
    rgb = picture.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=None if info.is_rgb else matrix_of(info.colour),
        src_color_range=None if info.is_rgb else _range_of(info.colour.full_range),
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
    )
    return np.ascontiguousarray(info.turn.apply(rgb.to_ndarray()))


def to_planar(picture: av.VideoFrame, info: MediaInfo, pixel_format: str, *, full_range: bool) -> av.VideoFrame:
    """The upright picture as planar YUV in the source's own matrix; only depth, range and subsampling change."""
    matrix = matrix_of(info.colour)
    planar = picture.reformat(
        format=pixel_format,
        src_colorspace=None if info.is_rgb else matrix,
        dst_colorspace=matrix,
        src_color_range=None if info.is_rgb else _range_of(info.colour.full_range),
        dst_color_range=_range_of(full_range),
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
    )
    return _turned(planar, info) if info.turn.quarters or info.turn.mirror else planar


def _turned(planar: av.VideoFrame, info: MediaInfo) -> av.VideoFrame:
    out = av.VideoFrame(info.width, info.height, planar.format.name)
    for index in range(len(out.planes)):
        plane_array(out, index)[:] = info.turn.apply(plane_array(planar, index))
    return out


def plane_array(picture: av.VideoFrame, index: int) -> np.ndarray:
    """The samples of plane ``index``, uint8 or uint16 (height, width), without padding; writes go to the frame."""
    plane = picture.planes[index]
    dtype = np.dtype(np.uint8 if picture.format.components[0].bits <= 8 else "<u2")
    samples = np.frombuffer(memoryview(plane), dtype)
    return samples[: plane.height * (plane.line_size // samples.itemsize)].reshape(plane.height, -1)[:, : plane.width]


def alpha_samples(alpha: np.ndarray, bits: int) -> np.ndarray:
    """float32 in [0, 1] -> integers that use the whole range of ``bits``; 0 and 1 are exact."""
    top = (1 << bits) - 1
    scaled = alpha * np.float32(top) + np.float32(0.5)
    return scaled.astype(np.uint8 if bits <= 8 else np.uint16)


def solid_yuv(rgb: tuple[int, int, int], colour: Colour, bits: int, *, full_range: bool) -> tuple[float, float, float]:
    """An sRGB colour as YUV sample values of ``bits``, by the equations of ITU-T H.273 section 8.3."""
    red_weight, blue_weight = _LUMA_WEIGHTS.get(colour.matrix, _LUMA_WEIGHTS_601)
    red, green, blue = (value / 255 for value in rgb)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    cb, cr = (blue - luma) / (2 * (1 - blue_weight)), (red - luma) / (2 * (1 - red_weight))
    unit = 1 << (bits - 8)
    if full_range:
        top = (1 << bits) - 1
        return luma * top, cb * top + 128 * unit, cr * top + 128 * unit
    return (16 + 219 * luma) * unit, (128 + 224 * cb) * unit, (128 + 224 * cr) * unit
