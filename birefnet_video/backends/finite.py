"""Mattes that are no numbers, made again in a precision that reaches further."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

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
from birefnet_video.backends.begun import Begun, raising
from birefnet_video.backends.devices import has_fast_bfloat16
from birefnet_video.errors import NoNumbers, OutOfMemory

#: By precision, those whose numbers reach further; where bfloat16 is slow float32 is as well taken at once.
_WIDER = {"fp16": ("bf16", "fp32"), "bf16": ("fp32",)}
M = TypeVar("M", bound=Mattes)


def finite(
    backend: MattingBackend, tell: Callable[[str], None], open_wider: Callable[[str], MattingBackend]
) -> MattingBackend:
    """A backend whose mattes are numbers as far as a wider precision can help; see :class:`FiniteBackend`.

    Args:
        backend: does the work.
        tell: takes what a user should know.
        open_wider: opens the same network in another precision, for as many pictures at once.
    """
    info = backend.info
    wider = [each for each in _WIDER.get(info.precision, ()) if each != "bf16" or has_fast_bfloat16(info.device)]
    return FiniteBackend(backend, tell, wider, open_wider) if wider else backend


class FiniteBackend:
    """Does a batch again in the next wider precision where its mattes are no numbers.

    The first time, only that batch; the second time, all that follow, and what is wider still stands ready.
    """

    def __init__(
        self,
        backend: MattingBackend,
        tell: Callable[[str], None],
        wider: Sequence[str],
        open_wider: Callable[[str], MattingBackend],
    ) -> None:
        """
        Args:
            backend: does the work as long as it can; raises :class:`NoNumbers`.
            tell: takes what a user should know.
            wider: precisions to go to, one after the other.
            open_wider: opens the same network in one of them, for ``backend.info.batch_size`` pictures.
        """
        self._now, self._tell, self._open_wider = backend, tell, open_wider
        self._left = list(wider)
        self._overlaps = backend.info.overlaps
        self._beside: MattingBackend | None = None
        """The next wider one, opened for a batch and kept."""
        self._begun = Begun()

    @property
    def info(self) -> BackendInfo:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        # Who asks once whether batches overlap is not told otherwise in the middle.
        return replace(self._now.info, overlaps=self._overlaps)

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: Views) -> Pending:
        """See :class:`birefnet_video.backends.base.MattingBackend`; the pictures may not change until collected.

        Raises:
            NoNumbers: if float32 has no numbers either.
        """
        return self._begin(rgb, begun_home)

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`birefnet_video.backends.base.Staying`; what is done again comes home."""
        return self._begin(rgb, begun_there)

    def _begin(
        self, rgb: Views, begin: Callable[[MattingBackend, Views], Callable[[], M]]
    ) -> Callable[[], M | np.ndarray]:
        now = self._now
        pending: Callable[[], M]
        try:
            pending = begin(now, rgb)
        except NoNumbers as error:
            # Of a backend that does not compute beside its caller.
            pending = raising(error)
        pending = self._begun.add(pending)

        def collect() -> M | np.ndarray:
            try:
                return pending()
            except NoNumbers as error:
                failed = error.with_traceback(None)
            return self._again(rgb, now, failed)

        return collect

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        self._now.close()
        if self._beside is not None:
            self._beside.close()

    def _again(self, rgb: Views, by: MattingBackend, failed: NoNumbers) -> np.ndarray:
        while True:
            by = self._helper(by, failed)
            try:
                return inferred(by, rgb)
            except NoNumbers as error:
                failed = error.with_traceback(None)
                continue
            except OutOfMemory:
                if by is not self._beside:
                    raise
            # There is no room for two.
            by = self._take_over()
            return inferred(by, rgb)

    def _helper(self, by: MattingBackend, failed: NoNumbers) -> MattingBackend:
        """Who does again what ``by`` could not.

        Raises:
            NoNumbers: ``failed``, if there is nobody.
        """
        if by is self._beside:
            by.close()
            self._beside = None
        elif by is not self._now:
            # Begun before another one has taken over.
            return self._now
        elif self._beside is not None:
            return self._take_over()
        if not self._left:
            raise failed
        precision = self._left.pop(0)
        self._tell(f"{failed.message}: the batch is done again in {precision}")
        self._beside = self._open_wider(precision)
        return self._beside

    def _take_over(self) -> MattingBackend:
        """Let the wider one do all that follows."""
        assert self._beside is not None  # asked by the callers
        self._begun.close(self._now)
        self._now, self._beside = self._beside, None
        info = self._now.info
        self._tell(f"{info.model}: {info.name} in {info.precision} does all frames from here on")
        return self._now
