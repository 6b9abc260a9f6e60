"""What an input holds, before anything is decoded in earnest."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.stream

from birefnet_video.colour.convert import integral
from birefnet_video.defaults import LATE_SOUND_S
from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.describe import describe
from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.inputs.sequence import find_sequence, open_picture, path_of
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.limits import DEFAULT_LIMITS, Limits
from birefnet_video.pictures.headers import turn_of
from birefnet_video.types import Cut, MediaInfo, PictureSequence, Turn

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
                info = _look(Path(str(path_of(sequence, number))), container, limits)
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
