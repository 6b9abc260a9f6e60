"""Numbered pictures that are written in segments, which a later run can go on from."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import av

from birefnet_video.outputs.numbered import NumberedPictures, PictureWriter
from birefnet_video.outputs.segments import KnownAt, Part, Segments
from birefnet_video.outputs.unfinished import refused
from birefnet_video.types import FrameMeta


class SegmentedPictures(PictureWriter):
    """A :class:`PictureWriter` whose pictures are on the disk when their segment is written down."""

    def __init__(
        self, pictures: NumberedPictures, notify: Callable[[str], None], kept: tuple[Segments, KnownAt]
    ) -> None:
        """
        Args:
            pictures: see :class:`PictureWriter`.
            notify: the same.
            kept: segments, those of an earlier run among them; and what gives what a later run must know.
        """
        self._segments, self._known = kept
        super().__init__(pictures, notify, self._segments.folder)
        done = self._segments.frames
        self._numbers = [self._number_of(meta) for meta in done]
        self._steps = {after.pts - before.pts for before, after in pairwise(done)}
        self.frames = self.stored = self._resumed = self._begun = len(done)
        if done:
            self.first_pts, self.last_pts = done[0].pts, done[-1].pts
        whole = {self._path(number).name for number in self._numbers}
        for path in self.partial.glob(f"*{self.target.suffix}"):
            if path.name not in whole:
                with suppress(OSError):
                    path.unlink()

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        if self._segments.is_due(meta):
            self._close_part(meta.pts)
        super().write(picture, meta)
        self._segments.note(meta)

    def adopt(self, part: Part, place: Path) -> None:
        """Take a segment that somebody else has made.

        Args:
            part: what it holds.
            place: folder of its pictures, which is taken.

        Raises:
            OutputRefused: if one of them is not there, or that cannot be written down.
        """
        numbers = [self._number_of(meta) for meta in part.frames]
        try:
            for number in numbers:
                (place / self._path(number).name).replace(self._path(number))
                self.size += self._path(number).stat().st_size
            shutil.rmtree(place)
        except OSError as error:
            raise refused(self.target, error) from None
        self._segments.add(part)
        self._numbers += numbers
        known = [meta.pts for meta in part.frames]
        self._steps |= {after - before for before, after in pairwise([*self._last(), *known])}
        self.first_pts = known[0] if self.first_pts is None else self.first_pts
        self.last_pts = known[-1]
        self.frames = self.stored = self._begun = self.frames + len(known)

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        super().finish()
        if self._begun < self.frames:
            self._settle()
            self._segments.close_part(None, None, self._known)

    def keep_partial(self) -> Path | None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what is whole stays for the next run, too."""
        kept = super().keep_partial()
        if kept is not None:
            self._segments.close()
        return kept

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`; what an earlier run has done stays."""
        if self._resumed and self.frames == self._resumed:
            self._segments.close()
            return
        self._segments.close()
        super().discard()

    def _last(self) -> list[int]:
        return [] if self.last_pts is None else [self.last_pts]

    def _close_part(self, end: int) -> None:
        # Encoders hold pictures back: the next segment has one of its own.
        self._save(None)
        self._encode = self._begin()
        self._settle()
        self._segments.close_part(end, None, self._known)

    def _settle(self) -> None:
        """The pictures of the open segment are on the disk."""
        self.settle(self._numbers[self._begun : self.frames])
        self._begun = self.frames
