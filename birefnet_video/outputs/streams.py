"""What a container is told before its first packet: its options, its video stream, its chapters."""

from fractions import Fraction
from typing import cast

import av
import av.container
import av.video.stream

from birefnet_video.colour.transfer import needs_mapping
from birefnet_video.defaults import KEYFRAME_EVERY_MS
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.types import FrameMeta, MediaInfo

#: Frames of a second that a timecode can count.
_MOST_TIMECODE_FRAMES = 255
#: Tags of phones and cameras.
_QUICKTIME = ("com.apple.", "com.android.")
#: Resolution of chapters' times.
_CHAPTER_TICK = Fraction(1, 1_000_000)
#: The same samples in two layouts.
_PLANAR_10, _P010 = "yuv420p10le", "p010le"


def add_video(
    container: av.container.OutputContainer,
    encoding: Encoding,
    info: MediaInfo,
    pixel_format: str,
    size: tuple[int, int],
) -> av.video.stream.VideoStream:
    """Add the video stream of an encoding.

    Args:
        container: takes it.
        encoding: codec and its options.
        info: of the input.
        pixel_format: of the frames that will come.
        size: their width and height.
    """
    rate = min(info.frame_rate, Fraction(encoding.highest_rate or info.frame_rate))
    stream = cast(
        av.video.stream.VideoStream,
        container.add_stream(encoding.codec, rate=rate, options=dict(encoding.options)),
    )
    stream.width, stream.height = size
    stream.pix_fmt = _P010 if encoding.semi_planar and pixel_format == _PLANAR_10 else pixel_format
    stream.time_base = info.time_base
    context = stream.codec_context
    if encoding.tag:
        context.codec_tag = encoding.tag
    context.time_base = info.time_base
    context.framerate = rate
    context.thread_type = "AUTO"
    if encoding.threads:
        context.thread_count = encoding.threads
    if encoding.needs_even_sides or encoding.container in ("mov", "mp4"):
        context.gop_size = max(1, round(info.frame_rate * KEYFRAME_EVERY_MS / 1000))
    context.sample_aspect_ratio = info.sample_aspect_ratio
    _tag_colour(context, encoding, info)
    if info.timecode and has_timecodes(encoding) and counts_timecode(info):
        stream.metadata["timecode"] = info.timecode
    return stream


def has_timecodes(encoding: Encoding) -> bool:
    """Whether there is a place for them in its container."""
    return encoding.container in ("mov", "mp4", "matroska")


def counts_timecode(info: MediaInfo) -> bool:
    """Whether a timecode can count the input's frames."""
    return info.frame_rate <= _MOST_TIMECODE_FRAMES


def _tag_colour(context: "av.video.codeccontext.VideoCodecContext", encoding: Encoding, info: MediaInfo) -> None:
    full = encoding.full_range or (encoding.follows_source_range and info.colour.full_range)
    context.color_range = 2 if full else 1
    # Without tags a PNG means sRGB; those of SDR video would make browsers show it brighter or darker.
    if encoding.is_matte or encoding.is_id_mask or (encoding.container == "apng" and not needs_mapping(info.colour)):
        return
    context.color_primaries = info.colour.primaries
    context.color_trc = info.colour.transfer
    context.colorspace = info.colour.matrix


def container_options(encoding: Encoding, info: MediaInfo, *, with_sound: bool) -> dict[str, str]:
    """The encoding's own, as far as the muxer can combine them with this input."""
    options = dict(encoding.container_options)
    if with_sound and info.has_awkward_sound:
        for name in ("movflags", "min_frag_duration"):
            options.pop(name, None)
    if encoding.container in ("mov", "mp4") and any(key.startswith(_QUICKTIME) for key, _ in info.tags):
        # The usual tags of these containers have no place for a phone's make, model, place and date.
        options["movflags"] = options.get("movflags", "") + "+use_metadata_tags"
    if encoding.container in ("matroska", "webm") and info.sample_aspect_ratio != 1:
        # What is written into the header afterwards would make its checksums wrong.
        options["write_crc32"] = "0"
    return options


def chapters_of(info: MediaInfo) -> "list[av.container.core.Chapter]":
    return [
        {
            "id": number,
            "start": round(chapter.start / _CHAPTER_TICK),
            "end": round(chapter.end / _CHAPTER_TICK),
            "time_base": _CHAPTER_TICK,
            "metadata": dict(chapter.tags),
        }
        for number, chapter in enumerate(info.chapters)
    ]


def label(picture: av.VideoFrame, meta: FrameMeta, context: "av.video.codeccontext.VideoCodecContext") -> None:
    """Give a frame its time, and the colours that its encoder writes.

    Args:
        picture: gets them.
        meta: its time.
        context: of the encoder.
    """
    picture.pts, picture.time_base = meta.pts, meta.time_base
    if meta.duration is not None:
        picture.duration = meta.duration
    picture.colorspace, picture.color_range = context.colorspace, context.color_range
    # prores_ks takes these two from the frame and not from the context.
    picture.color_primaries, picture.color_trc = context.color_primaries, context.color_trc
