"""Between av's frames and arrays, with the colour arithmetic that the tags ask for."""

import re

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from birefnet_video.colour.transfer import from_light, from_sdr, needs_mapping, to_sdr
from birefnet_video.types import ColourTags, MediaInfo

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
_BT709 = 1
_ALPHA_PLANE = 3
_NONE = Interpolation(0)
#: Red and blue weights of luma, by code point.
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_LUMA_WEIGHTS_601 = (0.299, 0.114)


def matrix_of(colour: ColourTags) -> Colorspace:
    """swscale's name of the matrix."""
    return _MATRICES.get(colour.matrix, Colorspace.ITU601)


def _range_of(full: bool) -> ColorRange:
    return ColorRange.JPEG if full else ColorRange.MPEG


def to_rgb(picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int], *, exact: bool = False) -> np.ndarray:
    """The upright picture at ``size`` (height, width) in sRGB, uint8 (height, width, 3), antialiased.

    Up to 3 levels too dark, unless it is to be ``exact``, which takes three times as long.
    """
    if needs_mapping(info.colour):
        return to_sdr(to_deep_rgb(picture, info, size), info.colour)
    return _packed(picture, info, size, "rgb24", Interpolation.FULL_CHR_H_INT if exact else _NONE)


def to_deep_rgb(picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int]) -> np.ndarray:
    """The same, uint16 (height, width, 3), with the coded values of the source: HDR stays HDR."""
    return _packed(picture, info, size, "rgb48le")


def _packed(
    picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int], pixel_format: str, more: Interpolation = _NONE
) -> np.ndarray:
    height, width = reversed(size) if info.turn.swaps_sides else size
    rgb = picture.reformat(
        width=width,
        height=height,
        format=pixel_format,
        src_colorspace=None if info.is_rgb else matrix_of(info.colour),
        src_color_range=None if info.is_rgb else _range_of(info.colour.full_range),
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | more,
    )
    return np.ascontiguousarray(info.turn.apply(rgb.to_ndarray()))


def to_planar(picture: av.VideoFrame, info: MediaInfo, pixel_format: str, *, full_range: bool) -> av.VideoFrame:
    """The upright picture as planar YUV in the source's own matrix; only depth, range and subsampling change."""
    matrix = matrix_of(info.colour)
    # Quarter turns make 4:4:0 of 4:2:2: turned with all its chroma, and thinned out afterwards.
    whole = pixel_format.replace("422", "444") if info.turn.swaps_sides else pixel_format
    planar = picture.reformat(
        format=whole,
        src_colorspace=None if info.is_rgb else matrix,
        dst_colorspace=matrix,
        src_color_range=None if info.is_rgb else _range_of(info.colour.full_range),
        dst_color_range=_range_of(full_range),
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
    )
    upright = _turned(planar, info) if info.turn.quarters or info.turn.mirror else planar
    if whole == pixel_format:
        return upright
    kept = {"src_colorspace": matrix, "dst_colorspace": matrix, "src_color_range": _range_of(full_range)}
    return upright.reformat(format=pixel_format, dst_color_range=_range_of(full_range), **kept)


def to_yuv(picture: av.VideoFrame, info: MediaInfo, pixel_format: str, *, full_range: bool) -> av.VideoFrame:
    """An RGB picture as planar YUV in the matrix of ``info``."""
    return picture.reformat(
        format=pixel_format, dst_colorspace=matrix_of(info.colour), dst_color_range=_range_of(full_range)
    )


def _turned(planar: av.VideoFrame, info: MediaInfo) -> av.VideoFrame:
    out = av.VideoFrame(info.width, info.height, planar.format.name)
    for index in range(len(out.planes)):
        plane_array(out, index)[:] = info.turn.apply(plane_array(planar, index))
    return out


def integral(picture: av.VideoFrame) -> av.VideoFrame:
    """A picture of floating-point light, as EXR has it, coded by BT.709 in 16 bits; any other one as it is.

    Light beyond 1 is cut off.
    """
    name = picture.format.name
    match = re.fullmatch(r"(gray|gbrap?)f(16|32)(le|be)", name)
    if match is None:
        return picture
    kind, bits, order = match.groups()
    out = av.VideoFrame(picture.width, picture.height, f"{kind}16le")
    planes = [_floats(plane, f"{'<' if order == 'le' else '>'}f{int(bits) // 8}") for plane in picture.planes]
    alpha = planes[_ALPHA_PLANE] if kind == "gbrap" else None
    for index, light in enumerate(planes):
        if alpha is not None and index != _ALPHA_PLANE:
            # EXR's light is multiplied by alpha, by its specification.
            light = np.divide(light, alpha, out=light, where=alpha > 0).clip(0, 1)
        coded = light if index == _ALPHA_PLANE else from_light(light, _BT709)
        plane_array(out, index)[:] = alpha_samples(coded.astype(np.float32), 16)
    out.pts, out.time_base = picture.pts, picture.time_base
    if picture.duration:
        out.duration = picture.duration
    out.color_trc = _BT709
    return out


