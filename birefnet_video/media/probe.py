"""What an input holds, before anything is decoded in earnest."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
import av.stream
import av.video.stream
import numpy as np

from birefnet_video.defaults import LATE_SOUND_S
from birefnet_video.errors import NotAVideo
from birefnet_video.media.convert import has_alpha, integral, stored_alpha
from birefnet_video.media.opening import demux, open_input, seek_before
from birefnet_video.media.sequence import find_sequence, open_run
from birefnet_video.media.vp9 import has_hidden_alpha
from birefnet_video.types import DEFAULT_LIMITS, Chapter, Colour, Cut, Limits, MediaInfo, Turn

_UNSPECIFIED = 2
_BT709, _BT601, _BT2020 = 1, 6, 9
#: Up to this height an untagged picture is standard definition and means BT.601.
_SD_HEIGHT = 576
_FULL_RANGE = 2
#: Decoders of standards that put chroma there unless a stream says otherwise; swscale follows them.
_CHROMA_FROM_LEFT = {"h264", "hevc", "mpeg4", "mpeg2video"}
#: Tags that are about the file and not about what it shows.
_TECHNICAL_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
#: Seconds of a tick beyond which a clock is damaged rather than slow.
_LONGEST_TICK_S = 600
#: Packets that may pass before the first picture comes out.
_PROBE_PACKETS = 500


def probe(path: Path, frame_rate: Fraction | None = None, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """Look into a file or an image sequence, up to its first picture.

    Args:
        path: of the file, or the sequence's name with ``%d``.
        frame_rate: of a sequence; ``None``: the default one.
        limits: what is refused.

    Raises:
        InputMissing: if it is missing or not readable.
        NotAVideo: if it is no media file, has no video, no picture, too large ones, or lasts too long.
    """
    sequence = find_sequence(path, frame_rate)
    opened = open_input(path, limits) if sequence is None else open_run(sequence, sequence.numbers[0], limits)
    with opened as container:
        stream = video_stream(container, path, limits)
        limits.check_size(path, stream.codec_context.width, stream.codec_context.height)
        frame = _first_frame(container, stream, path, limits)
        limits.check_size(path, frame.width, frame.height)
        info = replace(describe(path, container, stream, frame), limits=limits)
    if info.duration_s is not None:
        limits.check_duration(path, info.duration_s)
    if sequence is None:
        return replace(info, has_awkward_sound=has_awkward_sound(path))
    pictures = sequence.numbers[-1] - sequence.numbers[0] + 1
    return replace(
        info, sequence=sequence, frame_count=len(sequence.numbers), duration_s=float(pictures / sequence.rate)
    )


def video_stream(
    container: av.container.InputContainer, path: Path, limits: Limits = DEFAULT_LIMITS
) -> av.video.stream.VideoStream:
    """The first video stream that is no cover picture, prepared for decoding.

    Raises:
        NotAVideo: if there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is None:
                raise NotAVideo(f"{path}: its video has a codec that FFmpeg does not know")
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"max_pixels": str(limits.pixels)}
            return stream
    what = "sound but no video stream" if container.streams.audio else "no video stream"
    raise NotAVideo(f"{path}: holds {what}")


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
    turn = read_turn(frame)
    width, height = frame.width, frame.height
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    rate = Fraction(stream.guessed_rate or stream.average_rate or 25)
    if stream.time_base is not None and stream.time_base > _LONGEST_TICK_S:
        raise NotAVideo(f"{path}: its header is damaged: one tick of its clock lasts {float(stream.time_base):.0f} s")
    duration_s = _duration_s(container, stream)
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
        frame_count=round(duration_s * rate) if duration_s else None,
        turn=turn,
        sample_aspect_ratio=1 / aspect if turn.swaps_sides else aspect,
        colour=_read_colour(context, frame, is_rgb=is_rgb),
        bit_depth=component.bits,
        is_rgb=is_rgb,
        audio_tracks=sum(audio.codec_context is not None for audio in container.streams.audio),
        has_awkward_sound=False,
        starts_before_zero=(frame.pts or 0) < 0,
        start=Fraction(container.start_time or 0, av.time_base),
        tags=tuple((key, value) for key, value in container.metadata.items() if key.lower() not in _TECHNICAL_TAGS),
        chapters=_chapters(container),
        timecode=stream.metadata.get("timecode") or container.metadata.get("timecode"),
        subtitle_tracks=len(container.streams.subtitles),
        has_alpha=_has_alpha(container, stream, frame),
        chroma_from_left=context.name in _CHROMA_FROM_LEFT,
    )


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


def _duration_s(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return None


def _read_colour(context: "av.video.codeccontext.VideoCodecContext", frame: av.VideoFrame, *, is_rgb: bool) -> Colour:
    matrix = int(frame.colorspace)
    if is_rgb:
        matrix = _BT709
    elif matrix in (_UNSPECIFIED, 0):
        wide = int(frame.color_primaries) == _BT2020
        matrix = _BT2020 if wide else _BT601 if frame.height <= _SD_HEIGHT else _BT709
    return Colour(
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        matrix=matrix,
        full_range=not is_rgb and (frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE),
    )


def read_turn(frame: av.VideoFrame) -> Turn:
    """What turns the stored picture upright, from its display matrix."""
    side_data: list[Any] = list(frame.side_data)
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), "<i4").reshape(3, 3)[:2, :2]
            a, b, c, d = (round(value / 65536) for value in matrix.ravel())
            # A mirrored matrix has a negative determinant: undo the mirror to find the turn.
            mirror = a * d - b * c < 0
            if mirror:
                a, c = -a, -c
            quarters = {(1, 0): 0, (0, 1): 3, (-1, 0): 2, (0, -1): 1}.get((a, b), 0)
            return Turn(quarters, mirror)
    return Turn()
