"""A frame of an output as somebody sees it who looks at the file."""

from dataclasses import replace

import av
import numpy as np

from birefnet_video.colour.convert import to_rgb
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.types import MediaInfo, Turn


def as_seen(
    picture: av.VideoFrame, canvas: Canvas, info: MediaInfo, size: tuple[int, int], *, exact: bool = False
) -> np.ndarray:
    """
    Args:
        picture: a frame of an output.
        canvas: of the output.
        info: of the input.
        size: height and width of what is wanted.
        exact: as of :func:`to_rgb`.

    Returns:
        uint8 (H, W, 3), sRGB.
    """
    is_rgb = av.VideoFormat(canvas.pixel_format).is_rgb
    colour = replace(info.colour, full_range=canvas.full_range)
    return to_rgb(picture, replace(info, turn=Turn(), is_rgb=is_rgb, colour=colour), size, exact=exact)
