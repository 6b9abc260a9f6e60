"""How many frames go through the network at once: found by measuring, and halved for a while when memory runs out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from birefnet_video.backends.base import (
    Mattes,
    MattingBackend,
    Pending,
    Views,
    begun_home,
    begun_there,
    check_input,
    inferred,
)
from birefnet_video.backends.batch_memory import BatchMemory
from birefnet_video.backends.begun import Begun
from birefnet_video.backends.growing import Growing
from birefnet_video.errors import NoNumbers, OutOfMemory
from birefnet_video.types import Step

#: A larger batch must be faster by this factor to be worth its memory.
_WORTH = 1.06
M = TypeVar("M", bound=Mattes)


class Reopening(Protocol):
    """Opens backends that take one number of frames alone."""

    def fewer(self, count: int) -> MattingBackend:
        """One for ``count`` frames, built if need be.

        Raises:
            BackendUnavailable: if it does not start.
        """
        ...

    def more(self, count: int) -> MattingBackend | None:
        """One for ``count`` frames beside the one that is open; ``None`` if none lies ready, or none has room."""
        ...


class AdaptiveBackend:
    """Passes batches on to another backend in smaller pieces, if that is faster or all that fits.

    When memory runs out the pieces are halved, and after some batches twice as large again: see :class:`Growing`. What
    has been said of a number is not said again.
    """

    def __init__(
        self,
        inner: MattingBackend,
        tell: Callable[[str], None],
        *,
        measures: bool,
        memory: BatchMemory | None = None,
        reopening: Reopening | None = None,
        growing: Growing | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            inner: takes any number of frames up to ``inner.info.batch_size``.
            tell: takes what a user should know.
            measures: try smaller numbers on the first batches and keep the fastest.
            memory: of what was found earlier, which counts without trials; takes what is found now.
            reopening: opens another backend, if ``inner`` takes one number of frames alone.
            growing: knows when more are tried again.
            clock: seconds from any beginning.
        """
        self._inner, self._tell, self._clock = inner, tell, clock
        self._reopening, self._growing = reopening, growing or Growing()
        self._at_once = self._full = inner.info.batch_size
        self._begun, self._told = Begun(), set[str]()
        self._memory = memory
        known = memory.recall(self._at_once) if memory is not None else None
        self._trials = self._try_sizes() if measures and self._at_once > 1 and known is None else None
        #: What a trial computes, and what it makes of it.
        self._batch: Views = np.empty(0)
        self._result = np.empty(0)
        self._failed: NoNumbers | None = None
        self.info = inner.info
        if known is not None:
            self._settle(known, "measured before")

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: Views) -> Pending:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self._begin(rgb, begun_home, _join)

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`birefnet_video.backends.base.Staying`; what is tried or done again comes home."""
        return self._begin(rgb, begun_there, _join_there)

    def _begin(
        self,
        rgb: Views,
        begin: Callable[[MattingBackend, Views], Callable[[], M]],
        join: Callable[[list[M]], M],
    ) -> Callable[[], M | np.ndarray]:
        """
        Args:
            rgb: the batch.
            begin: begins a part of it with a backend.
            join: puts the parts' mattes together.
        """
        check_input(rgb, self.info)
        # One picture alone says nothing of several.
        if self._trials is not None and len(rgb) > 1:
            alpha = self._run_trial(rgb, self._trials)
            return lambda: alpha
        if len(rgb) > self._at_once < self._full and self._growing.is_due:
            self._grow()
        at_once = self._at_once
        failed: OutOfMemory | None = None
        pieces: list[Callable[[], M]] = []
        try:
            pieces = [begin(self._inner, piece) for piece in self._pieces(rgb)]
        except OutOfMemory as error:
            failed = error.with_traceback(None)
        if failed is not None:
            alpha = self._run_smaller(rgb, failed, at_once)
            return lambda: alpha
        pending = self._begun.add(lambda: join([piece() for piece in pieces]))

        def collect() -> M | np.ndarray:
            try:
                mattes = pending()
            except OutOfMemory as error:
                failed = error.with_traceback(None)
            else:
                self._growing.good()
                return mattes
            pieces.clear()
            return self._run_smaller(rgb, failed, at_once)

        return collect

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        self._inner.close()

    def _pieces(self, rgb: Views) -> list[Views]:
        return [rgb[start : start + self._at_once] for start in range(0, len(rgb), self._at_once)]

    def _run_smaller(self, rgb: Views, failed: OutOfMemory, at_once: int) -> np.ndarray:
        """Called when the error is no longer handled: its traceback would keep the memory that is missing.

        Args:
            rgb: the batch.
            failed: what it has raised.
            at_once: frames that were too many.
        """
        while True:
            # Another batch may have failed meanwhile, and there are fewer already.
            if at_once <= self._at_once:
                self._halve(failed)
            at_once = self._at_once
            try:
                return self._run(rgb)
            except OutOfMemory as error:
                failed = error.with_traceback(None)

    def _run(self, rgb: Views) -> np.ndarray:
        return _join([inferred(self._inner, piece) for piece in self._pieces(rgb)])

    def _halve(self, error: OutOfMemory) -> None:
        """
        Raises:
            OutOfMemory: if there is nothing to halve.
        """
        if self._at_once == 1:
            raise error
        if self._trials is not None:
            self._trials, self._full = None, self._at_once
        self._at_once //= 2
        self._growing.failed()
        self._tell_once(f"{error.message}: going on with {self._at_once}")
        if self._reopening is not None:
            # First, because there is no memory for both.
            self._begun.close(self._inner)
            self._inner = self._reopening.fewer(self._at_once)

    def _grow(self) -> None:
        more = min(2 * self._at_once, self._full)
        if self._reopening is not None:
            larger = self._reopening.more(more)
            if larger is None:
                self._growing.tried()
                self._growing.failed()
                return
            self._begun.close(self._inner)
            self._inner = larger
        self._growing.tried()
        self._at_once = more
        self._tell_once(f"{self.info.name}: {more} frames at once are tried again")

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(message)

    def _run_trial(self, rgb: Views, trials: Iterator[None]) -> np.ndarray:
        self._batch = rgb
        try:
            next(trials)
            if self._failed is not None:
                failed_trial, self._failed = self._failed, None
                raise failed_trial
            return self._result
        except StopIteration:
            self._trials = None
            return self.begin(rgb)()
        except OutOfMemory as error:
            failed = error.with_traceback(None)
        return self._run_smaller(rgb, failed, self._at_once)

    def _try_sizes(self) -> Iterator[None]:
        """Computes one batch a step, with sizes 1, 2, 4 and so on; at the end the fastest one is set."""
        largest = self._at_once
        sizes = [1 << power for power in range(largest.bit_length()) if 1 << power < largest] + [largest]
        self._tell(Step(f"the first frames show how many at once are fastest: {', '.join(map(str, sizes))}"))
        seconds: list[float] = []
        for size in sizes:
            self._at_once = size
            # What runs for the first time allocates, and is not counted.
            for timed in (False, True):
                began = self._clock()
                try:
                    self._result = self._run(self._batch)
                except NoNumbers as error:
                    # An error that came through a generator would end it: the trials go on.
                    self._failed = error
                spent = (self._clock() - began) / len(self._batch)
                if timed:
                    seconds.append(spent)
                yield
        best = 0
        for index in range(1, len(sizes)):
            if seconds[best] > seconds[index] * _WORTH:
                best = index
        rates = ", ".join(f"{size}: {1 / spent:.1f}" for size, spent in zip(sizes, seconds, strict=True))
        self._settle(sizes[best], f"measured; frames a second by size: {rates}")
        if self._memory is not None:
            self._memory.keep(sizes[best])

    def _settle(self, at_once: int, why: str) -> None:
        self._at_once = self._full = at_once
        self.info = replace(self.info, note=_add(self.info.note, f"batch {at_once} {why}"))


def _add(note: str, more: str) -> str:
    return f"{note}; {more}" if note else more


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _join_there(parts: list[Mattes]) -> Mattes:
    """Of one backend, whose mattes stay or do not."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return _join([part for part in parts if isinstance(part, np.ndarray)])
    return [plane for part in parts if isinstance(part, list) for plane in part]
