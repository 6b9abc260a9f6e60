"""Where segments of an output begin: a function of the times of its frames alone."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from birefnet_video.types import FrameMeta

#: A shorter segment goes on beyond its time: encoders hold back fewer frames than these.
LEAST_FRAMES = 16


class Cutter:
    """Frames one after another, and which of them begin a segment.

    Segments end where multiples of their length lie, counted from the first frame of all.
    """

    def __init__(self, seconds: Fraction) -> None:
        """
        Args:
            seconds: length of a segment.
        """
        self._seconds = seconds
        self._start: Fraction | None = None
        self._slot = self._open = 0

    def is_due(self, meta: FrameMeta) -> bool:
        """Whether a new segment begins with a frame, so that the open one must be closed."""
        return self._open >= LEAST_FRAMES and self._slot_of(meta) > self._slot

    def note(self, meta: FrameMeta) -> None:
        """A frame is part of the open segment."""
        if not self._open:
            self._slot = self._slot_of(meta)
        self._open += 1

    def close(self) -> None:
        """The open segment has ended."""
        self._open = 0

    def go_on(self, first: FrameMeta, last: FrameMeta) -> None:
        """Go on behind segments that are whole.

        Args:
            first: the first frame of all.
            last: the last one of those segments.
        """
        self._start = first.pts * first.time_base
        self._slot, self._open = self._slot_of(last), 0

    def _slot_of(self, meta: FrameMeta) -> int:
        time = meta.pts * meta.time_base
        self._start = time if self._start is None else self._start
        return math.floor((time - self._start) / self._seconds)


def cut_up(frames: Sequence[FrameMeta], seconds: Fraction, done: int = 0) -> Iterator[tuple[int, int]]:
    """The segments of known frames: index of the first one of each, and of the first one behind it.

    Args:
        frames: all of them.
        seconds: length of a segment.
        done: frames that lie in segments already.
    """
    cutter, first = Cutter(seconds), done
    if done:
        cutter.go_on(frames[0], frames[done - 1])
    for meta in frames[done:]:
        if cutter.is_due(meta):
            yield first, meta.index
            first = meta.index
            cutter.close()
        cutter.note(meta)
    if first < len(frames):
        yield first, len(frames)
