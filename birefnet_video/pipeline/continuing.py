"""Reading on from the middle of an input, as if all before it had been read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from birefnet_video.inputs.reader import Reader
from birefnet_video.types import Cut, Frame, FrameMeta

#: Frames before the first one that is wanted, whose times tell whether what is read is what was meant.
_TOLD_BY = 4


class Reading(Protocol):
    """What is to be known of an input whose frames have been read."""

    @property
    def damage(self) -> list[str]:
        """What could not be read, known after the last frame."""
        ...

    @property
    def given(self) -> int:
        """Frames that were given, those that need not be read again among them."""
        ...

    @property
    def promised(self) -> int | None:
        """Frames that the input holds, where that is known and all of it was read."""
        ...


class FrameSource(Reading, Protocol):
    """What is asked of a reader."""

    def frames(self) -> Iterator[Frame]:
        """The frames, in the order of display."""
        ...


class MakeReader(Protocol):
    """Makes a reader of one input."""

    def __call__(self, *, cut: Cut | None, before: int = 0) -> Reader:
        """See :class:`birefnet_video.inputs.reader.Reader`."""
        ...


class Continuation:
    """Frames of an input from a known one on: a :class:`FrameSource`.

    Where an earlier run had nothing to mend, a decoder begins at the keyframe before. What it gives must have the times
    that are known; otherwise, and where something was mended, all is decoded from the beginning.
    """

    def __init__(
        self, make: MakeReader, cut: Cut | None, known: Sequence[FrameMeta], begin: int, *, may_seek: bool
    ) -> None:
        """
        Args:
            make: makes readers.
            cut: the part of the input that is taken; ``None``: all of it.
            known: frames of it that have been read before, all from the first one on.
            begin: index of the first one that is wanted.
            may_seek: nothing of them had to be mended.
        """
        self._make, self._cut, self._begin, self._start = make, cut, begin, known[0].pts
        self._known = list(known[max(0, begin - _TOLD_BY) : begin]) if may_seek else []
        self._reader = make(cut=cut)

    @property
    def damage(self) -> list[str]:
        """See :class:`FrameSource`."""
        return self._reader.damage

    @property
    def given(self) -> int:
        """See :class:`FrameSource`."""
        return self._reader.given

    @property
    def promised(self) -> int | None:
        """See :class:`FrameSource`."""
        return self._reader.promised

    @property
    def is_plain(self) -> bool:
        """As of :class:`Reader`."""
        return self._reader.is_plain

    def frames(self) -> Iterator[Frame]:
        """The frames that are wanted, at the times and places that they have among all."""
        if self._known and (sought := self._sought()) is not None:
            yield from sought
            return
        yield from (frame for frame in self._reader.frames() if frame.meta.index >= self._begin)

    def _sought(self) -> Iterator[Frame] | None:
        first, shift = self._known[0], 0
        if self._cut is not None:
            shift = self._cut.shift(first.time_base)
        end = self._cut.end if self._cut is not None else None
        reader = self._make(cut=Cut((first.pts + shift) * first.time_base, end), before=first.index)

        def at_home(frame: Frame) -> Frame:
            meta = frame.meta
            # From the first one of all, not from the first one that is read.
            since = (meta.pts + first.pts - self._start) * meta.time_base
            reader.info.limits.check_duration(reader.info.path, since)
            return replace(frame, meta=replace(meta, index=meta.index + first.index, pts=meta.pts + first.pts))

        frames = map(at_home, reader.frames())
        found = [frame.meta.pts for frame in islice(frames, len(self._known))]
        if found != [meta.pts for meta in self._known]:
            return None
        self._reader = reader
        return frames
