"""Sound and subtitles of the input, copied into an output packet by packet, or encoded where that is forbidden."""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import av
import av.audio.stream
import av.container
import av.error
import av.stream

from birefnet_video.defaults import LONGEST_TEXT_S, SOUND_LEAD_S, TIME_JUMP_S
from birefnet_video.errors import OutputRefused
from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.sound.codecs import can_copy, coding_for
from birefnet_video.sound.recode import Recoder
from birefnet_video.sound.subtitles import SubtitleTrack
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
        self._tracks: dict[int, _Track | SubtitleTrack] = {}
        self._audio: list[_Track] = []
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
                track = _Track(stream, self._output, muxer, number, pcm_keeps_gaps=keeps_gaps)
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


class _Track:
    """One track: copied, or decoded and encoded again."""

    def __init__(
        self,
        source: av.audio.stream.AudioStream,
        output: av.container.OutputContainer,
        muxer: str,
        number: int,
        *,
        pcm_keeps_gaps: bool,
    ) -> None:
        """
        Raises:
            ValueError: if no codec that the container holds takes it; says which track it is.
        """
        # The decoder's own name may differ: mp3float decodes mp3.
        self.codec = source.codec_context.codec.canonical_name
        self.bad_packets = 0
        """Packets that could not be decoded, where decoding was needed."""
        self.is_past = False
        """The track has been read to the end of the part that is wanted."""
        self.note = ""
        """What a user should know of it."""
        self.language = source.metadata.get("language", "")
        self._offset = 0
        self._expected_dts: int | None = None
        self._recoder: Recoder | None = None
        self._shown: tuple[Fraction, Fraction] | None = None
        self._has_lengths = True
        self._longest_s = 0.0
        """Of its packets."""
        entries = [(entry.is_discard, entry.timestamp) for entry in source.index_entries]
        hidden = [is_hidden for is_hidden, _ in entries]
        leading = hidden.index(False) if False in hidden else 0
        is_delayed = leading > 0 and entries[leading][1] > 0
        self._unused = leading if is_delayed else 0
        """Hidden packets at the beginning whose times are those of nothing."""
        is_copied = can_copy(source, muxer)
        has_cuts = any(hidden[leading : len(hidden) - _trailing(hidden)])
        if muxer not in ("mov", "mp4"):
            # Nothing hides there what lies before the cut, but for what the encoder began with.
            has_cuts |= leading > (_MOST_PRIMING if self.codec in _PRIMED else 0)
        if not is_copied or has_cuts:
            coding = coding_for(source, muxer, same_codec=is_copied)
            if coding is None:
                raise ValueError(f"{muxer} holds no codec for sound track {number} ({self._words(source)})")
            self._recoder = Recoder(output, coding, ends_at_next=has_cuts)
            how = "".join(f", {loss}" for loss in coding.losses)
            why = "has parts cut out" if is_copied else f"cannot be copied into {muxer}"
            again = " again" if is_copied else ""
            self.note = f"sound track {number} ({self.codec}) {why}: encoded{again} as {coding.codec}{how}"
        elif self.codec.startswith("pcm_") and not pcm_keeps_gaps:
            # MOV counts samples and has no place for a gap: recoding to the same codec puts silence there.
            coding = coding_for(source, muxer, same_codec=True)
            self._recoder = Recoder(output, coding) if coding is not None else None
        self._target = self._recoder.stream if self._recoder else output.add_stream_from_template(source)
        self.index: int = self._target.index
        """Of the stream in the output."""
        self._target.metadata.update(source.metadata)
        self._target.disposition = source.disposition

    @staticmethod
    def _words(source: av.audio.stream.AudioStream) -> str:
        context = source.codec_context
        return f"{context.codec.canonical_name}, {context.layout.name}, {context.sample_rate} Hz"

    def length(self, *, by_packets: bool) -> SoundLength | None:
        """From the first shown packet's beginning to the last one's end; ``None`` if packets do not say it.

        Args:
            by_packets: what they say holds although they are decoded; it does where there is an index.
        """
        slack = max(_LEAST_SLACK_S, _SLACK_PACKETS * self._longest_s)
        if self._recoder is not None and not by_packets:
            return SoundLength(self._recoder.length_s, slack)
        return SoundLength(float(self._shown[1] - self._shown[0]), slack) if self._shown and self._has_lengths else None

    def note_shown(self, packet: av.Packet, cut: Cut | None) -> None:
        """Remember how far shown packets reach, apart from what becomes of them."""
        assert packet.dts is not None and packet.time_base is not None  # the caller has looked
        start = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
        if cut is not None and not cut.holds(start):
            return
        self._has_lengths &= bool(packet.duration)
        length = (packet.duration or 0) * packet.time_base
        self._longest_s = max(self._longest_s, float(length))
        end = start + length
        before = self._shown
        self._shown = (min(before[0], start), max(before[1], end)) if before else (start, end)

    def prime(self, packet: av.Packet, *, is_first: bool) -> Iterator[av.Packet]:
        """What becomes of a packet that is not shown: decoders need it for what follows.

        Args:
            packet: that an edit list hides.
            is_first: the track is taken from its beginning.
        """
        if self._recoder is not None:
            # What comes out of it is dropped by the decoder.
            yield from self.convert(packet)
        elif self._expected_dts is None and self._unused > 0:
            self._unused -= 1
        elif self._expected_dts is None and is_first:
            packet.stream = self._target
            yield packet

    def straighten(self, packet: av.Packet) -> None:
        """Carry time on where the clock jumps back, as in joined transport streams, or leaps ahead by hours."""
        assert packet.dts is not None and packet.time_base is not None  # the caller has looked
        if self._expected_dts is not None:
            behind = self._expected_dts - (packet.dts + self._offset)
            if behind * packet.time_base > TIME_JUMP_S or -behind * packet.time_base > _LEAP_S:
                self._offset += behind
        packet.dts += self._offset
        if packet.pts is not None:
            packet.pts += self._offset
        self._expected_dts = packet.dts + (packet.duration or 0)

    def fit(self, packet: av.Packet, cut: Cut) -> bool:
        """Whether a packet belongs to ``cut``; if so its time is moved as the pictures' is."""
        assert packet.dts is not None and packet.time_base is not None  # the caller has looked
        time = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
        self.is_past = cut.is_past(time)
        if not cut.holds(time):
            return False
        shift = cut.shift(packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        return True

    def convert(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packets that ``packet`` becomes in the output."""
        if self._recoder is None:
            packet.stream = self._target
            yield packet
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.bad_packets += 1
            return
        for frame in frames:
            yield from self._recoder.push(frame)  # type: ignore[arg-type]

    def flush(self) -> Iterator[av.Packet]:
        """What the encoder still holds."""
        if self._recoder is not None:
            yield from self._recoder.flush()


def _trailing(hidden: list[bool]) -> int:
    """How many entries at the end are hidden."""
    return sum(takewhile(bool, reversed(hidden)))
