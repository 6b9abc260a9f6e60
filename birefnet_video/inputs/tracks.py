"""The video stream to take, among those of a container."""

import re

import av
import av.container
import av.video.stream
from av.stream import Disposition

from birefnet_video.errors import NotAVideo, UsageError
from birefnet_video.inputs.remote import Place
from birefnet_video.limits import DEFAULT_LIMITS, Limits


def video_stream(
    container: av.container.InputContainer, path: Place, limits: Limits = DEFAULT_LIMITS, track: int | None = None
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
    # Frames of FFV1 that threads decode beside a damaged one come out wrong now and then, without a word.
    stream.thread_type = "SLICE" if stream.codec_context.name == "ffv1" else "AUTO"
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    return stream


def video_tracks(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """Video streams that are no cover pictures."""
    aside = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & aside]


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
