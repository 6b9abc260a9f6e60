"""From packets to pictures, with an eye on packets that give none."""

import heapq
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import av.error
import av.video.codeccontext

from birefnet_video.defaults import MAX_BAD_PACKETS, TIME_JUMP_S

#: Codecs of which every packet holds one picture, or a field of one, beside those that FFmpeg marks as being without
#: references.
_WITH_REFERENCES = {"h264", "hevc", "av1", "mpeg2video", "mpeg1video"}
_ONE_EACH = {*_WITH_REFERENCES, "png", "apng", "ffv1", "cfhd"}


class Swallowed(Exception):
    """A decoder of several threads has given fewer pictures than it took packets.

    PyAV drops whole pictures together with an error that lies near them, and the error as well when it comes at the
    end (github.com/PyAV-Org/PyAV/issues/2303). One thread gives each picture, or its error, in its turn.
    """


class Decoding:
    """One pass over the packets of a stream. After it :attr:`damage` says what gave no picture."""

    def __init__(
        self,
        decoder: "av.video.codeccontext.VideoCodecContext",
        *,
        is_careful: bool,
        is_one_each: bool = False,
        counted_from: Fraction | None = None,
    ) -> None:
        """
        Args:
            decoder: not yet opened.
            is_careful: raise :class:`Swallowed` at the first sign of damage, in place of going on.
            is_one_each: every packet holds one picture, whatever the codec.
            counted_from: time before which pictures need not come; ``None``: all count.
        """
        self.decoder = decoder
        self._counted_from = counted_from
        self.packets = 0
        """That hold a picture to be shown, or a part of one."""
        self.pictures = self.empty = 0
        self.lost: list[int] = []
        """Times of packets that gave no picture, as far as the codec lets that be known."""
        self.without_start = 0
        """Pictures at the beginning that refer to others from before it."""
        self._is_careful = is_careful
        codec = decoder.codec
        self._is_one_each = is_one_each or codec.intra_only or codec.canonical_name in _ONE_EACH
        self._has_references = codec.canonical_name in _WITH_REFERENCES
        self._keys: set[int] = set()
        """Times of keyframes whose pictures nobody has asked for."""
        self._first_key: int | None = None
        """Time of the first packet, if nothing before it is needed."""
        self._waiting: list[int] = []
        """Times of packets whose picture has not come, a heap."""
        self._has_fields = self._is_done = False
        self._is_ordered = True
        self._bad = self._bad_in_a_row = self._corrupt = 0
        self._latest_dts: int | None = None

    def run(self, packets: Iterable[av.Packet]) -> Iterator[av.VideoFrame]:
        """All pictures, in the order of display.

        Raises:
            Swallowed: if it is careful and something is damaged; the pictures before it are whole.
        """
        source = iter(packets)
        while self._bad_in_a_row <= MAX_BAD_PACKETS:
            try:
                packet = next(source)
            except (StopIteration, av.error.EOFError):
                break
            except av.error.FFmpegError:
                # Of the container: nothing follows, and threads change nothing.
                self._bad += 1
                break
            if packet.size:
                if packet.is_keyframe and packet.pts is not None:
                    self._keys.add(packet.pts)
                self._count(packet)
                yield from self._decode(packet)
            elif packet.pts is not None:
                # The picture before it is shown again.
                self.empty += 1
        else:
            return
        yield from self._decode(None)
        self._settle()

    def is_key(self, pts: int | None) -> bool:
        """Whether the picture of a time was a keyframe; to be asked once."""
        found = pts in self._keys
        if pts is not None:
            self._keys.discard(pts)
        return found

    def _decode(self, packet: av.Packet | None) -> Iterator[av.VideoFrame]:
        try:
            pictures = self.decoder.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if self._is_careful:
                raise Swallowed from error
            self._bad, self._bad_in_a_row = self._bad + 1, self._bad_in_a_row + 1
            return
        self._bad_in_a_row = 0
        for picture in pictures:
            self._match(picture)
            if picture.is_corrupt:
                if self._is_careful:
                    # What stands in for damage depends on the number of threads.
                    raise Swallowed
                self._corrupt += 1
            self.pictures += 1
            yield picture

    def _count(self, packet: av.Packet) -> None:
        if packet.is_discard or self._is_before(packet):
            return
        if not self.packets and packet.is_keyframe:
            self._first_key = packet.pts
        self.packets += 1
        if packet.dts is not None and packet.time_base is not None:
            if self._latest_dts is not None and (self._latest_dts - packet.dts) * packet.time_base > TIME_JUMP_S:
                self._is_ordered = False
            self._latest_dts = packet.dts
        if packet.pts is None:
            self._is_ordered = False
        if self._is_ordered and packet.pts is not None:
            heapq.heappush(self._waiting, packet.pts)

    def _is_before(self, packet: av.Packet) -> bool:
        if self._counted_from is None or packet.pts is None or packet.time_base is None:
            return False
        return packet.pts * packet.time_base < self._counted_from

    def _match(self, picture: av.VideoFrame) -> None:
        """Strike out the packet of a picture; those before it will not come any more."""
        self._has_fields |= picture.interlaced_frame
        if not self._is_ordered or picture.pts is None:
            return
        passed = 0
        while self._waiting and self._waiting[0] < picture.pts:
            self._pass(heapq.heappop(self._waiting))
            passed += 1
        if self._waiting and self._waiting[0] == picture.pts:
            heapq.heappop(self._waiting)
        elif picture.pts in self.lost:
            # Late, where a stream does not say how far its pictures are put out of order.
            self.lost.remove(picture.pts)
        if not self.pictures:
            # A first picture that is damaged itself does not refer to anything.
            self.without_start = passed if self._has_references and self._first_key not in self.lost else 0
        elif passed and self._is_careful and self._is_one_each and not self._has_fields:
            raise Swallowed

    def _pass(self, pts: int) -> None:
        if self._is_one_each:
            self.lost.append(pts)

    def _settle(self) -> None:
        """What has not come by now is lost."""
        self._is_done = True
        if self._has_fields:
            # The second field of a picture has a packet and no picture of its own.
            self.lost = self.lost[: self.without_start]
            return
        is_short = self._is_one_each and self.packets - self.without_start > self.pictures
        if self._is_careful and (self._waiting or is_short):
            raise Swallowed
        for pts in sorted(self._waiting):
            self._pass(pts)
        self._waiting.clear()

    @property
    def missing(self) -> int:
        """Pictures that could not be decoded, as far as that is known."""
        is_counted = self._is_done and self._is_one_each and not self._has_fields
        # Of a pass that was ended early some pictures are still on their way.
        known = self.packets - self.pictures if is_counted else len(self.lost)
        return max(self._bad, known)

    @property
    def promised(self) -> int | None:
        """Pictures that the packets hold, where the codec lets that be known."""
        return self.packets if self._is_done and self._is_one_each and not self._has_fields else None

    @property
    def damage(self) -> list[str]:
        """In words, known after :meth:`run`."""
        if self._bad_in_a_row > MAX_BAD_PACKETS:
            return [f"reading was given up after {self._bad_in_a_row} broken packets in a row"]
        found = []
        if self.without_start:
            what = "frames refer" if self.without_start > 1 else "frame refers"
            first = f"the first {self.without_start} {what}"
            found.append(f"{first} to what lies before the beginning and cannot be decoded")
        if missing := self.missing - self.without_start:
            found.append(f"{missing} frame{'s' if missing > 1 else ''} could not be decoded")
        if self._corrupt:
            found.append(f"{self._corrupt} frame{'s are' if self._corrupt > 1 else ' is'} marked corrupt")
        return found
