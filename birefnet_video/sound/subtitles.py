"""A subtitle track of the input on its way into an output: copied, or as plain text in the container's own form."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.container
import av.stream
import av.subtitles.stream

from birefnet_video.types import Cut

#: Codecs that a container takes as they are.
_COPYABLE = {
    "mov": {"mov_text"},
    "mp4": {"mov_text"},
    "webm": {"webvtt"},
    "matroska": {"subrip", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"},
}
#: What text becomes elsewhere.
_TEXT = {"mov": "mov_text", "mp4": "mov_text", "webm": "webvtt", "matroska": "subrip"}
_READABLE = {"mov_text", "subrip", "text", "webvtt", "ass", "ssa"}
#: Fields before the text in a line of ASS as Matroska stores it.
_ASS_FIELDS = 8
#: Bytes of one text in MOV.
_LONGEST_TEXT = 0xFFFF
_TICK = Fraction(1, 1000)


class SubtitleTrack:
    """One track. The same calls as a sound track's."""

    bad_packets = 0

    def __init__(self, source: "av.stream.Stream", output: av.container.OutputContainer, muxer: str) -> None:
        """
        Raises:
            ValueError: if the container has no form for it.
        """
        # The decoder's own name may differ: srt decodes subrip.
        self.codec = source.codec_context.codec.canonical_name
        self.is_past = False
        self.substitute = None if self.codec in _COPYABLE[muxer] else _TEXT[muxer]
        if self.substitute is None:
            self._target: av.stream.Stream = output.add_stream_from_template(source)
        else:
            if self.codec not in _READABLE:
                raise ValueError(f"{muxer} cannot hold {self.codec}")
            self._target = written = cast(av.subtitles.stream.SubtitleStream, output.add_stream(self.substitute))
            written.time_base = written.codec_context.time_base = _TICK
            # The encoder is opened with the header and does not open without this, though it encodes nothing.
            written.codec_context.subtitle_header = b"[Script Info]\n"
        self._target.metadata.update(source.metadata)
        self.index: int = self._target.index
        self.language = source.metadata.get("language", "")
        self._target.disposition = source.disposition

    def straighten(self, packet: av.Packet) -> None:
        """Times of subtitles are taken as they are."""

    def fit(self, packet: av.Packet, cut: Cut) -> bool:
        """Whether a packet is shown within ``cut``; if so its time is moved, and shortened to what is shown."""
        assert packet.dts is not None and packet.time_base is not None  # the caller has looked
        start = packet.dts * packet.time_base
        end = start + (packet.duration or 0) * packet.time_base
        self.is_past = cut.is_past(start)
        if self.is_past or (end <= cut.start and not cut.holds(start)):
            return False
        start, end = max(start, cut.start), end if cut.end is None else min(end, cut.end)
        packet.pts = packet.dts = round((start - cut.start) / packet.time_base)
        packet.duration = round((end - start) / packet.time_base)
        return True

    def convert(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packet that ``packet`` becomes; none for the silence between two texts."""
        if self.substitute is None:
            packet.stream = self._target
            yield packet
            return
        text = read_text(bytes(packet), self.codec)
        if not text:
            return
        assert packet.dts is not None and packet.time_base is not None  # the caller has looked
        if self.substitute == "webvtt":
            text = text.replace("&", "&amp;").replace("<", "&lt;")
        payload = text.encode()
        if self.substitute == "mov_text":
            payload = payload[:_LONGEST_TEXT]
            payload = len(payload).to_bytes(2, "big") + payload
        written = av.Packet(payload)
        written.pts = written.dts = round(packet.dts * packet.time_base / _TICK)
        written.duration = round((packet.duration or 0) * packet.time_base / _TICK)
        written.time_base = _TICK
        written.stream = self._target
        yield written

    def note_shown(self, packet: av.Packet, cut: Cut | None) -> None:
        """Texts have no length that a file is checked for."""

    def prime(self, packet: av.Packet, *, is_first: bool) -> Iterator[av.Packet]:
        """A text that an edit list hides is not shown."""
        return iter(())

    def flush(self) -> Iterator[av.Packet]:
        """Nothing is held back."""
        return iter(())


def read_text(payload: bytes, codec: str) -> str:
    """The plain text of a subtitle packet, its lines kept, its markup left out."""
    if codec == "mov_text":
        return payload[2 : 2 + int.from_bytes(payload[:2], "big")].decode(errors="replace")
    text = payload.decode(errors="replace").strip()
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1]
        if re.search(r"\\p[1-9]", text):
            return ""  # a drawing
        return re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return re.sub(r"</?[a-zA-Z][^>]*>", "", text)
