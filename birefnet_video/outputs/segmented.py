"""A file that is written in segments, which a later run can go on from."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import av

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.packets import apart
from birefnet_video.outputs.parts import PartWriter, packets_of
from birefnet_video.outputs.segments import KnownAt, Part, Segments
from birefnet_video.outputs.verify import Promise
from birefnet_video.outputs.writer import Writer
from birefnet_video.types import FrameMeta, SoundLength


class SegmentedWriter:
    """Encodes each segment into a file of its own; a thread muxes those that are whole into the output."""

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
        self._muxer = ThreadPoolExecutor(1, thread_name_prefix="birefnet-video mux")
        self._muxing: list[Future[None]] = []
        for number, part in enumerate(segments.parts):
            self._mux(number, part)

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
        """See :class:`birefnet_video.outputs.sink.Sink`; what has not been muxed yet is counted where it lies."""
        part = self._part
        try:
            return self._film.size + (part.path.stat().st_size if part is not None else 0)
        except OSError:
            return self._film.size

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        is_due = self._segments.is_due(meta)
        meta = apart(meta, self.last_pts, self.encoding.container)
        if self._part is not None and is_due:
            self._close_part(meta.pts)
        if self._part is None:
            self._part = self._open_part(self._segments.path(len(self._segments.parts)))
        before = self._part.stored
        self._part.write(picture, meta)
        self._segments.note(meta)
        self.stored += self._part.stored - before
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts
        self._last = meta
        self.frames += 1

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        if self._part is not None:
            self._close_part(None)
        self._wait()
        self._muxer.shutdown()
        self._film.finish()

    def verify(self, promise: Promise) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._film.verify(promise)

    def commit(self, *, overwrite: bool) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._film.commit(overwrite=overwrite)

    def keep_partial(self) -> Path | None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what is whole stays for the next run, too."""
        try:
            self._mux_what_is_open()
        finally:
            self._muxer.shutdown(cancel_futures=True)
            self._segments.close()
        return self._film.keep_partial()

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what an earlier run has done stays."""
        self._muxer.shutdown(cancel_futures=True)
        if self._part is not None:
            self._part.discard()
            self._part = None
        if self._resumed and self.frames == self._resumed:
            self._segments.close()
        else:
            self._segments.remove()
        self._film.discard()

    def _close_part(self, end: int | None) -> None:
        part, self._part = self._part, None
        assert part is not None  # looked at by who calls
        before = part.stored
        written = part.finish()
        self.stored += part.stored - before
        number = len(self._segments.parts)
        done = self._segments.close_part(end, written, self._known)
        # One at a time: what is written twice must not pile up.
        self._wait()
        self._mux(number, done)

    def _mux(self, number: int, part: Part) -> None:
        path, before, film = self._segments.path(number), self._segments.before(number), self._film
        assert part.written is not None  # only pictures have no file
        if part.written.extradata != film.extradata.hex():
            what = "its decoders would need other settings than those of this run"
            raise OutputRefused(f"{path}: {what}", hint="--resume never begins anew")
        packets = packets_of(path, self.encoding, part.written, part.frames, before)
        self._muxing.append(self._muxer.submit(film.take, packets, part.frames))

    def _mux_what_is_open(self) -> None:
        """A part that is not whole plays, but no later run goes on from it."""
        part, self._part = self._part, None
        frames = self._segments.left_open()
        if part is None:
            return
        written = part.finish()
        self._wait()
        number = len(self._segments.parts)
        before = self._segments.before(number)
        if frames and part.stored == len(frames):
            self._film.take(packets_of(part.path, self.encoding, written, frames, before), frames)
        part.discard()

    def _wait(self) -> None:
        waiting, self._muxing = self._muxing, []
        for each in waiting:
            each.result()
