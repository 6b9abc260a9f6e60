"""A backend without a network: the matte is the brightness. For tests and for measuring the pipeline around it."""

import time
from dataclasses import replace

import numpy as np

from birefnet_video.backends.base import BackendInfo, Pending, check_input

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)


class StubBackend:
    """Deterministic, needs no torch; ``delay_s`` a frame is slept outside the interpreter lock, as a GPU would."""

    def __init__(self, info: BackendInfo, *, delay_s: float = 0.0) -> None:
        self.info = replace(info, name="stub", precision="none")
        self._delay_s = delay_s

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        check_input(rgb, self.info)
        if self._delay_s:
            time.sleep(self._delay_s * len(rgb))
        return (rgb @ _LUMA / np.float32(255)).clip(0, 1).astype(np.float32)

    def begin(self, rgb: np.ndarray) -> Pending:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        alpha = self.infer(rgb)
        return lambda: alpha

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
