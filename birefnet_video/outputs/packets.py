"""Times of packets: how long every picture is shown, and what containers can tell apart."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import av

from birefnet_video.types import FrameMeta

#: What Matroska counts.
_MILLISECOND = Fraction(1, 1000)


def apart(meta: FrameMeta, last_pts: int | None, container: str) -> FrameMeta:
    """A frame at the next time that the container tells from the last one's, for as long as it can tell.

    Args:
        meta: the frame's own time.
        last_pts: time of the frame before, in the same ticks.
        container: FFmpeg's name of it.
    """
    if container not in ("matroska", "webm"):
        return meta
    tick = _MILLISECOND / meta.time_base
    if meta.duration is not None and meta.duration < tick:
        meta = replace(meta, duration=math.ceil(tick))
    if last_pts is None or round(meta.pts / tick) > (last := round(last_pts / tick)):
        return meta
    return replace(meta, pts=math.ceil((last + 1) * tick))


class PacketTimes:
    """Gives every packet the length of its picture, which is known when the next picture comes."""

    def __init__(self, mux: Callable[[av.Packet], None], *, is_mov: bool) -> None:
        """
        Args:
            mux: takes the packets, one after the other.
            is_mov: the packet that is decoded last lasts until the end, though its picture may be shown before others.
        """
        self._mux, self._is_mov = mux, is_mov
        self._lengths: dict[int, int] = {}
        """Of frames that the encoder holds, by their time."""
        self._held: av.Packet | None = None
        self.last: FrameMeta | None = None
        """The latest frame."""

    @property
    def shown_until(self) -> Fraction | None:
        """When the last picture goes away, in seconds, if that is known."""
        if self.last is None or self.last.duration is None:
            return None
        return (self.last.pts + self.last.duration) * self.last.time_base

    def expect(self, meta: FrameMeta) -> None:
        """A frame goes to the encoder."""
        if self.last is not None:
            self._shorten(self.last.pts, meta.pts - self.last.pts)
        if meta.duration is not None:
            self._lengths[meta.pts] = meta.duration
        self.last = meta

    def pass_on(self, packets: Iterable[av.Packet]) -> None:
        """Packets come from it. The last one is held back."""
        for packet in packets:
            # Encoders give every packet the length of 1/rate.
            if packet.pts is not None and (length := self._lengths.pop(packet.pts, None)) is not None:
                packet.duration = length
            held, self._held = self._held, packet
            if held is not None:
                self._mux(held)

    def finish(self) -> None:
        """Mux the last one."""
        held, self._held = self._held, None
        if held is None:
            return
        last = self.last
        if self._is_mov and held.dts is not None and last is not None and last.duration is not None:
            held.duration = max(last.pts + last.duration - held.dts, 1)
        self._mux(held)

    def _shorten(self, pts: int, length: int) -> None:
        """A frame ends where the next one begins, whatever its source says."""
        if pts in self._lengths:
            self._lengths[pts] = length
        elif self._held is not None and self._held.pts == pts:
            self._held.duration = length
