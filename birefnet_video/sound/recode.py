"""Decoded sound to another codec, on the clock of its source: what is missing becomes silence."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.audio.stream
import av.container
import numpy as np

from birefnet_video.defaults import SOUND_GAP_S
from birefnet_video.sound.codecs import SoundCoding

#: Planes of a frame that PyAV counts rightly.
_MOST_PLANES = 7
#: Samples in a packet of a codec that has no frame size of its own.
_PCM_FRAME = 1024


class Recoder:
    """Encodes frames of one track. Positions are counted in samples, so no rounding adds up."""

    def __init__(
        self, output: av.container.OutputContainer, coding: SoundCoding, *, ends_at_next: bool = False
    ) -> None:
        """
        Args:
            output: takes the track.
            coding: of it.
            ends_at_next: a frame ends where the next one begins, and what it holds beyond that is left out: an edit
                list hides it.
        """
        self._ends_at_next = ends_at_next
        self._held: av.AudioFrame | None = None
        self.stream = cast(av.audio.stream.AudioStream, output.add_stream(coding.codec, rate=coding.rate))
        self._rate, self._layout = coding.rate, coding.layout
        context = self.stream.codec_context
        context.layout, context.format = coding.layout, coding.sample_format
        context.time_base = Fraction(1, coding.rate)
        if coding.bit_rate is not None:
            context.bit_rate = coding.bit_rate
        self._resampler = av.AudioResampler(context.format, self._layout, coding.rate)
        self._fifo = av.AudioFifo()
        self._start: int | None = None
        self._taken_in = 0
        """Samples after the start that have gone into the queue."""
        self._given_out = 0

    @property
    def length_s(self) -> float:
        """Seconds that have gone in, silence included."""
        return self._taken_in / self._rate

    def push(self, frame: av.AudioFrame) -> Iterator[av.Packet]:
        """Packets that are ready once ``frame`` has been added at its own time."""
        if not self._ends_at_next:
            yield from self._push(frame)
            return
        held, self._held = self._held, frame
        if held is not None:
            yield from self._push(_until(held, frame))

    def _push(self, frame: av.AudioFrame) -> Iterator[av.Packet]:
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
        if self._held is not None:
            yield from self._push(self._held)
            self._held = None
        if self._start is None:
            return
        for piece in self._resampler.resample(None):
            self._add(piece)
        yield from self._encode(partial=True)
        yield from self.stream.encode(None)

    def _add(self, piece: av.AudioFrame) -> None:
        piece.pts, piece.time_base = None, Fraction(1, self._rate)
        self._fifo.write(piece)
        self._taken_in += piece.samples

    def _add_silence(self, samples: int) -> None:
        while samples > 0:
            part = min(samples, self._rate)
            # Packed, because PyAV miscounts the planes of eight and more channels.
            nothing = np.zeros((1, part * av.AudioLayout(self._layout).nb_channels), np.float32)
            silence = av.AudioFrame.from_ndarray(nothing, "flt", self._layout)
            silence.sample_rate = self._rate
            resampler = av.AudioResampler(self.stream.codec_context.format, self._layout, self._rate)
            for piece in resampler.resample(silence):
                self._add(piece)
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


def _until(frame: av.AudioFrame, following: av.AudioFrame) -> av.AudioFrame:
    """The part of a frame that lies before the next one."""
    if frame.pts is None or following.pts is None or frame.time_base is None or following.time_base is None:
        return frame
    room = round((following.pts * following.time_base - frame.pts * frame.time_base) * frame.sample_rate)
    if not 0 < room < frame.samples or (frame.format.is_planar and frame.layout.nb_channels > _MOST_PLANES):
        return frame
    channels = 1 if frame.format.is_planar else frame.layout.nb_channels
    samples = np.ascontiguousarray(frame.to_ndarray()[:, : room * channels])
    shorter = av.AudioFrame.from_ndarray(samples, frame.format.name, frame.layout.name)  # type: ignore[arg-type]
    shorter.sample_rate, shorter.pts, shorter.time_base = frame.sample_rate, frame.pts, frame.time_base
    return shorter
