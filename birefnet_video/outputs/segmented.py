"""A file that is written in segments, which a later run can go on from."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import av

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.decoding_times import DecodingTimes
from birefnet_video.outputs.packets import apart
from birefnet_video.outputs.parts import PartWriter, packets_of
from birefnet_video.outputs.segments import KnownAt, Part, Segments
from birefnet_video.outputs.unfinished import refused
from birefnet_video.outputs.verify import Promise
from birefnet_video.outputs.writer import Writer
from birefnet_video.types import FrameMeta, SoundLength


class SegmentedWriter:
    """Encodes each segment into a file of its own beside the output, which gets the same packets."""

    def __init__(
        self, film: Writer, segments: Segments, open_part: Callable[[Path], PartWriter], known: KnownAt
    ) -> None:
        """
        Args:
            film: the output; takes packets only.
            segments: its parts, those of an earlier run among them.
            open_part: opens the file of the next one.
            known: gives what a later run must know.
        """
        self.target, self.encoding = film.target, film.encoding
        self._film, self._segments, self._open_part, self._known = film, segments, open_part, known
        done = segments.frames
        self.frames = self.stored = len(done)
        self.first_pts: int | None = done[0].pts if done else None
        self._last: FrameMeta | None = done[-1] if done else None
        self._resumed = len(done)
        self._part: PartWriter | None = None
        for number, part in enumerate(segments.parts):
            self._check_settings(number, part)
        self._times = DecodingTimes((), ())
        self._is_left = threading.Event()
        # Meanwhile the network is loaded.
        self._muxer = ThreadPoolExecutor(1, thread_name_prefix="birefnet-video mux")
        self._muxing: Future[None] | None = self._muxer.submit(self._mux) if segments.parts else None

    @property
    def partial(self) -> Path:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._film.partial

    @property
    def last_pts(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._last.pts if self._last is not None else None

    @property
    def last_duration(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._last.duration if self._last is not None else None

    @property
    def audio_tracks(self) -> int:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._film.audio_tracks

    @property
    def sound_damage(self) -> list[str]:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._film.sound_damage

    @property
    def sound_lengths(self) -> tuple[SoundLength | None, ...]:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._film.sound_lengths

    @property
    def size(self) -> int:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._film.size

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._wait()
        is_due = self._segments.is_due(meta)
        meta = apart(meta, self.last_pts, self.encoding.container)
        # Now the frame before it knows its length.
        self._film.expect(meta)
        if self._part is not None and is_due:
            self._close_part(self._part, meta.pts)
        if self._part is None:
            number = len(self._segments.parts)
            self._part = self._open_part(self._segments.path(number))
            self._times = DecodingTimes(self._segments.before(number), self._segments.open_frames)
        self._segments.note(meta)
        packets = self._part.write(picture, meta)
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts
        self._last = meta
        self.frames += 1
        self.stored += len(packets)
        self._film.pass_on(self._times.push(packets), meta.time_s)

    def adopt(self, part: Part, place: Path) -> None:
        """Take a segment that somebody else has made.

        Args:
            part: what it holds.
            place: its file, which is taken.

        Raises:
            OutputRefused: if it is not what was written, or cannot be joined.
        """
        self._wait()
        number = len(self._segments.parts)
        try:
            place.replace(self._segments.path(number))
        except OSError as error:
            raise refused(self.target, error) from None
        self._check_settings(number, part)
        self._take(number, part)
        self._segments.add(part)
        self.first_pts = part.frames[0].pts if self.first_pts is None else self.first_pts
        self._last = part.frames[-1]
        self.frames = self.stored = self.frames + len(part.frames)

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._wait()
        if self._part is not None:
            self._close_part(self._part, None)
        self._film.finish()

    def verify(self, promise: Promise) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._film.verify(promise)

    def commit(self, *, overwrite: bool) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._film.commit(overwrite=overwrite)

    def keep_partial(self) -> Path | None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what is whole stays for the next run, too."""
        part, self._part = self._part, None
        try:
            # On a full disk what has been muxed plays at least.
            with suppress(OutputRefused):
                self._wait(cancel=True)
                if part is not None:
                    self._flush(part)
        finally:
            self._segments.close()
            if part is not None:
                part.discard()
        kept = self._film.keep_partial()
        if kept is None and self._segments.is_empty:
            self._segments.remove()
        return kept

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what an earlier run has done stays."""
        with suppress(OutputRefused):
            self._wait(cancel=True)
        if self._part is not None:
            self._part.discard()
            self._part = None
        if self._resumed and self.frames == self._resumed:
            self._segments.close()
        else:
            self._segments.remove()
        self._film.discard()

    def _close_part(self, part: PartWriter, end: int | None) -> None:
        self._flush(part)
        self._segments.close_part(end, part.finish(self._times.delay), self._known)
        self._part = None

    def _flush(self, part: PartWriter) -> None:
        """Mux what its encoder still holds."""
        assert self._last is not None  # there is a part because there was a frame
        packets = part.flush()
        self.stored += len(packets)
        self._film.pass_on(self._times.push(packets), self._last.time_s)
        self._film.pass_on(self._times.finish(), self._last.time_s)

    def _check_settings(self, number: int, part: Part) -> None:
        if part.written is None or part.written.extradata != self._film.extradata.hex():
            what = "its decoders would need other settings than those of this run"
            raise OutputRefused(f"{self._segments.path(number)}: {what}", hint="--resume never makes all of it anew")

    def _mux(self) -> None:
        """Mux what an earlier run has done."""
        for number, part in enumerate(self._segments.parts):
            if self._is_left.is_set():
                return
            self._take(number, part)

    def _take(self, number: int, part: Part) -> None:
        assert part.written is not None  # looked at before
        path, before = self._segments.path(number), self._segments.before(number)
        self._film.take(packets_of(path, self.encoding, part.written, part.frames, before), part.frames)

    def _wait(self, *, cancel: bool = False) -> None:
        """Until all that an earlier run has done is muxed, or the part that is just being."""
        if cancel:
            self._is_left.set()
        if (muxing := self._muxing) is not None:
            self._muxing = None
            self._muxer.shutdown()
            muxing.result()
