"""Decode a file into frames with exact timestamps, past what is damaged."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import av
import av.container
import av.error
import av.video.stream

from birefnet_video.colour.convert import integral
from birefnet_video.defaults import END_TOLERANCE_S, TIME_JUMP_S
from birefnet_video.inputs.beginning import show_beginning
from birefnet_video.inputs.boxes import shown_until
from birefnet_video.inputs.cut_off import truncation
from birefnet_video.inputs.decoding import Decoding, Swallowed
from birefnet_video.inputs.deinterlacing import Deinterlacer
from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.inputs.remote import place_of
from birefnet_video.inputs.sequence import damaged_pictures, missing, packets_of, still_decoder
from birefnet_video.inputs.side_data import side_data
from birefnet_video.inputs.surfaces import Surfaces, brought_home
from birefnet_video.inputs.tracks import promised_end_s, video_stream
from birefnet_video.inputs.turning import read_turn, stored_as
from birefnet_video.inputs.vp9 import alpha_decoder
from birefnet_video.types import Cut, Frame, FrameMeta, MediaInfo, PictureSequence, Turn

Notify = Callable[[str], None]
#: Opens an input for one pass: with all threads, or (``False``) with one.
Attempt = Callable[[bool], AbstractContextManager[tuple[Decoding, Iterator[av.Packet]]]]
#: Seconds that clocks of containers round to.
_ROUNDED_S = Fraction(1, 500)
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
        stay: bool = False,
        before: int = 0,
    ) -> None:
        """
        Args:
            info: from :func:`birefnet_video.inputs.probe.probe`.
            notify: called with one line for each thing that a user should know.
            cut: the part to read; ``None``: all of it.
            with_alpha: also the alpha that only some decoders show.
            decode_on: ``cpu``, ``cuda`` or ``cuda:<i>`` decodes a file; pictures of a sequence are decoded on the CPU.
            stay: pictures that a GPU has decoded stay there, where they can.
            before: frames before ``cut`` that are known and need not be read again.
        """
        self.info, self._place = info, place_of(info.path)
        self.damage: list[str] = []
        self._notify, self._cut, self._with_alpha, self._decode_on = notify, cut, with_alpha, decode_on
        self.given = self._before = before
        """Frames that were given, those before the part among them."""
        self.is_plain = decode_on == "cpu"
        """Nothing so far had to be mended or left out, and no frame depends on others: it can be begun anywhere."""
        self.promised: int | None = None
        """Frames that the input holds, where that is known and all of it was read."""
        self._packets: int | None = None
        self._fed = self._empty = self._offset = 0
        self._is_read_whole = self._keeps_lengths = self._is_indexed = self._is_jpeg = False
        self._turns: dict[int, Turn] = {}
        self._is_key: Callable[[int | None], bool] = lambda pts: False
        self._promised_s: float | None = None
        self._told: set[str] = set()
        self._deinterlacer: Deinterlacer | None = None
        self._surfaces = Surfaces(decode_on, self._tell, stay=stay)

    def frames(self) -> Iterator[Frame]:
        """All frames. Timestamps rise strictly."""
        held: Frame | None = None
        for frame in self._counted():
            if held is not None:
                self.given += 1
                yield held
            held = frame
        if held is not None:
            self.given += 1
            yield self._with_whole_length(held)

    def _counted(self) -> Iterator[Frame]:
        info = self.info
        frame_ticks = max(1, round(1 / info.frame_rate / info.time_base))
        kept = 0
        first: FrameMeta | None = None
        last: FrameMeta | None = None
        for index, picture in enumerate(self._file() if info.sequence is None else self._sequence(info.sequence)):
            pts = picture.pts
            if pts is None:
                pts = round(index / info.frame_rate / info.time_base)
                self._tell("pts", f"the stream has no timestamps: {float(info.frame_rate):g} frames/s assumed")
            pts += self._offset
            if last is not None and (last.pts - pts) * info.time_base > TIME_JUMP_S:
                self._tell("jump", f"the clock jumps back at frame {index}: time goes on from there")
                pts, self._offset = last.pts + frame_ticks, self._offset + last.pts + frame_ticks - pts
            elif last is not None and pts - last.pts > _LONGEST_STEP:
                self._tell("leap", f"the clock leaps ahead by hours at frame {index}: time goes on from there")
                pts, self._offset = last.pts + frame_ticks, self._offset + last.pts + frame_ticks - pts
            elif last is not None and pts <= last.pts:
                self._tell("order", f"timestamps do not rise at frame {index}: moved on by one tick")
                pts = last.pts + 1
            # A damaged length says nothing.
            length = picture.duration if 0 < (picture.duration or 0) <= _LONGEST_STEP else None
            last = FrameMeta(index, pts, info.time_base, length, is_key=self._is_key(picture.pts))
            first = first or last
            info.limits.check_duration(self._place, (pts - first.pts) * info.time_base)
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
        self._is_read_whole = True
        self._check_end(last)
        if self._cut is None or not (self._cut.drops_before or self._cut.end):
            listed = self.info.promised_frames and self.info.promised_frames - self._empty
            known = [count for count in (listed, self._packets) if count is not None]
            self.promised = max(known, default=None)
            if listed is not None and self._fed - self._empty < listed and not self.damage:
                self.damage.append(f"{listed - self._fed + self._empty} of {listed} frames of the index are missing")

    def _with_whole_length(self, frame: Frame) -> Frame:
        """The last frame, shown for as long as the file says, and no longer than the part that is wanted."""
        meta = frame.meta
        length = meta.duration
        if (end := self._known_end()) is not None:
            ticks = self._ticks_until(end, meta)
            usual = length or round(1 / self.info.frame_rate / meta.time_base)
            length = ticks if ticks > usual + round(_ROUNDED_S / meta.time_base) else length
        if self._cut is not None and self._cut.end is not None:
            length = min(length or 0, max(1, self._ticks_until(self._cut.end, meta))) or None
        return replace(frame, meta=replace(meta, duration=length))

    def _ticks_until(self, end: Fraction, meta: FrameMeta) -> int:
        """From a frame's beginning to a time on the input's clock."""
        shift = self._cut.shift(meta.time_base) if self._cut is not None else 0
        return round(end / meta.time_base) - shift - meta.pts

    def _known_end(self) -> Fraction | None:
        """When the last frame goes away, on the input's clock, where its packet need not say it."""
        if not self._is_read_whole:
            # Another frame follows behind the part.
            return None if self._cut is None else self._cut.end
        fed, listed = self._before + self._fed, self.info.promised_frames or 0
        is_whole = self._keeps_lengths or (self._is_indexed and fed >= listed)
        if self._promised_s is None or self._offset or self.info.sequence is not None or not is_whole:
            return None
        return Fraction(self._promised_s).limit_denominator(1_000_000)

    def _file(self) -> Iterator[av.VideoFrame]:
        path = self._place
        cut_off = truncation(path)

        @contextmanager
        def attempt(is_careful: bool) -> Iterator[tuple[Decoding, Iterator[av.Packet]]]:
            with open_input(path, self.info.limits, self._decode_on) as container:
                stream = video_stream(container, path, self.info.limits, self.info.video_track)
                self._promised_s = promised_end_s(container, stream)
                # Matroska writes no lengths of frames, but where all of them end; so do edits of MOV, whose lengths of
                # frames follow the order of decoding.
                self._keeps_lengths = "matroska" in container.format.name and cut_off is None
                if "mov" in container.format.name and self.info.promised_frames and (end := shown_until(path)):
                    self._promised_s, self._is_indexed = float(end), True
                decoder = (
                    alpha_decoder(stream, self.info.limits) if self._with_alpha else None
                ) or stream.codec_context
                if not is_careful:
                    decoder.thread_count = 1
                if self._cut is not None and seek_before(container, self._cut):
                    show_beginning(decoder, path, self.info)
                counted_from = self._cut.start if self._cut is not None and self._cut.drops_before else None
                is_careful = is_careful and self._decode_on == "cpu"
                self._is_jpeg = stream.codec_context.codec.canonical_name == "mjpeg"
                yield Decoding(decoder, is_careful=is_careful, counted_from=counted_from), demux(container, stream)

        yield from self._progressive(self._decoded(attempt))
        if cut_off is not None:
            self.damage.append(cut_off)

    def _sequence(self, sequence: PictureSequence) -> Iterator[av.VideoFrame]:
        first, last = sequence.numbers[0], sequence.last_number
        if self._cut is not None:
            first = sequence.number_at(self._cut.shift(self.info.time_base))
            if self._cut.end is not None:
                last = sequence.number_at(math.ceil(self._cut.end / self.info.time_base) - 1)
        if gaps := missing(sequence, first if self._cut is not None else None, last):
            self.damage.append(gaps)
        numbers = [number for number in sequence.numbers if first <= number <= last]

        @contextmanager
        def attempt(is_careful: bool) -> Iterator[tuple[Decoding, Iterator[av.Packet]]]:
            decoder = still_decoder(sequence, self.info.limits)
            if not is_careful:
                decoder.thread_count = 1
            yield (
                Decoding(decoder, is_careful=is_careful, is_one_each=True),
                packets_of(sequence, numbers, self._turns.__setitem__),
            )

        for picture in self._decoded(attempt, sequence):
            yield self._fit(picture)

    def _progressive(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for picture in map(self._fit, pictures):
            if picture.interlaced_frame and self._deinterlacer is None:
                self._tell(
                    "interlaced", "the picture is interlaced: deinterlaced with bwdif, one frame out for each in"
                )
                self._deinterlacer = Deinterlacer(self.info.time_base, picture)
            if self._deinterlacer is None:
                yield picture
            else:
                yield from self._deinterlacer.push(brought_home(picture))
        if self._deinterlacer is not None:
            yield from self._deinterlacer.push(None)

    def _decoded(self, attempt: Attempt, sequence: PictureSequence | None = None) -> Iterator[av.VideoFrame]:
        """Pictures of all packets; from where they are damaged on as one thread decodes them."""
        given = 0
        decoding: Decoding | None = None
        try:
            for is_careful in (True, False):
                with attempt(is_careful) as (decoding, packets):
                    self._is_key = decoding.is_key
                    try:
                        for picture in islice(decoding.run(packets), 0 if is_careful else given, None):
                            given += 1
                            yield integral(self._surfaces.taken(decoding.decoder, picture))
                    except Swallowed:
                        self.is_plain = False
                        continue
                    return
        finally:
            if decoding is not None:
                self._packets, self._fed = decoding.promised, decoding.packets + decoding.empty
                self._empty = decoding.empty
                self.damage += damaged_pictures(sequence, decoding.lost) if sequence is not None else decoding.damage

    def _turn_of(self, picture: av.VideoFrame) -> Turn:
        """What turns a picture upright: pictures of sequences, and JPEG in videos, each say it for themselves."""
        if self._is_jpeg:
            return read_turn(side_data(picture, "mjpeg"))
        return self._turns.pop(picture.pts, self.info.turn) if picture.pts is not None else self.info.turn

    def _fit(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture at the size of the first one, and stored as upright as that."""
        info = self.info
        turn = self._turn_of(picture)
        if turn != info.turn:
            self._tell("turn", "pictures are turned in different ways: each is shown upright")
            picture = stored_as(brought_home(picture), turn, info.turn)
        info.limits.check_size(self._place, picture.width, picture.height)
        if (picture.width, picture.height) == (info.coded_width, info.coded_height):
            return picture
        now, first = f"{picture.width}x{picture.height}", f"{info.coded_width}x{info.coded_height}"
        self._tell("size", f"the picture's size changes to {now}: scaled to the first one's, {first}")
        # In its own format: alpha and depth may have changed with the size.
        picture = brought_home(picture)
        return picture.reformat(width=info.coded_width, height=info.coded_height, format=picture.format.name)

    def _check_end(self, last: FrameMeta | None) -> None:
        promised = self._promised_s
        if last is None or promised is None or self._offset or self._keeps_lengths:
            return
        if self.info.promised_frames is not None and self._fed >= self.info.promised_frames:
            # An index knows better than a length, which may count what an edit list leaves empty.
            return
        frame_s = 1 / float(self.info.frame_rate)
        shown_s = float((last.duration or 0) * last.time_base)
        missing_s = promised - last.time_s - max(frame_s, shown_s)
        if missing_s > max(END_TOLERANCE_S, 2 * frame_s):
            self.damage.append(f"the data ends {missing_s:.2f} s before the {promised:.2f} s that the header states")

    def _tell(self, key: str, message: str) -> None:
        self.is_plain = False
        if key not in self._told:
            self._told.add(key)
            self._notify(message)
