"""An engine that takes minutes to build takes over in the middle of a long render, when it is ready and right."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from birefnet_video.backends.base import (
    BackendInfo,
    Mattes,
    MattingBackend,
    Pending,
    Views,
    begun_home,
    begun_there,
    inferred,
)
from birefnet_video.backends.begun import Begun
from birefnet_video.backends.equality import Change
from birefnet_video.errors import BirefnetVideoError, first_line

#: Batches that are not counted, because what runs for the first time takes longer; and those that tell the pace.
_WARM_UP, _TELLING = 4, 8
M = TypeVar("M", bound=Mattes)


class Better(Protocol):
    """An engine in the making."""

    @property
    def name(self) -> str:
        """Of the engine."""
        ...

    def start(self) -> None:
        """Begin to build it beside the caller; returns at once."""
        ...

    def take(self) -> MattingBackend | None:
        """The engine, opened for the batches that are computed now, once; ``None``: it is not there yet.

        Raises:
            BirefnetVideoError: if there will be none.
        """
        ...

    def close(self) -> None:
        """Stop building; what was not taken is closed. May be called twice."""
        ...


class ReplacingBackend:
    """Computes with one engine, and with a better one from the batch on after which that gave the same mattes.

    It is begun to be built when the batches show that what is left takes longer than the build, and never awaited.
    """

    def __init__(
        self,
        now: MattingBackend,
        better: Better,
        tell: Callable[[str], None],
        *,
        frames: int,
        after_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            now: does the work until then.
            better: takes as many pictures of the same size.
            tell: takes what a user should know.
            frames: how many there are about.
            after_s: seconds of work that must be left.
            clock: seconds from any beginning.
        """
        self._now, self._tell, self._frames, self._after_s, self._clock = now, tell, frames, after_s, clock
        self._better: Better | None = better
        self._made: MattingBackend | None = None
        """Of the better engine, from when it is ready until it is compared."""
        self._is_building = False
        self._overlaps = now.info.overlaps
        self._begun = Begun()
        self._batches = self._done = self._warm_frames = 0
        self._warm_at = 0.0
        self._since = ""

    @property
    def info(self) -> BackendInfo:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        # Who asks once whether batches overlap is not told otherwise in the middle.
        return replace(self._now.info, overlaps=self._overlaps, note=self._since or self._now.info.note)

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: Views) -> Pending:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self._begin(rgb, begun_home)

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`birefnet_video.backends.base.Staying`; what is compared comes home."""
        return self._begin(rgb, begun_there)

    def _begin(
        self, rgb: Views, begin: Callable[[MattingBackend, Views], Callable[[], M]]
    ) -> Callable[[], M | np.ndarray]:
        if self._better is not None:
            self._look(self._better)
        made = self._made
        if made is None:
            pending = self._begun.add(begin(self._now, rgb))
            self._done += len(rgb)
            return pending
        expected = inferred(self._now, rgb)
        self._done += len(rgb)
        self._made = None
        if difference := _difference(made, rgb, expected):
            made.close()
            self._refuse(f"{made.info.name}: built beside the render, but {difference}")
        else:
            self._take_over(made)
        return lambda: expected

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        self._end_building()
        if self._made is not None:
            self._made.close()
            self._made = None
        self._now.close()

    def _look(self, better: Better) -> None:
        """Begin to build the better engine if that is worth it, and see whether it is ready."""
        if not self._is_building:
            if self._remaining_s() > self._after_s:
                self._is_building = True
                better.start()
            return
        try:
            self._made = self._made or better.take()
        except BirefnetVideoError as error:
            self._refuse(error.message)

    def _remaining_s(self) -> float:
        """Seconds until the last frame at the pace so far, whatever holds it up; 0 as long as nobody knows."""
        now = self._clock()
        self._batches += 1
        if self._batches <= _WARM_UP:
            self._warm_frames, self._warm_at = self._done, now
            return 0.0
        counted = self._done - self._warm_frames
        if self._batches <= _WARM_UP + _TELLING or not counted:
            return 0.0
        return max(self._frames - self._done, 0) * (now - self._warm_at) / counted

    def _end_building(self) -> None:
        if self._better is not None:
            self._better.close()
            self._better = None

    def _take_over(self, made: MattingBackend) -> None:
        before = self._now.info.name
        self._begun.close(self._now)
        self._end_building()
        self._now = made
        self._since = f"from frame {self._done + 1} on, {before} before"
        self._tell(f"{made.info.name}: built beside the render, its mattes are the same: it goes on {self._since}")

    def _refuse(self, reason: str) -> None:
        self._end_building()
        self._tell(f"{reason}: {self._now.info.name} does all frames")


def _difference(made: MattingBackend, rgb: Views, expected: np.ndarray) -> str:
    """Why the mattes of an engine are not those expected, in words; nothing, if they are."""
    try:
        change = Change.between(expected, inferred(made, rgb))
    except (BirefnetVideoError, RuntimeError) as error:
        return f"it does not run: {first_line(error)}"
    return "" if change.is_within(made.info.precision) else f"its alpha differs {change.words}"
