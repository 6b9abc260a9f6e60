"""What the headers of a container and its first picture say, as :class:`MediaInfo`."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.video.stream

from birefnet_video.colour.convert import has_alpha, stored_alpha
from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.boxes import clean_aperture, shown_until
from birefnet_video.inputs.matroska import crop_of
from birefnet_video.inputs.side_data import side_data
from birefnet_video.inputs.timecode import timecode_in
from birefnet_video.inputs.tracks import video_tracks
from birefnet_video.inputs.turning import read_turn
from birefnet_video.inputs.vp9 import has_hidden_alpha
from birefnet_video.types import Chapter, ColourTags, MediaInfo

_UNSPECIFIED = 2
_BT709, _BT601, _BT2020 = 1, 6, 9
#: An untagged picture of at most these lines and fewer than these columns is standard definition and means BT.601.
_SD_HEIGHT, _HD_WIDTH = 576, 1280
#: Containers of streams, whose clocks begin anywhere.
_WITHOUT_ZERO = {"mpegts", "mpeg"}
_FULL_RANGE = 2
#: Decoders of standards that put chroma there unless a stream says otherwise; swscale follows them.
_CHROMA_FROM_LEFT = {"h264", "hevc", "mpeg4", "mpeg2video"}
#: Tags that are about the file and not about what it shows.
_TECHNICAL_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
#: Frames a second beyond which a guess is none, and what is taken for a stream that states none.
_LOWEST_RATE, _HIGHEST_RATE, _USUAL_RATE = Fraction(1, 1000), 1000, Fraction(25)
#: Seconds of a tick beyond which a clock is damaged rather than slow.
_LONGEST_TICK_S = 600


def describe(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    frame: av.VideoFrame,
) -> MediaInfo:
    """What a container, its video stream and its first picture say.

    Raises:
        NotAVideo: if the stream's clock is damaged.
    """
    context = stream.codec_context
    data = side_data(frame, context.codec.canonical_name)
    turn = read_turn(data)
    width, height = frame.width, frame.height
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    rate = Fraction(stream.guessed_rate or stream.average_rate or _USUAL_RATE)
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE and stream.average_rate:
        # Not a rate but the clock's, or damaged.
        rate = Fraction(stream.average_rate)
    if rate < _LOWEST_RATE:
        rate = _USUAL_RATE
    if stream.time_base is not None and stream.time_base > _LONGEST_TICK_S:
        raise NotAVideo(f"{path}: its header is damaged: one tick of its clock lasts {float(stream.time_base):.0f} s")
    duration_s = _duration_s(path, container, stream)
    promised = _promised_frames(container, stream)
    component = frame.format.components[0]
    is_rgb = frame.format.is_rgb or frame.format.name.startswith(("pal", "gbr"))
    return MediaInfo(
        path=str(path),
        width=height if turn.swaps_sides else width,
        height=width if turn.swaps_sides else height,
        coded_width=width,
        coded_height=height,
        pixel_format=frame.format.name,
        time_base=stream.time_base or 1 / rate,
        frame_rate=rate,
        duration_s=duration_s,
        frame_count=promised or _guessed_count(stream, duration_s, rate),
        turn=turn,
        sample_aspect_ratio=1 / aspect if turn.swaps_sides else aspect,
        colour=_read_colour(context, frame, is_rgb=is_rgb),
        bit_depth=component.bits,
        is_rgb=is_rgb,
        audio_tracks=sum(audio.codec_context is not None for audio in container.streams.audio),
        has_awkward_sound=False,
        starts_before_zero=(frame.pts or 0) < 0,
        start=Fraction(container.start_time or 0, av.time_base),
        first_picture=(frame.pts or 0) * (stream.time_base or Fraction(0)),
        tags=tuple((key, value) for key, value in container.metadata.items() if key.lower() not in _TECHNICAL_TAGS),
        chapters=_chapters(container),
        timecode=timecode_in(stream.metadata) or timecode_in(container.metadata),
        subtitle_tracks=len(container.streams.subtitles),
        has_alpha=bool(_has_alpha(container, stream, frame)),
        chroma_from_left=context.name in _CHROMA_FROM_LEFT,
        has_own_zero=not _WITHOUT_ZERO & set(container.format.name.split(",")),
        notes=tuple(_notes(path, container, stream, data)),
        promised_frames=promised,
    )


def _promised_frames(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int | None:
    """Pictures that an index lists and no edit hides; fragments have none in advance."""
    if "mov" not in container.format.name or not stream.frames:
        return None
    return sum(not entry.is_discard for entry in stream.index_entries) or None


def _guessed_count(stream: av.video.stream.VideoStream, duration_s: float | None, rate: Fraction) -> int | None:
    for name in ("NUMBER_OF_FRAMES", "NUMBER_OF_FRAMES-eng"):
        if (stated := stream.metadata.get(name, "")).isdigit():
            return int(stated)
    return stream.frames or (round(duration_s * (stream.average_rate or rate)) or None if duration_s else None)


def _notes(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    data: Mapping[str, bytes],
) -> Iterator[str]:
    """What is chosen among several, and what is not followed."""
    tracks = video_tracks(container)
    index = tracks.index(stream)
    if len(tracks) > 1:
        sizes = ", ".join(f"{each.width}x{each.height}" for each in tracks)
        yield f"{len(tracks)} video tracks ({sizes}): number {index + 1} is taken (--video-track takes another)"
    stereo = stream.metadata.get("stereo_mode", "mono")
    if stereo != "mono" or any(data.get("STEREO3D", bytes(4))[:4]):
        how = f" ({stereo})" if stereo != "mono" else ""
        yield f"the picture holds two views for both eyes{how}: matted as one, and not marked in the outputs"
    elif "UNKNOWN_29" in data:
        yield "the video has a view for each eye: the first one is matted"
    kept = _cropped(path, container, stream, index)
    if kept is not None:
        whole = f"{stream.width}x{stream.height}"
        yield f"the file asks to show {kept} of its {whole} pixels: all of them are matted and written"


def _cropped(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream, index: int
) -> str | None:
    """The size that a container asks to show, if it is smaller than the picture."""
    if not path.is_file():
        # A stream.
        return None
    if "matroska" in container.format.name:
        crop = crop_of(path, index)
        width = stream.width - crop.get("left", 0) - crop.get("right", 0)
        height = stream.height - crop.get("top", 0) - crop.get("bottom", 0)
    elif "mov" in container.format.name and (shown := clean_aperture(path, index)) is not None:
        width, height = shown
    else:
        return None
    return f"{width}x{height}" if width < stream.width or height < stream.height else None


def _has_alpha(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, frame: av.VideoFrame
) -> bool:
    if container.format.name == "gif" or frame.format.name == "pal8":
        # Every GIF decodes to RGBA, and every palette has room for alpha.
        alpha = stored_alpha(frame)
        return alpha is not None and alpha.min() < 1
    return has_alpha(frame.format) or has_hidden_alpha(stream)


def _chapters(container: av.container.InputContainer) -> tuple[Chapter, ...]:
    return tuple(
        Chapter(
            chapter["start"] * Fraction(chapter["time_base"]),
            chapter["end"] * Fraction(chapter["time_base"]),
            tuple(chapter["metadata"].items()),
        )
        for chapter in container.chapters()
        if chapter["time_base"] is not None
    )


def _duration_s(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> float | None:
    if "mov" in container.format.name and path.is_file() and (end := shown_until(path)):
        # FFmpeg adds up the lengths of packets, which end where the next one is decoded.
        return float(end)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return None


def _read_colour(
    context: "av.video.codeccontext.VideoCodecContext", frame: av.VideoFrame, *, is_rgb: bool
) -> ColourTags:
    matrix = int(frame.colorspace)
    if is_rgb:
        matrix = _BT709
    elif matrix in (_UNSPECIFIED, 0):
        wide = int(frame.color_primaries) == _BT2020
        is_standard = frame.height <= _SD_HEIGHT and frame.width < _HD_WIDTH
        matrix = _BT2020 if wide else _BT601 if is_standard else _BT709
    return ColourTags(
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        matrix=matrix,
        full_range=not is_rgb and (frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE),
    )
