"""The sound of the input, copied into an output packet by packet, or encoded where its container forbids that."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.audio.stream
import av.container
import av.error

from birefnet_video.defaults import AUDIO_BIT_RATE_PER_CHANNEL, SOUND_LEAD_S
from birefnet_video.media.opening import open_input

#: Codecs that a container takes as they are. Matroska takes all but a few telephone codecs.
_COPYABLE = {
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "mp2"},
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "mp2", "opus", "flac"},
}
_NOT_IN_MATROSKA = {"pcm_mulaw", "pcm_alaw", "adpcm_ima_qt", "adpcm_ms", "adpcm_ima_wav"}
#: What is written instead: uncompressed where the file is large anyway.
_SUBSTITUTE = {"mov": "pcm_s16le", "mp4": "aac", "matroska": "flac"}
#: MOV stores the bibliographic codes of ISO 639-2 and loses the terminologic ones.
_BIBLIOGRAPHIC = {
    "ces": "cze",
    "cym": "wel",
    "deu": "ger",
    "ell": "gre",
    "eus": "baq",
    "fas": "per",
    "fra": "fre",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "mkd": "mac",
    "mri": "mao",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "ron": "rum",
    "slk": "slo",
    "sqi": "alb",
    "zho": "chi",
}


class Sound:
    """All audio tracks of one input on their way into one output. Opens the input a second time: one thread."""

    def __init__(
        self, source: Path, output: av.container.OutputContainer, muxer: str, notify: Callable[[str], None]
    ) -> None:
        self._input = open_input(source)
        self._output = output
        self._notify = notify
        self._tracks: dict[int, _Track] = {}
        for stream in self._input.streams.audio:
            track = _Track(stream, output, muxer)
            self._tracks[stream.index] = track
            if track.substitute:
                notify(
                    f"sound track {len(self._tracks)} ({stream.codec_context.name}) cannot be copied into {muxer}: "
                    f"encoded as {track.substitute}"
                )
        self._packets = self._read()
        self._written_s = float("-inf")
        self.packets = 0
        """Packets written so far."""

    @property
    def tracks(self) -> int:
        """Number of audio tracks."""
        return len(self._tracks)

    def write_until(self, time_s: float) -> None:
        """Write all sound up to ``time_s`` on the input's clock, and a little more."""
        while self._written_s < time_s + SOUND_LEAD_S:
            packet = next(self._packets, None)
            if packet is None:
                return
            self._output.mux(packet)
            self.packets += 1

    def finish(self) -> None:
        """Write the rest."""
        self.write_until(float("inf"))

    def close(self) -> None:
        """Close the second handle on the input."""
        self._input.close()

    def _read(self) -> Iterator[av.Packet]:
        streams = [self._input.streams[index] for index in self._tracks]
        packets = self._input.demux(*streams) if streams else iter(())
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                break
            except av.error.FFmpegError as error:
                self._notify(f"the sound cannot be read beyond {self._written_s:.2f} s: {error.strerror}")
                break
            if packet.dts is None or packet.time_base is None:
                continue
            self._written_s = float(packet.dts * packet.time_base)
            yield from self._tracks[packet.stream.index].convert(packet)
        self._written_s = float("inf")
        for number, track in enumerate(self._tracks.values(), start=1):
            yield from track.flush()
            if track.bad_packets:
                self._notify(f"sound track {number}: {track.bad_packets} packets could not be decoded and are silent")


class _Track:
    """One track: copied, or decoded and encoded again."""

    def __init__(self, source: av.audio.stream.AudioStream, output: av.container.OutputContainer, muxer: str) -> None:
        codec = source.codec_context.name
        self.bad_packets = 0
        """Packets that could not be decoded, where decoding was needed."""
        self.substitute: str | None = None if _is_copyable(codec, muxer) else _SUBSTITUTE[muxer]
        self._encoder: av.audio.stream.AudioStream | None = None
        if self.substitute is None:
            self._target = output.add_stream_from_template(source)
        else:
            rate = source.codec_context.sample_rate
            self._encoder = cast(av.audio.stream.AudioStream, output.add_stream(self.substitute, rate=rate))
            self._target = self._encoder
            context = self._encoder.codec_context
            context.layout = source.codec_context.layout
            context.time_base = Fraction(1, source.codec_context.sample_rate)
            if self.substitute == "aac":
                context.bit_rate = AUDIO_BIT_RATE_PER_CHANNEL * source.codec_context.channels
            self._resampler = av.AudioResampler(context.format, context.layout, context.sample_rate)
        metadata = dict(source.metadata)
        if muxer == "mov" and (language := metadata.get("language")):
            metadata["language"] = _BIBLIOGRAPHIC.get(language, language)
        self._target.metadata.update(metadata)
        self._target.disposition = source.disposition

    def convert(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packets that ``packet`` becomes in the output."""
        if self._encoder is None:
            packet.stream = self._target
            yield packet
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.bad_packets += 1
            return
        for frame in frames:
            for piece in self._resampler.resample(frame):  # type: ignore[arg-type]
                yield from self._encoder.encode(piece)

    def flush(self) -> Iterator[av.Packet]:
        """What the encoder still holds."""
        if self._encoder is not None:
            for piece in self._resampler.resample(None):
                yield from self._encoder.encode(piece)
            yield from self._encoder.encode(None)


def _is_copyable(codec: str, muxer: str) -> bool:
    if muxer == "matroska":
        return codec not in _NOT_IN_MATROSKA
    return codec in _COPYABLE[muxer] or (muxer == "mov" and codec.startswith("pcm_"))
