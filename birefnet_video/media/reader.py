"""Decode a file into frames with exact timestamps, past what is damaged."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import cast

import av
import av.container
import av.error
import av.filter
import av.video.stream

from birefnet_video.defaults import END_TOLERANCE_S, MAX_BAD_PACKETS, TIME_JUMP_S
from birefnet_video.media.convert import integral
from birefnet_video.media.opening import demux, open_input, seek_before
from birefnet_video.media.probe import video_stream
from birefnet_video.media.sequence import missing, open_run, runs
from birefnet_video.media.truncation import truncation
from birefnet_video.media.vp9 import alpha_decoder
from birefnet_video.types import Cut, Frame, FrameMeta, MediaInfo, PictureSequence

Notify = Callable[[str], None]
#: Most ticks between two frames: MOV counts them in 32 bits.
_LONGEST_STEP = 2**31 - 1


class Reader:
    """Frames of one file, in the order of display. Does no threading; one pass, one thread.

    After the last frame :attr:`damage` says what could not be read.
    """

    def __init__(
        self,
        info: MediaInfo,
        notify: Notify,
        cut: Cut | None = None,
        *,
        with_alpha: bool = False,
        decode_on: str = "cpu",
    ) -> None:
        """
        Args:
            info: from :func:`birefnet_video.media.probe.probe`.
            notify: called with one line for each thing that a user should know.
            cut: the part to read; ``None``: all of it.
            with_alpha: also the alpha that only some decoders show.
            decode_on: ``cpu``, ``cuda`` or ``cuda:<i>`` decodes a file; pictures of a sequence are decoded on the CPU.
        """
        self.info = info
        self.damage: list[str] = []
        self._notify = notify
        self._cut = cut
        self._with_alpha = with_alpha
        self._decode_on = decode_on
        self._promised_s: float | None = None
        self._told: set[str] = set()
        self._deinterlacer: _Deinterlacer | None = None

    def frames(self) -> Iterator[Frame]:
        """All frames. Timestamps rise strictly."""
        info = self.info
        frame_ticks = max(1, round(1 / info.frame_rate / info.time_base))
        offset, kept = 0, 0
        first: FrameMeta | None = None
        last: FrameMeta | None = None
        for index, picture in enumerate(self._file() if info.sequence is None else self._sequence(info.sequence)):
            pts = picture.pts
            if pts is None:
                pts = round(index / info.frame_rate / info.time_base)
                self._tell("pts", f"the stream has no timestamps: {float(info.frame_rate):g} frames/s assumed")
            pts += offset
            if last is not None and (last.pts - pts) * info.time_base > TIME_JUMP_S:
                self._tell("jump", f"the clock jumps back at frame {index}: time goes on from there")
                offset += last.pts + frame_ticks - pts
                pts = last.pts + frame_ticks
            elif last is not None and pts - last.pts > _LONGEST_STEP:
                self._tell("leap", f"the clock leaps ahead by hours at frame {index}: time goes on from there")
                offset += last.pts + frame_ticks - pts
                pts = last.pts + frame_ticks
            elif last is not None and pts <= last.pts:
                self._tell("order", f"timestamps do not rise at frame {index}: moved on by one tick")
                pts = last.pts + 1
            last = FrameMeta(index, pts, info.time_base, picture.duration or None)
            first = first or last
            info.limits.check_duration(Path(info.path), (pts - first.pts) * info.time_base)
            if self._cut is None:
                yield Frame(last, picture)
                continue
            time = pts * info.time_base
            if self._cut.is_past(time):
                return
            if self._cut.holds(time):
                shifted = pts - self._cut.shift(info.time_base)
                yield Frame(replace(last, index=kept, pts=shifted), picture)
                kept += 1
        self._check_end(last, offset)

    def _file(self) -> Iterator[av.VideoFrame]:
        path = Path(self.info.path)
        with open_input(path, self.info.limits, self._decode_on) as container:
            stream = video_stream(container, path, self.info.limits)
            self._promised_s = promised_end_s(container, stream)
            if self._cut is not None:
                seek_before(container, self._cut)
            yield from self._progressive(stream, self._decoded(container, stream))
        if cut_off := truncation(path):
            self.damage.append(cut_off)

    def _sequence(self, sequence: PictureSequence) -> Iterator[av.VideoFrame]:
        begin = sequence.numbers[0]
        first, last = begin, None
        if self._cut is not None:
            first += self._cut.shift(self.info.time_base)
            last = None if self._cut.end is None else begin + math.ceil(self._cut.end / self.info.time_base) - 1
        if gaps := missing(sequence, None if self._cut is None else first, last):
            self.damage.append(gaps)
        for run in runs(sequence):
            with open_run(sequence, run.start, self.info.limits) as container:
                stream = video_stream(container, Path(sequence.pattern), self.info.limits)
                for picture in self._decoded(container, stream, most=len(run)):
                    picture.pts = (picture.pts or 0) + run.start - sequence.numbers[0]
                    yield self._fit(picture)

    def _progressive(
        self, stream: av.video.stream.VideoStream, pictures: Iterator[av.VideoFrame]
    ) -> Iterator[av.VideoFrame]:
        for picture in map(self._fit, pictures):
            if picture.interlaced_frame and self._deinterlacer is None:
                self._tell(
                    "interlaced", "the picture is interlaced: deinterlaced with bwdif, one frame out for each in"
                )
                self._deinterlacer = _Deinterlacer(stream, picture)
            if self._deinterlacer is None:
                yield picture
            else:
                yield from self._deinterlacer.push(picture)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.push(None)

    def _decoded(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        most: int | None = None,
    ) -> Iterator[av.VideoFrame]:
        """Pictures of all packets, or of the first ``most``."""
        bad, bad_in_a_row, corrupt = 0, 0, 0
        hidden = alpha_decoder(stream, self.info.limits) if self._with_alpha else None
        packets = demux(container, stream)
        if most is not None:
            packets = chain(islice(packets, most), [cast("av.Packet[av.VideoStream]", av.Packet())])
        while bad_in_a_row <= MAX_BAD_PACKETS:
            try:
                packet = next(packets)
                decoder = hidden or stream.codec_context
                pictures = decoder.decode(packet if packet.size else None)
            except (StopIteration, av.error.EOFError):
                break
            except av.error.FFmpegError:
                bad, bad_in_a_row = bad + 1, bad_in_a_row + 1
                continue
            bad_in_a_row = 0
            for picture in pictures:
                if self._decode_on != "cpu" and not (decoder.is_hwaccel and _came_from_device(picture)):
                    self._tell("decoder", f"this {decoder.name} is not decoded on {self._decode_on}: the CPU does")
                corrupt += bool(picture.is_corrupt)
                yield integral(picture)
        if bad_in_a_row > MAX_BAD_PACKETS:
            self.damage.append(f"reading was given up after {bad_in_a_row} broken packets in a row")
        elif bad:
            self.damage.append(f"{bad} packets could not be decoded")
        if corrupt:
            self.damage.append(f"{corrupt} frames are marked corrupt")

    def _fit(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture at the size of the first one."""
        info = self.info
        info.limits.check_size(Path(info.path), picture.width, picture.height)
        if (picture.width, picture.height) == (info.coded_width, info.coded_height):
            return picture
        now, first = f"{picture.width}x{picture.height}", f"{info.coded_width}x{info.coded_height}"
        self._tell("size", f"the picture's size changes to {now}: scaled to the first one's, {first}")
        return picture.reformat(width=info.coded_width, height=info.coded_height, format=info.pixel_format)

    def _check_end(self, last: FrameMeta | None, offset: int) -> None:
        promised = self._promised_s
        if last is None or promised is None or offset:
            return
        frame_s = 1 / float(self.info.frame_rate)
        shown_s = float((last.duration or 0) * last.time_base)
        missing_s = promised - last.time_s - max(frame_s, shown_s)
        if missing_s > max(END_TOLERANCE_S, 2 * frame_s):
            self.damage.append(f"the data ends {missing_s:.2f} s before the {promised:.2f} s that the header states")

    def _tell(self, key: str, message: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._notify(message)


def promised_end_s(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float | None:
    """When the picture should end by the header, in seconds, or ``None`` where it does not say."""
    if stream.duration and stream.time_base is not None:
        return float((stream.start_time or 0) * stream.time_base + stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = (float(part) for part in tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    if container.duration and not container.streams.audio:
        return container.duration / av.time_base
    return None


def _came_from_device(picture: av.VideoFrame) -> bool:
    """Whether a decoder that may fall back has not: hardware gives 4:2:0 with its chroma in one plane."""
    return not picture.format.name.startswith(("yuv420p", "yuvj420p"))


class _Deinterlacer:
    """bwdif on the frames that are marked interlaced; keeps number and time of the frames."""

    def __init__(self, stream: av.video.stream.VideoStream, picture: av.VideoFrame) -> None:
        self._time_base: Fraction = stream.time_base or Fraction(1, 1000)
        self._graph = av.filter.Graph()
        # Of the picture: a hardware decoder's own format is no picture's.
        source = self._graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=self._time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def push(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Put one picture in (``None``: no more) and take out what is ready."""
        self._graph.vpush(picture)
        while True:
            try:
                ready = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if ready.pts is not None and ready.time_base:
                ready.pts = round(ready.pts * ready.time_base / self._time_base)
                ready.time_base = self._time_base
            yield ready  # type: ignore[misc]
