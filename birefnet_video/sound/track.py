"""One sound track: its packets copied, or decoded and encoded again where a container or an edit list asks for it."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import takewhile

import av
import av.audio.stream
import av.container
import av.error
import av.stream

from birefnet_video.defaults import TIME_JUMP_S
from birefnet_video.sound.codecs import can_copy, coding_for
from birefnet_video.sound.recode import Recoder
from birefnet_video.types import Cut, SoundLength

#: Seconds by which streams of one file may lie apart.
_BEHIND_S = 10
#: Seconds of silence that nobody means: a damaged time.
_LEAP_S = 6 * 3600
#: Seconds, and packets, by which a track may be longer or shorter than its source.
_LEAST_SLACK_S, _SLACK_PACKETS = 0.1, 3
#: Codecs whose encoders begin with packets that are hidden, and how many at most.
_PRIMED, _MOST_PRIMING = {"aac", "mp3", "opus", "vorbis"}, 3


class Track:
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
