"""Numbered pictures that are written in segments, which a later run can go on from."""

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import av

from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.numbered import PictureWriter
from birefnet_video.outputs.segments import KnownAt, Segments
from birefnet_video.outputs.unfinished import refused
from birefnet_video.types import FrameMeta, MediaInfo


class SegmentedPictures(PictureWriter):
    """A :class:`PictureWriter` whose pictures are on the disk when their segment is written down."""

    def __init__(
        self,
        target: Path,
        encoding: Encoding,
        info: MediaInfo,
        *,
        pixel_format: str,
        size: tuple[int, int],
        number_of: Callable[[FrameMeta], int],
        notify: Callable[[str], None],
        kept: tuple[Segments, KnownAt],
    ) -> None:
        """
        Args:
            target: see :class:`PictureWriter`, as all but the last.
            encoding: the same.
            info: the same.
            pixel_format: the same.
            size: the same.
            number_of: the same.
            notify: the same.
            kept: segments, those of an earlier run among them; and what gives what a later run must know.
        """
        self._segments, self._known = kept
        super().__init__(
            target,
            encoding,
            info,
            pixel_format=pixel_format,
            size=size,
            number_of=number_of,
            notify=notify,
            folder=self._segments.folder,
        )
        done = self._segments.frames
        self._numbers = [number_of(meta) for meta in done]
        self._steps = {after.pts - before.pts for before, after in pairwise(done)}
        self.frames = self.stored = self._resumed = self._begun = len(done)
        if done:
            self.first_pts, self.last_pts = done[0].pts, done[-1].pts
        whole = {self._path(number).name for number in self._numbers}
        for path in self.partial.glob(f"*{target.suffix}"):
            if path.name not in whole:
                with suppress(OSError):
                    path.unlink()

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        if self._segments.is_due(meta):
            self._close_part(meta.pts)
        super().write(picture, meta)
        self._segments.note(meta)

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

    def _close_part(self, end: int) -> None:
        # Encoders hold pictures back: the next segment has one of its own.
        self._save(None)
        self._encode = self._begin()
        self._settle()
        self._segments.close_part(end, None, self._known)

    def _settle(self) -> None:
        """The pictures of the open segment are on the disk."""
        try:
            for number in self._numbers[self._begun : self.frames]:
                with self._path(number).open("rb+") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise refused(self.target, error) from None
        self._begun = self.frames
