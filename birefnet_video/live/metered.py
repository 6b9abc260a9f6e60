"""A network whose work is counted."""

import time

import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending


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

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: np.ndarray) -> Pending:
        """See :class:`MattingBackend`."""
        began, pending = time.perf_counter(), self._backend.begin(rgb)

        def collected() -> np.ndarray:
            alpha = pending()
            self.seconds += time.perf_counter() - began
            self.looks += len(rgb)
            return alpha

        return collected

    def close(self) -> None:
        """See :class:`MattingBackend`: whoever has opened it closes it."""
