"""What an input holds, before anything is decoded in earnest."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.stream
from av.stream import Disposition

from birefnet_video.colour.convert import has_alpha, integral, stored_alpha
from birefnet_video.defaults import LATE_SOUND_S
from birefnet_video.errors import NotAVideo, UsageError
from birefnet_video.inputs.boxes import clean_aperture, shown_until
from birefnet_video.inputs.matroska import crop_of
from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.inputs.picture_headers import turn_of
from birefnet_video.inputs.sequence import find_sequence, open_picture, path_of
from birefnet_video.inputs.side_data import side_data
from birefnet_video.inputs.timecode import timecode_in
from birefnet_video.inputs.turning import read_turn
from birefnet_video.inputs.vp9 import has_hidden_alpha
from birefnet_video.types import DEFAULT_LIMITS, Chapter, ColourTags, Cut, Limits, MediaInfo, PictureSequence, Turn

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
#: Pictures of a sequence of which one must be whole.
_PROBE_PICTURES = 100
#: Packets that may pass before the first picture comes out.
_PROBE_PACKETS = 500


def probe(
    path: Path, frame_rate: Fraction | None = None, limits: Limits = DEFAULT_LIMITS, video_track: int | None = None
) -> MediaInfo:
    """Look into a file or an image sequence, up to its first picture.

    Args:
        path: of the file, or the sequence's name with ``%d``.
        frame_rate: of a sequence; ``None``: the default one.
        limits: what is refused.
        video_track: number of the track to take, from 1; ``None``: the one that is marked as default, or the first.

    Raises:
        InputMissing: if it is missing or not readable.
        NotAVideo: if it is no media file, has no video, no picture, too large ones, or lasts too long.
        UsageError: if it has no such track.
    """
    sequence = find_sequence(path, frame_rate)
    if sequence is not None:
        return _probe_sequence(path, sequence, limits)
    with open_input(path, limits) as container:
        info = _look(path, container, limits, video_track)
    if info.duration_s is not None:
        limits.check_duration(path, info.duration_s)
    return replace(info, has_awkward_sound=has_awkward_sound(path))


def _probe_sequence(path: Path, sequence: PictureSequence, limits: Limits) -> MediaInfo:
    """What the first picture tells that can be decoded."""
    refused: NotAVideo | None = None
    for number in sequence.numbers[:_PROBE_PICTURES]:
        try:
            with open_picture(sequence, number, limits) as container:
                info = _look(path_of(sequence, number), container, limits)
            info = as_turned(info, turn_of(path_of(sequence, number).read_bytes()))
        except OSError as error:
            refused = refused or NotAVideo(f"{path_of(sequence, number)}: cannot be read: {error.strerror}")
            continue
        except NotAVideo as error:
            refused = refused or error
            continue
        duration = (sequence.tick_of(sequence.last_number) + 1) / sequence.rate
        limits.check_duration(path, duration)
        return replace(
            info,
            path=str(path),
            sequence=sequence,
            time_base=1 / sequence.rate,
            frame_rate=sequence.rate,
            frame_count=len(sequence.numbers),
            duration_s=float(duration),
        )
    assert refused is not None  # a sequence has a picture
    raise refused


def as_turned(info: MediaInfo, turn: Turn) -> MediaInfo:
    """The same of pictures that are turned so."""
    if turn == info.turn:
        return info
    swapped = turn.swaps_sides != info.turn.swaps_sides
    aspect = info.sample_aspect_ratio
    return replace(
        info,
        turn=turn,
        width=info.height if swapped else info.width,
        height=info.width if swapped else info.height,
        sample_aspect_ratio=1 / aspect if swapped else aspect,
    )


def _look(path: Path, container: av.container.InputContainer, limits: Limits, track: int | None = None) -> MediaInfo:
    stream = video_stream(container, path, limits, track)
    limits.check_size(path, stream.codec_context.width, stream.codec_context.height)
    frame = _first_frame(container, stream, path, limits)
    limits.check_size(path, frame.width, frame.height)
    return replace(describe(path, container, stream, frame), limits=limits, video_track=track)


def video_stream(
    container: av.container.InputContainer, path: Path, limits: Limits = DEFAULT_LIMITS, track: int | None = None
) -> av.video.stream.VideoStream:
    """The video stream to take, prepared for decoding.

    Args:
        container: to look into.
        path: of it, to be named.
        limits: of its pictures.
        track: its number among those that are no cover pictures, from 1; ``None``: the default one, or the first.

    Raises:
        NotAVideo: if there is none.
        UsageError: if there is no such track.
    """
    streams = video_tracks(container)
    if not streams:
        what = "sound but no video stream" if container.streams.audio else "no video stream"
        raise NotAVideo(f"{path}: holds {what}")
    if track is not None and not 1 <= track <= len(streams):
        raise UsageError(f"--video-track: {track}, but {path} has {len(streams)}")
    marked = [stream for stream in streams if stream.disposition & Disposition.default]
    stream = streams[track - 1] if track is not None else (marked or streams)[0]
    if stream.codec_context is None:
        raise NotAVideo(f"{path}: its video has a codec that FFmpeg does not know")
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    return stream


def video_tracks(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """Video streams that are no cover pictures."""
    aside = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & aside]


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


def _first_frame(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, path: Path, limits: Limits
) -> av.VideoFrame:
    context = stream.codec_context
    # Several would keep the first picture back until each of them has one.
    context.thread_count = 1
    errors: list[str] = []
    packets = demux(container, stream)
    for _ in range(_PROBE_PACKETS):
        try:
            packet = next(packets)
            for frame in packet.decode():
                return integral(frame)  # type: ignore[arg-type]
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            errors.append(error.strerror or "")
            if isinstance(error, av.error.EOFError):
                break
    if not context.width:
        raise NotAVideo(
            f"{path}: its pictures are too large (more than {limits.pixels:,} pixels) or their size is damaged",
            hint="--max-pixels raises the limit",
        )
    reason = f"none of its pictures can be decoded ({errors[0]})" if errors else "it holds no frames"
    raise NotAVideo(f"{path}: has a video stream, but {reason}")


def describe(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    frame: av.VideoFrame,
) -> MediaInfo:
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


def has_awkward_sound(path: Path, cut: Cut | None = None) -> bool:
    """Look at the first seconds: does every sound track begin there, and is it framed as MOV wants it?"""
    with open_input(path) as container:
        waiting = set()
        for stream in container.streams.audio:
            if stream.codec_context is None:
                continue
            if stream.codec_context.name == "aac" and not stream.codec_context.extradata:
                return True
            waiting.add(stream.index)
        first: Fraction | None = None
        if cut is not None:
            seek_before(container, cut)
            first = cut.start
        try:
            for packet in demux(container):
                if packet.dts is None or packet.time_base is None:
                    continue
                time = packet.dts * packet.time_base
                first = time if first is None else first
                if time >= first:
                    waiting.discard(packet.stream.index)
                if not waiting:
                    return False
                if time - first > LATE_SOUND_S:
                    break
        except av.error.FFmpegError:
            pass  # reading proper will come to the same place and report it
        return bool(waiting)


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


def promised_end_s(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float | None:
    """When the picture should end by the header, in seconds, or ``None`` where it does not say."""
    # Matroska's streams have the length of the whole file.
    if stream.duration and stream.time_base is not None and "matroska" not in container.format.name:
        return float((stream.start_time or 0) * stream.time_base + stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = (float(part) for part in tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    if container.duration and not container.streams.audio:
        return container.duration / av.time_base
    return None
