"""A network whose work is counted."""

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from birefnet_video.backends.base import BackendInfo, Mattes, MattingBackend, Pending, Views, begun_home, begun_there

M = TypeVar("M", bound=Mattes)


class Metered:
    """A :class:`MattingBackend` of whoever closes it. One thread."""

    def __init__(self, backend: MattingBackend) -> None:
        """
        Args:
            backend: does the work.
        """
        self._backend = backend
        self.seconds = 0.0
        """That it took until its mattes were there."""
        self.looks = 0
        """Pictures, or parts of them, that it was asked for."""

    @property
    def info(self) -> BackendInfo:
        """See :class:`MattingBackend`."""
        return self._backend.info

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: Views) -> Pending:
        """See :class:`MattingBackend`."""
        return self._counted(rgb, begun_home)

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`birefnet_video.backends.base.Staying`."""
        return self._counted(rgb, begun_there)

    def _counted(self, rgb: Views, begin: Callable[[MattingBackend, Views], Callable[[], M]]) -> Callable[[], M]:
        began = time.perf_counter()
        pending = begin(self._backend, rgb)

        def collected() -> M:
            mattes = pending()
            self.seconds += time.perf_counter() - began
            self.looks += len(rgb)
            return mattes

        return collected

    def close(self) -> None:
        """See :class:`MattingBackend`: whoever has opened it closes it."""
