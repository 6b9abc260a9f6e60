"""Times of decoding across parts of one picture."""

from collections.abc import Iterable, Iterator, Sequence

import av

from birefnet_video.types import FrameMeta


class DecodingTimes:
    """Gives packets of a part the times of decoding that they would have if one encoder had made all parts.

    Where pictures are decoded in another order than they are shown, the first ones of a part are decoded before it
    begins, among packets of the part before. A single encoder gives packet k the time at which frame k - delay is
    shown; the first ones of all get times as far apart as they are shown.
    """

    def __init__(self, before: Sequence[FrameMeta], frames: Sequence[FrameMeta], delay: int | None = None) -> None:
        """
        Args:
            before: the last frames of the part before; none: it is the first.
            frames: of the part, in the order of display; may still grow.
            delay: frames by which decoding is ahead of display; ``None``: as the encoder's own times say.
        """
        self._before, self._frames, self._delay = before, frames, delay
        self._early: list[av.Packet] = []
        self._given = 0

    @property
    def delay(self) -> int:
        """Frames by which decoding is ahead of display, known when all packets are there."""
        return len(self._early) if self._delay is None else self._delay

    def push(self, packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
        """Packets in the order of decoding, as soon as their time is known."""
        for packet in packets:
            if self._delay is None and (packet.dts is None or packet.dts < self._frames[0].pts):
                self._early.append(packet)
                continue
            yield from self.finish()
            yield self._timed(packet)

    def finish(self) -> Iterator[av.Packet]:
        """Those that are left when no more come."""
        self._delay = self.delay
        early, self._early = self._early, []
        for packet in early:
            yield self._timed(packet)

    def _timed(self, packet: av.Packet) -> av.Packet:
        delay, place = self.delay, self._given - self.delay
        self._given += 1
        if place >= 0:
            packet.dts = self._frames[place].pts
        elif self._before:
            packet.dts = self._before[place].pts
        else:
            last = len(self._frames) - 1
            wait = self._frames[min(delay, last)].pts - self._frames[0].pts
            packet.dts = self._frames[min(place + delay, last)].pts - wait
        return packet
