"""Open a finished file again and compare it with what was meant to be in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from birefnet_video.colour.convert import integral, stored_alpha
from birefnet_video.errors import VerificationFailed
from birefnet_video.inputs.boxes import shown_until
from birefnet_video.inputs.read_alpha import matte_of
from birefnet_video.inputs.tracks import promised_end_s
from birefnet_video.inputs.vp9 import decode_with_alpha
from birefnet_video.types import SoundLength

#: Least difference of a frame's mean alpha that counts, and the share of the codec's slack that explains more.
_MEAN_SLACK, _MEAN_SHARE = 0.002, 0.3
#: Seconds by which the last frame may be shown longer or shorter: Matroska counts milliseconds, and moves pictures but
#: not their end where sound begins earlier.
_LENGTH_SLACK, _MOVED_SLACK = Fraction(1, 500), Fraction(3, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a file should hold."""

    frames: int
    """That were written."""
    read: int
    """That were read and wanted."""
    promised: int | None
    """That the input says it holds, where all of them were read and nothing is known to be damaged."""
    first_pts: int
    last_pts: int
    last_duration: int | None
    """Ticks for which the last frame is shown, if the input says so."""
    time_base: Fraction
    audio_tracks: int
    """That hold something; empty ones may be there or not."""
    sound_lengths: Sequence[SoundLength | None]
    """How long each of them is in the input; ``None``: not known."""
    carries_alpha: bool
    telling_frame: int
    """Index of the frame whose matte varies most."""
    telling_spread: float
    """Largest minus smallest alpha in that frame, in [0, 1]."""
    alpha_slack: float
    """Loss of that spread that the codec explains."""
    full: bool = False
    """Every frame and all sound shall be decoded."""
    mean_alphas: Sequence[float] | None = None
    """Mean matte of every frame in [0, 1], to be found again in a full verification; ``None``: there is no matte."""

    def check_count(self, path: Path) -> None:
        """Compare what was written with what was read, and that with what the input holds.

        Raises:
            VerificationFailed: if frames were lost without a word.
        """
        if self.frames != self.read:
            raise VerificationFailed(f"{path}: {self.frames} frames were written, {self.read} were read")
        if self.promised is not None and self.read < self.promised:
            raise VerificationFailed(f"{path}: {self.read} frames were read, the input holds {self.promised}")

    def check_alpha(self, path: Path, spread: float | None) -> None:
        """Compare the spread of alpha in the telling frame, ``None`` if it has no alpha.

        Raises:
            VerificationFailed: if it is too small.
        """
        if spread is None or spread < self.telling_spread - self.alpha_slack:
            raise VerificationFailed(f"{path}: its alpha is {'missing' if spread is None else 'not what was written'}")

    def check_frame(self, path: Path, index: int, picture: av.VideoFrame) -> None:
        """Compare the mean matte of frame ``index``.

        Raises:
            VerificationFailed: if it is another one.
        """
        if self.mean_alphas is None:
            return
        found, meant = float(matte_of(picture).mean()), self.mean_alphas[index]
        if abs(found - meant) > max(_MEAN_SLACK, _MEAN_SHARE * self.alpha_slack):
            raise VerificationFailed(f"{path}: the mean matte of frame {index} is {found:.3f}, {meant:.3f} was written")


def verify(path: Path, promise: Promise) -> None:
    """Count packets, compare times, and decode the frame that tells most about the alpha, or everything.

    Raises:
        VerificationFailed: with the finding.
    """
    promise.check_count(path)
    try:
        times, time_base, end, spread, sound = _look(path, promise)
    except (av.error.FFmpegError, IndexError) as error:
        raise VerificationFailed(f"{path}: the finished file cannot be read again: {error}") from None
    if len(times) != promise.frames:
        raise VerificationFailed(f"{path}: holds {len(times)} frames, {promise.frames} were written")
    found = (times[-1] - times[0]) * time_base
    meant = (promise.last_pts - promise.first_pts) * promise.time_base
    # APNG rounds the length of every frame, and a player adds them up.
    rounding = len(times) * time_base / 2 if path.suffix == ".apng" else Fraction(0)
    if abs(found - meant) > max(time_base, promise.time_base) + rounding:
        raise VerificationFailed(f"{path}: its frames span {float(found):.3f} s, {float(meant):.3f} s were written")
    if promise.last_duration is not None and path.suffix != ".apng":
        shown, meant = end - times[-1] * time_base, promise.last_duration * promise.time_base
        slack = _MOVED_SLACK if sound and path.suffix in (".mkv", ".webm") else _LENGTH_SLACK
        if abs(shown - meant) > max(time_base, promise.time_base) + slack:
            what = f"shows its last frame for {float(shown):.3f} s"
            raise VerificationFailed(f"{path}: {what}, {float(meant):.3f} s were meant")
    _check_sound(path, sound, promise)
    if promise.carries_alpha:
        promise.check_alpha(path, spread)
    if promise.full:
        _decode_all(path, promise)


