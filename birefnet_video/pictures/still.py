"""A single picture as what a video's frames are."""

from fractions import Fraction

import av
import numpy as np

from birefnet_video.types import ColourTags, Frame, FrameMeta, MediaInfo, Turn

#: As of a picture file without tags: its planes, where it gets some, are BT.709's.
_UNTAGGED = ColourTags(matrix=1)
_TICK = Fraction(1, 25)


def still(rgb: np.ndarray) -> tuple[Frame, MediaInfo]:
    """A picture, uint8 or uint16 (H, W, 3) RGB, as a frame and what is to be known of it."""
    height, width = rgb.shape[:2]
    pixel_format = "rgb24" if rgb.itemsize == 1 else "rgb48le"
    info = MediaInfo(
        path="",
        width=width,
        height=height,
        coded_width=width,
        coded_height=height,
        pixel_format=pixel_format,
        time_base=_TICK,
        frame_rate=1 / _TICK,
        duration_s=None,
        frame_count=1,
        turn=Turn(),
        sample_aspect_ratio=Fraction(1),
        colour=_UNTAGGED,
        bit_depth=8 * rgb.itemsize,
        is_rgb=True,
        audio_tracks=0,
        has_awkward_sound=False,
        starts_before_zero=False,
    )
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), pixel_format)
    return Frame(FrameMeta(0, 0, _TICK), picture), info
