"""A part of an output's picture in a file of its own: packets as the encoder gave them, to be muxed again later."""

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.streams import add_video, label
from birefnet_video.outputs.unfinished import refused
from birefnet_video.types import FrameMeta, MediaInfo

#: What keeps packets as they are. NUT does, but has no place for ProRes, and adds to the alpha beside packets of VP9.
_CONTAINERS = {"prores_ks": "mov", "libvpx-vp9": "matroska"}


@dataclass(frozen=True, slots=True)
class Written:
    """What a finished part holds, to be compared when it is read."""

    size: int
    """Bytes of its file."""
    crc: int
    """CRC-32 of all packets, one after the other."""
    extradata: str
    """What decoders need before the first packet, as hexadecimal digits."""


class PartWriter:
    """Encodes frames into a file of their own. One thread."""

    def __init__(
        self, path: Path, target: Path, encoding: Encoding, info: MediaInfo, pixel_format: str, size: tuple[int, int]
    ) -> None:
        """
        Args:
            path: of the file.
            target: of the output, to be named.
            encoding: of the output.
            info: of the input.
            pixel_format: of the frames that will come.
            size: their width and height.

        Raises:
            OutputRefused: if the file cannot be created.
        """
        self.path, self._target = path, target
        self.stored = 0
        """Frames that the encoder has given out."""
        self._crc = 0
        try:
            self._container = av.open(f"file:{path.resolve()}", "w", format=_container(encoding))
            plain = replace(encoding, tag="")
            self._stream = add_video(self._container, plain, replace(info, timecode=None), pixel_format, size)
            self._container.start_encoding()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise refused(target, error) from None

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """Encode one frame.

        Raises:
            OutputRefused: if it cannot be written.
        """
        label(picture, meta, self._stream.codec_context)
        self._mux(picture)

    def finish(self) -> Written:
        """Write what the encoder still holds; the file is on the disk when this returns.

        Raises:
            OutputRefused: if it cannot be written.
        """
        self._mux(None)
        extradata = bytes(self._stream.codec_context.extradata or b"")
        try:
            self._container.close()
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            return Written(self.path.stat().st_size, self._crc, extradata.hex())
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self._target, error) from None

    def discard(self) -> None:
        """Close and remove the file."""
        with suppress(OSError, av.error.FFmpegError, ValueError):
            self._container.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._crc = zlib.crc32(packet, self._crc)
                self._container.mux(packet)
                self.stored += 1
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self._target, error) from None


def packets_of(
    path: Path, encoding: Encoding, written: Written, frames: Sequence[FrameMeta], before: Sequence[FrameMeta]
) -> Iterator[av.Packet]:
    """The packets of a part, at the times of its frames, in the order of decoding.

    Where pictures are decoded in another order than they are shown, the first ones are decoded before the part begins,
    among packets of the part before. A single encoder gives packet k the time at which frame k - delay is shown, and so
    do these; the first ones of all get times as far apart as they are shown.

    Args:
        path: of the file.
        encoding: of the output.
        written: what it holds.
        frames: in the order of display.
        before: the last frames of the part before; none: it is the first.

    Raises:
        OutputRefused: if it is not what was written.
    """
    try:
        yield from _decodable(_timed(path, encoding, written, frames), frames, before)
    except (OSError, IndexError, av.error.FFmpegError) as error:
        raise OutputRefused(f"{path}: cannot be read again: {error}") from None


def is_whole(path: Path, encoding: Encoding, written: Written, frames: Sequence[FrameMeta]) -> bool:
    """Whether a part can be read and is what was written. Reads all of it."""
    try:
        if path.stat().st_size != written.size:
            return False
        return sum(1 for _ in packets_of(path, encoding, written, frames, ())) == len(frames)
    except (OSError, OutputRefused):
        return False


def _container(encoding: Encoding) -> str:
    return _CONTAINERS.get(encoding.codec, "nut")


def _timed(path: Path, encoding: Encoding, written: Written, frames: Sequence[FrameMeta]) -> Iterator[av.Packet]:
    """Packets at the times of their frames. Containers may have moved all of them by as much, to hold none below 0."""
    left, crc, moved, index = {meta.pts for meta in frames}, 0, None, 0
    tick = frames[0].time_base
    with av.open(f"file:{path.resolve()}", format=_container(encoding)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None:
                continue
            if container.format.name.startswith("matroska"):
                # Its clock is coarse, and packets of this codec are shown in the order of decoding.
                packet.time_base, packet.pts, packet.dts = tick, frames[index].pts, frames[index].pts
            index += 1
            scale = Fraction(packet.time_base or stream.time_base or 0) / tick
            pts = round(packet.pts * scale)
            # The first one that is decoded is the first one that is shown.
            moved = pts - frames[0].pts if moved is None else moved
            dts = None if packet.dts is None else round(packet.dts * scale) - moved
            packet.time_base, packet.pts, packet.dts = tick, pts - moved, dts
            crc = zlib.crc32(packet, crc)
            if packet.pts not in left:
                raise OutputRefused(f"{path}: holds a picture of another time")
            left.remove(packet.pts)
            yield packet
    if left or crc != written.crc:
        raise OutputRefused(f"{path}: is not what was written")


def _decodable(
    packets: Iterator[av.Packet], frames: Sequence[FrameMeta], before: Sequence[FrameMeta]
) -> Iterator[av.Packet]:
    early: list[av.Packet] = []
    for packet in packets:
        # Those of the beginning may have no time of decoding.
        if packet.dts is None or packet.dts < frames[0].pts:
            early.append(packet)
            continue
        yield from _settled(early, frames, before)
        early = []
        yield packet
    yield from _settled(early, frames, before)


def _settled(
    early: Sequence[av.Packet], frames: Sequence[FrameMeta], before: Sequence[FrameMeta]
) -> Iterator[av.Packet]:
    delay = len(early)
    if before:
        times = [meta.pts for meta in before[-delay:]] if delay else []
    else:
        wait = frames[min(delay, len(frames) - 1)].pts - frames[0].pts
        times = [meta.pts - wait for meta in frames[:delay]]
    for packet, dts in zip(early, times, strict=True):
        packet.dts = dts
        yield packet