def alpha_spread(picture: av.VideoFrame) -> float | None:
    """Largest minus smallest alpha in [0, 1], or ``None`` if the picture has none."""
    alpha = stored_alpha(integral(picture))
    return None if alpha is None else float(alpha.max() - alpha.min())


def _check_sound(path: Path, lengths: list[float], promise: Promise) -> None:
    if len(lengths) < promise.audio_tracks:
        raise VerificationFailed(f"{path}: holds {len(lengths)} audio tracks, not {promise.audio_tracks}")
    for number, (found, meant) in enumerate(zip(lengths, promise.sound_lengths, strict=False), start=1):
        if meant is not None and abs(found - meant.seconds) > meant.slack_s:
            what = f"sound track {number} lasts {found:.3f} s, {meant.seconds:.3f} s in the input"
            raise VerificationFailed(f"{path}: {what}")


def _look(path: Path, promise: Promise) -> tuple[list[int], Fraction, Fraction, float | None, list[float]]:
    """What is needed to compare: sorted times of all frames, their time base, when the last one goes away in seconds,
    spread of alpha in the telling frame, and seconds of every audio track."""
    times: list[int] = []
    end = Fraction(0)
    with av.open(f"file:{path.resolve()}") as container:
        stream = container.streams.video[0]
        time_base = stream.time_base
        assert time_base is not None  # every muxer used here writes one
        spans: dict[int, tuple[Fraction, Fraction]] = {}
        for packet in container.demux(stream, *container.streams.audio):
            # What an edit list hides is not shown by any player.
            if not packet.size or packet.is_discard or packet.pts is None or packet.time_base is None:
                continue
            start = packet.pts * packet.time_base
            after = start + (packet.duration or 0) * packet.time_base
            if packet.stream_index == stream.index:
                times.append(packet.pts)
                end = max(end, after)
            else:
                first, last = spans.get(packet.stream_index, (start, after))
                spans[packet.stream_index] = (min(first, start), max(last, after))
        # Packets last until the next one is decoded, which need not be the one that is shown next.
        if "mov" in container.format.name and (stated := shown_until(path)) is not None:
            end = stated
        elif "matroska" in container.format.name and (promised := promised_end_s(container, stream)) is not None:
            end = Fraction(promised).limit_denominator(1_000_000)
        nothing = (Fraction(0), Fraction(0))
        found = (spans.get(each.index, nothing) for each in container.streams.audio)
        sound = [float(last - first) for first, last in found]
    times.sort()
    spread = None
    if promise.carries_alpha and len(times) > promise.telling_frame:
        spread = _spread_at(path, times[promise.telling_frame])
    return times, time_base, end, spread, sound


def _spread_at(path: Path, pts: int) -> float | None:
    with av.open(f"file:{path.resolve()}") as container:
        stream = container.streams.video[0]
        if container.format.name != "apng":
            container.seek(pts, stream=stream, backward=True)
        for frame in decode_with_alpha(container, stream):
            if frame.pts is not None and frame.pts >= pts:
                return alpha_spread(frame)
    return None


def _decode_all(path: Path, promise: Promise) -> None:
    frames = 0
    try:
        with av.open(f"file:{path.resolve()}") as container:
            for picture in decode_with_alpha(container, container.streams.video[0]):
                if picture.is_corrupt:
                    raise VerificationFailed(f"{path}: frame {frames} is damaged")
                if frames < promise.frames:
                    promise.check_frame(path, frames, picture)
                frames += 1
        for track in range(promise.audio_tracks):
            with av.open(f"file:{path.resolve()}") as container:
                for _ in container.decode(container.streams.audio[track]):
                    pass
    except av.error.FFmpegError as error:
        raise VerificationFailed(f"{path}: cannot be decoded beyond frame {frames}: {error.strerror}") from None
    if frames != promise.frames:
        raise VerificationFailed(f"{path}: {frames} frames can be decoded, {promise.frames} were written")
