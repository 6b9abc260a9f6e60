"""The matte of one picture after another, by a network, steadied by what came before."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.smoothing import make_smoother
from birefnet_video.matting.temporal.votes import View, make_colour
from birefnet_video.matting.temporal.warp import Step, make_step
from birefnet_video.matting.upload import fetched
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.torch_threads import use_one_core
from birefnet_video.types import Frame, Matte, MediaInfo

#: A picture counts as the one before if no cell of a sixteenth of its sides differs by more, in levels of 255.
_UNCHANGED, _CELL = 1.5, 16
#: Against the size that files get, motion is found in less than half of the time, and mattes that move are one or two
#: hundredths less steady.
_FLOW_SIDE = 320


class LiveMatting:
    """One thread; closed by whoever made it."""

    def __init__(self, matting: Matting, info: MediaInfo, *, steady: bool) -> None:
        """
        Args:
            matting: of batch size 1.
            info: of the camera.
            steady: smooth mattes over time.
        """
        self._matting = matting
        self._info = info
        device = matting.info.device
        self._device = torch.device(device if device.startswith("cuda") else "cpu")
        self._smoother = make_smoother("live") if steady else None
        self._estimator = MotionEstimator(info.width, info.height, side=_FLOW_SIDE)
        self._pool = ThreadPoolExecutor(1, "birefnet-video motion", initializer=use_one_core)
        self._state: Any = None
        self._grey: np.ndarray | None = None
        self._cells: np.ndarray | None = None
        self._alpha: np.ndarray | None = None
        self.network_s = 0.0
        """Seconds that the network took for the latest picture; 0 if it was not asked."""

    def set_info(self, info: MediaInfo) -> None:
        """The pictures are turned otherwise from now on: what came before says nothing about them."""
        self._info = info
        self._state = self._grey = self._cells = self._alpha = None

    def matte(self, frame: Frame) -> Matte:
        """The matte of the next picture, at the network's size."""
        view = self._matting.view(frame.picture, self._info)
        cells = _cells(view)
        if self._alpha is not None and self._cells is not None and np.abs(cells - self._cells).max() <= _UNCHANGED:
            self.network_s = 0.0
            return Matte(frame, self._alpha, view)
        self._cells = cells
        # What needs no matte is found while the network works.
        seen = self._pool.submit(self._look, view) if self._smoother is not None else None
        started = time.perf_counter()
        alpha = self._matting.begin(view[None])()[0]
        self.network_s = time.perf_counter() - started
        self._alpha = alpha if seen is None else self._steady(alpha, *seen.result())
        return Matte(frame, self._alpha, view)

    def close(self) -> None:
        """End its thread."""
        self._pool.shutdown()

    def _look(self, rgb: np.ndarray) -> tuple[Tensor, Step | None]:
        """A picture as smoothing sees it, and the step to it; mattes have the size of ``rgb``."""
        before, self._grey = self._grey, self._estimator.look(rgb)
        size = (rgb.shape[0], rgb.shape[1])
        # On a GPU the rest waits for the network.
        motion = self._estimator.between(before, self._grey) if before is not None else None
        colour = make_colour(rgb, size, self._device)
        if motion is None or not motion.continues:
            return colour, None
        return colour, make_step(motion, size, self._device)

    def _steady(self, alpha: np.ndarray, colour: Tensor, step: Step | None) -> np.ndarray:
        assert self._smoother is not None
        own = torch.from_numpy(alpha.copy()).to(self._device)[None, None]
        self._state, given = self._smoother.push(self._state, View(own, colour), step)
        # A copy on the CPU, too: the smoother goes on with its own.
        return fetched([given[0][0, 0]])[0]


def _cells(rgb: np.ndarray) -> np.ndarray:
    height, width = (side // _CELL * _CELL for side in rgb.shape[:2])
    return resized(rgb[:height, :width], (height // _CELL, width // _CELL)).astype(np.float32)