def _floats(plane: "av.video.plane.VideoPlane", dtype: str) -> np.ndarray:
    samples = np.frombuffer(memoryview(plane), dtype)
    values = samples[: plane.height * (plane.line_size // samples.itemsize)].reshape(plane.height, -1)
    return np.nan_to_num(values[:, : plane.width].astype(np.float32)).clip(0, 1)


def has_alpha(pixel_format: av.VideoFormat) -> bool:
    """Whether frames of a format carry alpha of their own."""
    return pixel_format.name == "pal8" or any(component.is_alpha for component in pixel_format.components)


def own_alpha(picture: av.VideoFrame, info: MediaInfo) -> np.ndarray | None:
    """The upright alpha that a picture brings along, float32 (H, W) in [0, 1]; ``None`` if all of it is opaque."""
    alpha = stored_alpha(picture)
    # Room for alpha is no alpha: renderers and palettes have it for pictures that hide nothing.
    if alpha is None or alpha.min() == 1:
        return None
    return np.ascontiguousarray(info.turn.apply(alpha))


def stored_alpha(picture: av.VideoFrame) -> np.ndarray | None:
    """The alpha of a picture of integers as it is stored, float32 (H, W) in [0, 1]; ``None`` if it has none."""
    components = picture.format.components
    if not has_alpha(picture.format):
        return None
    if picture.format.is_planar and len(picture.planes) == len(components) and not picture.format.is_big_endian:
        samples, bits = plane_array(picture, len(components) - 1), components[-1].bits
    else:
        # The same layout for all that is packed: alpha is moved, not scaled.
        deep = components[0].bits > 8
        samples = picture.reformat(format="rgba64le" if deep else "rgba").to_ndarray()[..., 3]
        bits = 16 if deep else 8
    return samples.astype(np.float32) / np.float32((1 << bits) - 1)


def plane_array(picture: av.VideoFrame, index: int) -> np.ndarray:
    """The samples of plane ``index``, uint8, uint16 or float32 (height, width), not padded; writes go to the frame."""
    plane = picture.planes[index]
    bits = picture.format.components[0].bits
    order = ">" if picture.format.is_big_endian else "<"
    kind = "f" if re.search(r"f(16|32)", picture.format.name) else "u"
    dtype = np.dtype(np.uint8 if bits <= 8 else f"{order}{kind}{2 if bits <= 16 else 4}")
    samples = np.frombuffer(memoryview(plane), dtype)
    return samples[: plane.height * (plane.line_size // samples.itemsize)].reshape(plane.height, -1)[:, : plane.width]


def alpha_samples(alpha: np.ndarray, bits: int) -> np.ndarray:
    """float32 in [0, 1] -> integers that use the whole range of ``bits``; 0 and 1 are exact."""
    top = (1 << bits) - 1
    scaled = alpha * np.float32(top) + np.float32(0.5)
    return scaled.astype(np.uint8 if bits <= 8 else np.uint16)


def luma_weights(colour: ColourTags) -> tuple[float, float]:
    """Red's and blue's share of luma."""
    return _LUMA_WEIGHTS.get(colour.matrix, _LUMA_WEIGHTS_601)


def solid_yuv(
    rgb: tuple[int, int, int], colour: ColourTags, bits: int, *, full_range: bool
) -> tuple[float, float, float]:
    """An sRGB colour as YUV sample values of ``bits``, by the equations of ITU-T H.273 sections 8.2 and 8.3."""
    red_weight, blue_weight = luma_weights(colour)
    red, green, blue = (float(value) for value in from_sdr(np.array(rgb) / 255, colour))
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    cb, cr = (blue - luma) / (2 * (1 - blue_weight)), (red - luma) / (2 * (1 - red_weight))
    unit = 1 << (bits - 8)
    if full_range:
        top = (1 << bits) - 1
        return luma * top, cb * top + 128 * unit, cr * top + 128 * unit
    return (16 + 219 * luma) * unit, (128 + 224 * cb) * unit, (128 + 224 * cr) * unit
