"""Mattes read back from video files."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from birefnet_video.media.convert import plane_array
from birefnet_video.media.opening import open_input
from birefnet_video.media.probe import video_stream
from birefnet_video.media.vp9 import decode_with_alpha

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
            yield _matte(picture)


def _matte(picture: av.VideoFrame) -> np.ndarray:
    components = picture.format.components
    alpha = next((i for i, component in enumerate(components) if component.is_alpha), None)
    if alpha is not None:
        if picture.format.is_planar and len(picture.planes) == len(components):
            return _scaled(plane_array(picture, alpha), components[alpha].bits)
        return _scaled(picture.to_ndarray(format="rgba")[..., 3], 8)
    if picture.format.is_rgb or not components[0].is_luma:
        return _scaled(picture.to_ndarray(format="rgb24")[..., 1], 8)
    bits = components[0].bits
    luma = plane_array(picture, 0)
    is_grey = len(components) == 1
    if is_grey or picture.color_range == _FULL or picture.format.name.startswith("yuvj"):
        return _scaled(luma, bits)
    scale = 1 << (bits - 8)
    return ((luma.astype(np.float32) - _BLACK * scale) / ((_WHITE - _BLACK) * scale)).clip(0, 1)


def _scaled(samples: np.ndarray, bits: int) -> np.ndarray:
    return samples.astype(np.float32) / ((1 << bits) - 1)
