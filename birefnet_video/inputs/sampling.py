"""Pictures from all over a clip, without decoding all of a long one."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import av.error

from birefnet_video.colour.convert import integral
from birefnet_video.inputs.opening import demux, open_input
from birefnet_video.inputs.reader import Reader
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.types import MediaInfo

#: Frames up to which a clip is decoded from its beginning, and which are decoded at most from a keyframe on.
_WHOLE, _FORWARD = 2000, 125


def spread_pictures(info: MediaInfo, count: int) -> Iterator[av.VideoFrame]:
    """Up to ``count`` pictures as decoded, each another one, evenly over the clip where it can be searched.

    Args:
        info: of the whole clip.
        count: how many at most.
    """
    frames = info.frame_count or 0
    seen: set[int | None] = set()
    if info.sequence is None and info.duration_s and frames > _WHOLE:
        yield from _searched(info, info.duration_s, count, seen)
    # A short clip, a sequence, or a container that cannot be searched.
    if len(seen) < count / 2:
        for picture in _in_turn(info, count - len(seen)):
            if picture.pts is None or picture.pts not in seen:
                yield picture


def _searched(info: MediaInfo, duration_s: float, count: int, seen: set[int | None]) -> Iterator[av.VideoFrame]:
    """Pictures at places that lie evenly, or as near as decoding from a keyframe comes; ``seen`` takes their times."""
    path = Path(info.path)
    with open_input(path, info.limits) as container:
        stream = video_stream(container, path, info.limits, info.video_track)
        for index in range(count):
            place = float(info.start) + duration_s * (index + 0.5) / count
            with suppress(av.error.FFmpegError):
                container.seek(int(place * av.time_base), backward=True)
                stream.codec_context.flush_buffers()
                picture = _at(container, stream, place)
                if picture is not None and picture.pts not in seen:
                    seen.add(picture.pts)
                    yield integral(picture)


def _at(
    container: av.container.InputContainer, stream: "av.video.stream.VideoStream", place: float
) -> av.VideoFrame | None:
    """The first picture that is not before ``place``, in seconds."""
    found = None
    pictures = (
        picture
        for packet in demux(container, stream)
        for picture in stream.codec_context.decode(packet if packet.size else None)
    )
    for picture in islice(pictures, _FORWARD):
        found = picture
        if picture.time is None or picture.time >= place:
            break
    return found


def _in_turn(info: MediaInfo, count: int) -> Iterator[av.VideoFrame]:
    """Pictures that lie evenly in the first :data:`_WHOLE` frames, or in all of a sequence."""
    if info.sequence is not None:
        numbers = info.sequence.numbers
        chosen = tuple(numbers[place] for place in _places(len(numbers), count))
        info = replace(info, sequence=replace(info.sequence, numbers=chosen))
        yield from (frame.picture for frame in Reader(info, _ignore).frames())
        return
    frames = islice(Reader(info, _ignore).frames(), _WHOLE)
    if info.frame_count:
        places = set(_places(min(info.frame_count, _WHOLE), count))
        yield from (frame.picture for index, frame in enumerate(frames) if index in places)
        return
    # Nobody knows how many there are: twice as far apart whenever there are enough.
    kept: list[av.VideoFrame] = []
    step = 1
    for index, frame in enumerate(frames):
        if index % step == 0 and len(kept) == count:
            kept, step = kept[::2], 2 * step
        if index % step == 0:
            kept.append(frame.picture)
    yield from kept


def _places(total: int, count: int) -> list[int]:
    """``count`` numbers below ``total``, evenly, or all of them if there are no more."""
    return sorted({(2 * index + 1) * total // (2 * count) for index in range(count)})


def _ignore(message: str) -> None:
    """What is to be said of a clip is said when it is rendered."""
