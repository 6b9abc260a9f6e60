"""Where segments of an output begin: a function of the times of its frames alone."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction

from birefnet_video.types import FrameMeta

#: A shorter segment goes on beyond its time: encoders hold back fewer frames than these.
LEAST_FRAMES = 16
#: Share of a segment's length that the next one may begin later, and lengths from which on it may.
_LATER, _LEAST_S = Fraction(1, 4), 8
#: What is read before the first frame that is wanted: seconds that seeking stays behind, frames that batches and known
#: times reach back.
_SEEK_S, _BEFORE = 1, 20


class Cutter:
    """Frames one after another, and which of them begin a segment.

    Segments end where multiples of their length lie, counted from the first frame of all, or a little later: where who
    begins with the next one has least to decode beforehand. That is so far behind a keyframe as reading begins earlier.
    """

    def __init__(self, seconds: Fraction, lead: int = 0) -> None:
        """
        Args:
            seconds: length of a segment.
            lead: frames before the first one of a segment that its mattes depend on.
        """
        self._seconds, self._reach = seconds, lead + _BEFORE
        self._later = seconds * _LATER if seconds >= _LEAST_S else Fraction(0)
        self._start: Fraction | None = None
        self._slot = self._open = 0
        self._has_keys = False
        self._keys: deque[FrameMeta] = deque()
        """Keyframes of the open segment that seeking does not reach yet."""
        self._cheap: deque[int] = deque()
        """Indexes of frames to come that the next one had best begin with."""

    def is_due(self, meta: FrameMeta) -> bool:
        """Whether a new segment begins with a frame, so that the open one must be closed."""
        if self._open < LEAST_FRAMES or self._slot_of(meta) <= self._slot:
            return False
        late = self._time_of(meta) - (self._slot + 1) * self._seconds
        return late >= self._later or not self._has_keys or meta.index in self._cheap

    def note(self, meta: FrameMeta) -> None:
        """A frame is part of the open segment."""
        if not self._open:
            self._slot, self._has_keys = self._slot_of(meta), False
            self._keys.clear()
            self._cheap.clear()
        self._open += 1
        while self._cheap and self._cheap[0] <= meta.index:
            self._cheap.popleft()
        while self._keys and (meta.pts - self._keys[0].pts) * meta.time_base >= _SEEK_S:
            self._keys.popleft()
            self._cheap.append(meta.index + self._reach)
        if meta.is_key:
            self._has_keys = True
            self._keys.append(meta)

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
        return math.floor(self._time_of(meta) / self._seconds)

    def _time_of(self, meta: FrameMeta) -> Fraction:
        """In seconds from the first frame of all."""
        time = meta.pts * meta.time_base
        self._start = time if self._start is None else self._start
        return time - self._start


def cut_up(frames: Sequence[FrameMeta], seconds: Fraction, lead: int = 0, done: int = 0) -> Iterator[tuple[int, int]]:
    """The segments of known frames: index of the first one of each, and of the first one behind it.

    Args:
        frames: all of them.
        seconds: length of a segment.
        lead: as of :class:`Cutter`.
        done: frames that lie in segments already.
    """
    cutter, first = Cutter(seconds, lead), done
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
