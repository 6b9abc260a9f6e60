"""Sound and subtitles of the input, copied into an output packet by packet, or encoded where that is forbidden."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.audio.stream
import av.container
import av.error
import av.stream

from birefnet_video.defaults import LONGEST_TEXT_S, SOUND_LEAD_S
from birefnet_video.errors import OutputRefused
from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.sound.subtitles import SubtitleTrack
from birefnet_video.sound.track import Track
from birefnet_video.types import Cut, MediaInfo, SoundLength

#: Seconds by which streams of one file may lie apart.
_BEHIND_S = 10
#: Seconds of silence that nobody means: a damaged time.
_LEAP_S = 6 * 3600
#: Seconds, and packets, by which a track may be longer or shorter than its source.
_LEAST_SLACK_S, _SLACK_PACKETS = 0.1, 3
#: Codecs whose encoders begin with packets that are hidden, and how many at most.
_PRIMED, _MOST_PRIMING = {"aac", "mp3", "opus", "vorbis"}, 3


class Sound:
    """All sound and subtitle tracks of one input on their way into one output. Opens the input anew: one thread."""

    def __init__(
        self,
        source: MediaInfo,
        output: av.container.OutputContainer,
        muxer: str,
        notify: Callable[[str], None],
        cut: Cut | None = None,
        *,
        target: Path,
        with_audio: bool = True,
    ) -> None:
        """
        Args:
            source: the input.
            output: takes the tracks.
            muxer: FFmpeg's name of its container's.
            notify: called with one line for each thing that a user should know.
            cut: the part to take; ``None``: all of it.
            target: of the output, to be named.
            with_audio: subtitles alone otherwise.

        Raises:
            OutputRefused: if a track fits no codec that the container holds.
        """
        self._cut = cut
        self.damage: list[str] = []
        """What could not be read, known when all has been written."""
        self._notify = notify
        self._input = open_input(Path(source.path), source.limits)
        self._is_indexed = "mov" in self._input.format.name
        self._output = output
        self._tracks: dict[int, Track | SubtitleTrack] = {}
        self._audio: list[Track] = []
        try:
            self._add_audio(muxer, target, with_audio=with_audio)
            for number, subtitle in enumerate(self._input.streams.subtitles, start=1):
                self._add_subtitles(number, subtitle, muxer)
            if cut is not None:
                seek_before(self._input, cut, LONGEST_TEXT_S if self._input.streams.subtitles else None)
        except BaseException:
            self._input.close()
            raise
        self._packets = self._read()
        self._written_s = float("-inf")
        self._refused = 0
        self._written: Counter[int] = Counter()

    def _add_audio(self, muxer: str, target: Path, *, with_audio: bool) -> None:
        keeps_gaps = "mov" in self._input.format.name
        for number, stream in enumerate(self._input.streams.audio if with_audio else (), start=1):
            if stream.codec_context is None:
                self._notify(f"sound track {number} has a codec that FFmpeg does not know: left out")
                continue
            if not stream.codec_context.sample_rate or not stream.codec_context.channels:
                self._notify(f"sound track {number} is damaged: it states no sample rate or no channels: left out")
                continue
            try:
                track = Track(stream, self._output, muxer, number, pcm_keeps_gaps=keeps_gaps)
            except ValueError as error:
                raise OutputRefused(f"{target}: {error}", hint="--no-audio leaves the sound out") from None
            self._tracks[stream.index] = track
            self._audio.append(track)
            if track.note:
                self._notify(track.note)

    def _add_subtitles(self, number: int, stream: "av.stream.Stream", muxer: str) -> None:
        if stream.codec_context is None:
            self._notify(f"subtitle track {number} has a codec that FFmpeg does not know: left out")
            return
        try:
            track = SubtitleTrack(stream, self._output, muxer)
        except ValueError:
            self._notify(f"subtitle track {number} ({stream.codec_context.name}) cannot be put into {muxer}: left out")
            return
        self._tracks[stream.index] = track
        if track.substitute:
            self._notify(
                f"subtitle track {number} ({track.codec}) cannot be copied into {muxer}: written as plain text"
            )

    def write_until(self, time_s: float) -> None:
        """Write all sound up to ``time_s`` on the input's clock, and a little more."""
        while self._written_s < time_s + SOUND_LEAD_S:
            packet = next(self._packets, None)
            if packet is None:
                self._written_s = float("inf")
                return
            self._mux(packet)

    def finish(self) -> None:
        """Write the rest."""
        for packet in self._packets:
            self._mux(packet)
        if self._refused:
            self.damage.append(f"{self._refused} packets of sound or subtitles are damaged and were left out")
        for number, track in enumerate(self._audio, start=1):
            if not self._written[track.index] and self._cut is None:
                self._notify(f"sound track {number} holds nothing that can be read")

    @property
    def tracks(self) -> int:
        """Number of audio tracks that hold something."""
        return sum(self._written[track.index] > 0 for track in self._audio)

    @property
    def lengths(self) -> tuple[SoundLength | None, ...]:
        """How long each audio track should be, by the input; ``None`` if it is empty or the input is damaged."""
        return tuple(
            track.length(by_packets=self._is_indexed)
            if self._written[track.index] and not self.damage and not track.bad_packets
            else None
            for track in self._audio
        )

    @property
    def languages(self) -> dict[int, str]:
        """By index of the track in the output."""
        return {track.index: track.language for track in self._tracks.values() if track.language}

    def _mux(self, packet: av.Packet) -> None:
        index = packet.stream.index
        try:
            self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError, av.error.PatchWelcomeError):
            # What the muxer will not have is damaged: a disk has other errors.
            self._refused += 1
        else:
            self._written[index] += 1

    def close(self) -> None:
        """Close the second handle on the input."""
        self._input.close()

    def _read(self) -> Iterator[av.Packet]:
        if not self._tracks:
            return
        # Subtitles are rare: in a part it is the other streams that tell when it is over.
        ends = self._cut is not None and self._cut.end is not None
        packets = demux(self._input, *([] if ends else [self._input.streams[index] for index in self._tracks]))
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                break
            except av.error.FFmpegError as error:
                self.damage.append(f"the sound cannot be read beyond {self._written_s:.2f} s ({error.strerror})")
                break
            if packet.dts is None or packet.time_base is None:
                continue
            if self._cut is not None and self._cut.end is not None:
                if packet.dts * packet.time_base > self._cut.end + _BEHIND_S:
                    break
                if packet.stream.index not in self._tracks:
                    continue
            track = self._tracks[packet.stream.index]
            if packet.is_discard:
                # An edit list hides it; its time is none of those that are shown.
                yield from track.prime(packet, is_first=self._cut is None)
                continue
            if self._is_indexed:
                track.note_shown(packet, self._cut)
            track.straighten(packet)
            if self._cut is not None and not track.fit(packet, self._cut):
                if all(other.is_past for other in self._tracks.values()):
                    break
                continue
            if not self._is_indexed:
                track.note_shown(packet, None)
            self._written_s = float(packet.dts * packet.time_base)
            yield from track.convert(packet)
        for number, track in enumerate(self._tracks.values(), start=1):
            yield from track.flush()
            if track.bad_packets:
                self.damage.append(f"{track.bad_packets} packets of sound track {number} could not be decoded")
