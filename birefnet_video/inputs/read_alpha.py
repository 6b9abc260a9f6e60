"""Mattes read back from video files."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from birefnet_video.colour.convert import integral, plane_array, stored_alpha
from birefnet_video.inputs.opening import open_input
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.inputs.vp9 import decode_with_alpha

#: Black and white of limited range at 8 bits.
_BLACK, _WHITE = 16, 235
#: FFmpeg's number for full range.
_FULL = 2


def read_mattes(path: Path) -> Iterator[np.ndarray]:
    """The alpha of every frame, or its brightness where the video has no alpha: float32 (H, W) in [0, 1].

    Raises:
        NotAVideo, InputMissing: as for any input.
    """
    with open_input(path) as container:
        for picture in decode_with_alpha(container, video_stream(container, path)):
            yield matte_of(picture)


def matte_of(picture: av.VideoFrame) -> np.ndarray:
    """The alpha of a frame, or its brightness where it has none: float32 (H, W) in [0, 1]."""
    if picture.format.name in ("grayf32le", "grayf16le"):
        return plane_array(picture, 0).astype(np.float32).clip(0, 1)
    picture = integral(picture)
    alpha = stored_alpha(picture)
    # Every palette has alpha, most of them none that shows.
    if alpha is not None and not (picture.format.name == "pal8" and alpha.min() == 1):
        return alpha
    components = picture.format.components
    if picture.format.is_rgb or not components[0].is_luma:
        return _scaled(picture.to_ndarray(format="rgb24")[..., 1], 8)
    bits = components[0].bits
    is_grey = len(components) == 1
    luma = plane_array(picture.reformat(format="gray16le") if picture.format.is_big_endian else picture, 0)
    if is_grey or picture.color_range == _FULL or picture.format.name.startswith("yuvj"):
        return _scaled(luma, bits)
    scale = 1 << (bits - 8)
    return ((luma.astype(np.float32) - _BLACK * scale) / ((_WHITE - _BLACK) * scale)).clip(0, 1)


def _scaled(samples: np.ndarray, bits: int) -> np.ndarray:
    return samples.astype(np.float32) / ((1 << bits) - 1)
