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
from birefnet_video.outputs.decoding_times import DecodingTimes
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.scheduling import scheduling_kept
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
    delay: int
    """Frames by which decoding is ahead of display."""


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
        self._crc = 0
        try:
            self._container = av.open(f"file:{path.resolve()}", "w", format=_container(encoding))
            plain = replace(encoding, tag="")
            self._stream = add_video(self._container, plain, replace(info, timecode=None), pixel_format, size)
            with scheduling_kept():
                self._container.start_encoding()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise refused(target, error) from None

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> list[av.Packet]:
        """Encode one frame.

        Returns:
            what the encoder has given, written already, at the times that the encoder has given.

        Raises:
            OutputRefused: if it cannot be written.
        """
        label(picture, meta, self._stream.codec_context)
        return self._mux(picture)

    def flush(self) -> list[av.Packet]:
        """Write what the encoder still holds; see :meth:`write`."""
        return self._mux(None)

    def finish(self, delay: int) -> Written:
        """Close the file, which is on the disk when this returns.

        Args:
            delay: frames by which decoding is ahead of display.

        Raises:
            OutputRefused: if it cannot be written.
        """
        extradata = bytes(self._stream.codec_context.extradata or b"")
        try:
            self._container.close()
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            return Written(self.path.stat().st_size, self._crc, extradata.hex(), delay)
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self._target, error) from None

    def discard(self) -> None:
        """Close and remove the file."""
        with suppress(OSError, av.error.FFmpegError, ValueError):
            self._container.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _mux(self, picture: av.VideoFrame | None) -> list[av.Packet]:
        try:
            packets = self._stream.encode(picture)
            for packet in packets:
                self._crc = zlib.crc32(packet, self._crc)
                times = packet.time_base, packet.pts, packet.dts
                self._container.mux(packet)
                # The container counts in ticks of its own.
                packet.time_base, packet.pts, packet.dts = times
            return packets
        except (OSError, av.error.FFmpegError) as error:
            raise refused(self._target, error) from None


def packets_of(
    path: Path, encoding: Encoding, written: Written, frames: Sequence[FrameMeta], before: Sequence[FrameMeta]
) -> Iterator[av.Packet]:
    """The packets of a part, at the times of its frames, in the order of decoding.

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
        times = DecodingTimes(before, frames, written.delay)
        yield from times.push(_timed(path, encoding, written, frames))
        yield from times.finish()
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
                packet.time_base, packet.pts = tick, frames[index].pts
            index += 1
            scale = Fraction(packet.time_base or stream.time_base or 0) / tick
            pts = round(packet.pts * scale)
            # The first one that is decoded is the first one that is shown.
            moved = pts - frames[0].pts if moved is None else moved
            # Times of decoding are not what the encoder gave: NUT keeps none.
            packet.time_base, packet.pts, packet.dts = tick, pts - moved, None
            crc = zlib.crc32(packet, crc)
            if packet.pts not in left:
                raise OutputRefused(f"{path}: holds a picture of another time")
            left.remove(packet.pts)
            yield packet
    if left or crc != written.crc:
        raise OutputRefused(f"{path}: is not what was written", hint="the same command makes it anew")
