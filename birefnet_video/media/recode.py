"""Decoded sound to another codec, on the clock of its source: what is missing becomes silence."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.audio.stream
import av.container

from birefnet_video.defaults import AUDIO_BIT_RATE_PER_CHANNEL, SOUND_GAP_S

#: Samples in a packet of a codec that has no frame size of its own.
_PCM_FRAME = 1024
#: Layouts for streams that state a number of channels only.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Recoder:
    """Encodes frames of one track. Positions are counted in samples, so no rounding adds up."""

    def __init__(self, source: av.audio.stream.AudioStream, output: av.container.OutputContainer, codec: str) -> None:
        rate = _supported_rate(codec, source.codec_context.sample_rate)
        self.stream = cast(av.audio.stream.AudioStream, output.add_stream(codec, rate=rate))
        self._rate = rate
        context = self.stream.codec_context
        channels = source.codec_context.channels
        named = source.codec_context.layout.name
        self._layout = _LAYOUTS.get(channels, named) if "channels" in named else named
        context.layout = self._layout
        context.time_base = Fraction(1, rate)
        if codec in ("aac", "libopus"):
            context.bit_rate = AUDIO_BIT_RATE_PER_CHANNEL * channels
        self._resampler = av.AudioResampler(context.format, self._layout, rate)
        self._fifo = av.AudioFifo()
        self._start: int | None = None
        self._taken_in = 0
        """Samples after the start that have gone into the queue."""
        self._given_out = 0

    def push(self, frame: av.AudioFrame) -> Iterator[av.Packet]:
        """Packets that are ready once ``frame`` has been added at its own time."""
        if frame.pts is not None and frame.time_base is not None:
            due = round(frame.pts * frame.time_base * self._rate)
            if self._start is None:
                self._start = due
            missing = due - self._start - self._taken_in
            if missing > SOUND_GAP_S * self._rate:
                self._add_silence(missing)
            elif missing < -SOUND_GAP_S * self._rate:
                return  # a repetition of what is already there
        self._start = self._start or 0
        for piece in self._resampler.resample(frame):
            self._add(piece)
        yield from self._encode(partial=False)

    def flush(self) -> Iterator[av.Packet]:
        """What is left, a short last frame included."""
        if self._start is None:
            return
        for piece in self._resampler.resample(None):
            self._add(piece)
        yield from self._encode(partial=True)
        yield from self.stream.encode(None)

    def _add(self, piece: av.AudioFrame) -> None:
        piece.pts = None
        self._fifo.write(piece)
        self._taken_in += piece.samples

    def _add_silence(self, samples: int) -> None:
        while samples > 0:
            part = min(samples, self._rate)
            silence = av.AudioFrame(self.stream.codec_context.format.name, self._layout, part)
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            silence.sample_rate = self._rate
            self._add(silence)
            samples -= part

    def _encode(self, *, partial: bool) -> Iterator[av.Packet]:
        size = self.stream.codec_context.frame_size or _PCM_FRAME
        while True:
            frame = self._fifo.read(size, partial)
            if frame is None:
                return
            assert self._start is not None  # set by the first frame
            frame.pts = self._start + self._given_out
            frame.time_base = Fraction(1, self._rate)
            self._given_out += frame.samples
            yield from self.stream.encode(frame)


def _supported_rate(codec: str, rate: int) -> int:
    """``rate``, or the nearest one that the encoder takes."""
    rates = av.Codec(codec, "w").audio_rates
    return rate if not rates or rate in rates else min(rates, key=lambda other: abs(other - rate))
