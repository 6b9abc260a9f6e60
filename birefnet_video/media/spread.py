"""Pictures from all over a clip, without decoding all of it."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
import av.error

from birefnet_video.media.convert import integral
from birefnet_video.media.opening import demux, open_input
from birefnet_video.media.probe import video_stream
from birefnet_video.media.reader import Reader
from birefnet_video.types import MediaInfo

#: Below so many frames for each picture that is wanted, the clip is read from the beginning.
_FEW = 8


def spread_pictures(info: MediaInfo, count: int) -> Iterator[av.VideoFrame]:
    """Up to ``count`` pictures as decoded, each another one, evenly over the clip where it can be searched.

    Args:
        info: of the clip.
        count: how many at most.
    """
    frames = info.frame_count or 0
    seen: set[int | None] = set()
    if info.sequence is None and info.duration_s and frames >= _FEW * count:
        yield from _searched(info, info.duration_s, count, seen)
    # Few keyframes, or a container that cannot be searched.
    if len(seen) < count / 2:
        step = max(1, min(frames // count, _FEW))
        for frame in islice(Reader(info, lambda message: None).frames(), 0, step * (count - len(seen)), step):
            if frame.picture.pts not in seen:
                yield frame.picture


def _searched(info: MediaInfo, duration_s: float, count: int, seen: set[int | None]) -> Iterator[av.VideoFrame]:
    """The keyframes before places that lie evenly; those times are added to ``seen``."""
    path = Path(info.path)
    with open_input(path, info.limits) as container:
        stream = video_stream(container, path, info.limits)
        for index in range(count):
            place = float(info.start) + duration_s * (index + 0.5) / count
            with suppress(av.error.FFmpegError):
                container.seek(int(place * av.time_base), backward=True)
                stream.codec_context.flush_buffers()
                picture = _first(container, stream)
                if picture is not None and picture.pts not in seen:
                    seen.add(picture.pts)
                    yield integral(picture)


def _first(container: av.container.InputContainer, stream: "av.video.stream.VideoStream") -> av.VideoFrame | None:
    for packet in demux(container, stream):
        for picture in stream.codec_context.decode(packet if packet.size else None):
            return picture  # type: ignore[return-value]
    return None
