"""One segment of an output, in a file or a folder of its own: nobody joins it here."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av

from birefnet_video.outputs.decoding_times import DecodingTimes
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.numbered import NumberedPictures, PictureWriter
from birefnet_video.outputs.packets import apart
from birefnet_video.outputs.parts import PartWriter, Written
from birefnet_video.outputs.shown import ShownFrames
from birefnet_video.outputs.unfinished import refused
from birefnet_video.outputs.verify import Promise
from birefnet_video.types import FrameMeta, SoundLength


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a segment must know of the rest of its output."""

    before: FrameMeta | None
    """The frame before its first one, at the time that the output gives it."""
    after: FrameMeta | None
    """The frame behind its last one."""
    told: Callable[[int], None] = lambda count: None
    """Takes how many more frames lie on the disk."""


class PartSink:
    """A :class:`birefnet_video.outputs.sink.Sink` of one segment's frames. It is never committed: others join it."""

    audio_tracks = 0
    sound_lengths: tuple[SoundLength | None, ...] = ()

    def __init__(
        self,
        target: Path,
        encoding: Encoding,
        part: PartWriter,
        around: Surroundings,
    ) -> None:
        """
        Args:
            target: of the output, to be named.
            encoding: of the output.
            part: takes the frames.
            around: what lies around them.
        """
        self.target, self.encoding = target, encoding
        self.frames = self.stored = 0
        self.first_pts: int | None = None
        self.sound_damage: list[str] = []
        self.written: Written | None = None
        """What its file holds, once it is finished."""
        self._part = part
        self._around = around
        self.metas = ShownFrames()
        """The frames, at the times that the output gives them."""
        self._times = DecodingTimes((), self.metas)

    @property
    def partial(self) -> Path:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self._part.path

    @property
    def last_pts(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self.metas[-1].pts if self.metas else None

    @property
    def last_duration(self) -> int | None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        return self.metas[-1].duration if self.metas else None

    @property
    def size(self) -> int:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        with suppress(OSError):
            return self.partial.stat().st_size
        return 0

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        before = self.metas[-1] if self.metas else self._around.before
        meta = apart(meta, before.pts if before is not None else None, self.encoding.container)
        self.metas.add(meta)
        self.first_pts = self.metas[0].pts
        self._take(self._part.write(picture, meta))
        self.frames += 1

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._take(self._part.flush())
        list(self._times.finish())
        if self._around.after is not None:
            self.metas.end_at(apart(self._around.after, self.last_pts, self.encoding.container).pts)
        self.written = self._part.finish(self._times.delay)

    def verify(self, promise: Promise) -> None:
        """Who joins it does that."""

    def keep_partial(self) -> Path | None:
        """A part that is not whole is worth nothing."""
        self.discard()
        return None

    def commit(self, *, overwrite: bool) -> None:
        """Who joins it does that."""

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        self._part.discard()

    def _take(self, packets: Sequence[av.Packet]) -> None:
        self.stored += len(packets)
        list(self._times.push(packets))
        self._around.told(len(packets))


class PartPictures(PictureWriter):
    """The same as numbered pictures in a folder of their own."""

    written: Written | None = None

    def __init__(self, pictures: NumberedPictures, folder: Path, around: Surroundings) -> None:
        """
        Args:
            pictures: see :class:`PictureWriter`.
            folder: that it makes for them.
            around: what lies around them.
        """
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise refused(pictures.target, error) from None
        # Who joins them knows the times of all.
        super().__init__(pictures, lambda message: None, folder)
        self.metas = ShownFrames()
        self._around = around

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        stored = self.stored
        super().write(picture, meta)
        self.metas.add(meta)
        self._around.told(self.stored - stored)

    def finish(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        stored = self.stored
        super().finish()
        self._around.told(self.stored - stored)
        if self._around.after is not None:
            self.metas.end_at(self._around.after.pts)
        self.settle(self._numbers)

    def keep_partial(self) -> Path | None:
        """A part that is not whole is worth nothing."""
        self.discard()
        return None

    def discard(self) -> None:
        """See :class:`birefnet_video.outputs.sink.Sink`."""
        shutil.rmtree(self.partial, ignore_errors=True)
