"""Open a finished file again and compare it with what was meant to be in it."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from birefnet_video.errors import VerificationFailed
from birefnet_video.media.convert import plane_array
from birefnet_video.media.vp9 import decode_with_alpha


@dataclass(frozen=True, slots=True)
class Promise:
    """What a file should hold."""

    frames: int
    first_pts: int
    last_pts: int
    time_base: Fraction
    audio_tracks: int
    carries_alpha: bool
    telling_frame: int
    """Index of the frame whose matte varies most."""
    telling_spread: float
    """Largest minus smallest alpha in that frame, in [0, 1]."""
    alpha_slack: float
    """Loss of that spread that the codec explains."""


def verify(path: Path, promise: Promise) -> None:
    """Count packets, compare times, and decode the frame that tells most about the alpha.

    Raises:
        VerificationFailed: with the finding.
    """
    try:
        times, time_base, spread, audio_tracks = _look(path, promise)
    except (av.error.FFmpegError, IndexError) as error:
        raise VerificationFailed(f"{path}: the finished file cannot be read again: {error}") from None
    if len(times) != promise.frames:
        raise VerificationFailed(f"{path}: holds {len(times)} frames, {promise.frames} were written")
    found = (times[-1] - times[0]) * time_base
    meant = (promise.last_pts - promise.first_pts) * promise.time_base
    if abs(found - meant) > max(time_base, promise.time_base):
        raise VerificationFailed(f"{path}: its frames span {float(found):.3f} s, {float(meant):.3f} s were written")
    if audio_tracks != promise.audio_tracks:
        raise VerificationFailed(f"{path}: holds {audio_tracks} audio tracks, not {promise.audio_tracks}")
    if promise.carries_alpha and (spread is None or spread < promise.telling_spread - promise.alpha_slack):
        raise VerificationFailed(f"{path}: its alpha is {'missing' if spread is None else 'not what was written'}")


def _look(path: Path, promise: Promise) -> tuple[list[int], Fraction, float | None, int]:
    """Sorted times of all packets, their time base, spread of alpha in the telling frame, number of audio tracks."""
    with av.open(f"file:{path.resolve()}") as container:
        stream = container.streams.video[0]
        time_base = stream.time_base
        assert time_base is not None  # every muxer used here writes one
        times = sorted(p.pts for p in container.demux(stream) if p.pts is not None and p.size)
        audio_tracks = len(container.streams.audio)
    spread = None
    if promise.carries_alpha and len(times) > promise.telling_frame:
        spread = _alpha_spread(path, times[promise.telling_frame])
    return times, time_base, spread, audio_tracks


def _alpha_spread(path: Path, pts: int) -> float | None:
    with av.open(f"file:{path.resolve()}") as container:
        stream = container.streams.video[0]
        container.seek(pts, stream=stream, backward=True)
        for frame in decode_with_alpha(container, stream):
            if frame.pts is not None and frame.pts >= pts:
                alpha = [c for c in frame.format.components if c.is_alpha]
                if not alpha:
                    return None
                samples = plane_array(frame, 3)
                return float(samples.max() - samples.min()) / ((1 << alpha[0].bits) - 1)
    return None
