"""The matte of one picture after another, by a network, steadied by what came before."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.wide import WideBackend, wide_size
from birefnet_video.live.metered import Metered
from birefnet_video.live.subjects import LiveSubjects
from birefnet_video.matting.device_plane import DevicePlane, staying
from birefnet_video.matting.device_tensor import at_home, on_device
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.smoothing import make_smoother
from birefnet_video.matting.temporal.votes import View, make_colour
from birefnet_video.matting.temporal.warp import Step, make_step
from birefnet_video.matting.upload import fetched
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.torch_threads import use_one_core
from birefnet_video.types import Frame, Matte, MediaInfo, Motion

#: A picture counts as the one before if no cell of a sixteenth of its sides differs by more, in levels of 255.
_UNCHANGED, _CELL = 1.5, 16
#: Against the size that files get, motion is found in less than half of the time, and mattes that move are one or two
#: hundredths less steady.
_FLOW_SIDE = 320


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is found in a picture while the network works."""

    motion: Motion | None
    """To it from the one before."""
    colour: Tensor | None
    """The picture as smoothing sees it, if mattes are smoothed."""
    step: Step | None
    """The same motion as smoothing takes it; ``None`` at cuts."""


class LiveMatting:
    """One thread; closed by whoever made it."""

    def __init__(
        self, matting: Matting, info: MediaInfo, *, steady: bool, subjects: LiveSubjects | None = None
    ) -> None:
        """
        Args:
            matting: of batch size 1; with subjects its views may be larger than its network's input.
            info: of the camera.
            steady: smooth mattes over time.
            subjects: who is followed; ``None``: everything is kept.
        """
        self._info = info
        self._smoother = make_smoother("live") if steady else None
        self._estimator = MotionEstimator(info.width, info.height, side=_FLOW_SIDE)
        self._pool = ThreadPoolExecutor(1, "birefnet-video motion", initializer=use_one_core)
        self._state: Any = None
        self._grey: np.ndarray | None = None
        self._cells: np.ndarray | None = None
        self._alpha: np.ndarray | DevicePlane | None = None
        self.network_s = 0.0
        """Seconds that the network took for the latest picture; 0 if it was not asked."""
        self.looks = 0
        """How often it looked at the latest picture."""
        self.use(matting, subjects)

    def use(self, matting: Matting, subjects: LiveSubjects | None = None) -> None:
        """Another network, or other views, from the next picture on: what is known of motion and subjects stays.

        Args:
            matting: as of :meth:`__init__`.
            subjects: the same.
        """
        device, backend = matting.info.device, matting.backend
        self._device = torch.device(device if device.startswith("cuda") else "cpu")
        self._network = Metered(backend.narrow if isinstance(backend, WideBackend) else backend)
        self._matting, self._metered = matting, replace(matting, backend=self._network)
        self._subjects = subjects
        if subjects is not None:
            subjects.look_with(self._network, self._info, self._estimator.grid, matting.info.input_size)
        self._state = self._cells = self._alpha = None

    def set_info(self, info: MediaInfo) -> None:
        """The pictures are mirrored otherwise from now on: mattes of those before say nothing about them."""
        self._info = info
        self._state = self._cells = self._alpha = None
        if self._grey is not None:
            self._grey = np.ascontiguousarray(self._grey[:, ::-1])
        if self._subjects is not None:
            self._subjects.mirror()

    def matte(self, frame: Frame) -> Matte:
        """The matte of the next picture, at the view's size."""
        view = at_home(self._matting.view(frame.picture, self._info))
        cells = _cells(view)
        is_same = self._cells is not None and np.abs(cells - self._cells).max() <= _UNCHANGED
        if self._alpha is not None and is_same and (self._subjects is None or self._subjects.rest(frame.meta)):
            self.network_s, self.looks = 0.0, 0
            return Matte(frame, self._alpha, view)
        self._cells = cells
        seconds, looks = self._network.seconds, self._network.looks
        # What needs no matte is found while the network works.
        needs_motion = self._smoother is not None or self._subjects is not None
        found = self._pool.submit(self._look, view) if needs_motion else None
        alpha: np.ndarray | DevicePlane
        if self._subjects is not None and found is not None:
            alpha = self._subjects.alpha(frame.meta, view, lambda: found.result().motion)
        else:
            alpha = self._metered.begin_for_compositor(view[None])()[0]
        self.network_s, self.looks = self._network.seconds - seconds, self._network.looks - looks
        self._alpha = alpha if found is None or self._smoother is None else self._steady(alpha, found.result())
        return Matte(frame, self._alpha, view)

    def close(self) -> None:
        """End its thread."""
        self._pool.shutdown()

    def _look(self, rgb: np.ndarray) -> _Looked:
        before, self._grey = self._grey, self._estimator.look(rgb)
        size = (rgb.shape[0], rgb.shape[1])
        # On a GPU the rest waits for the network.
        motion = self._estimator.between(before, self._grey) if before is not None else None
        if self._smoother is None:
            return _Looked(motion, None, None)
        colour = make_colour(rgb, size, self._device)
        if motion is None or not motion.continues:
            return _Looked(motion, colour, None)
        return _Looked(motion, colour, make_step(motion, size, self._device))

    def _steady(self, alpha: np.ndarray | DevicePlane, looked: _Looked) -> np.ndarray | DevicePlane:
        assert self._smoother is not None and looked.colour is not None
        own = on_device(alpha, self._device)[None, None]
        self._state, given = self._smoother.push(self._state, View(own, looked.colour), looked.step)
        steady = [each[0, 0] for each in given]
        # A copy on the CPU, too: the smoother goes on with its own.
        return staying(steady)[0] if self._matting.stays else fetched(steady)[0]


def seen_closer(backend: MattingBackend, info: MediaInfo) -> WideBackend:
    """A network with views for whoever looks at parts of them: larger than its input on a GPU only.

    On a CPU, smoothing four times the pixels takes longer than there is from one picture to the next.
    """
    size = backend.info.input_size
    if backend.info.device.startswith("cuda"):
        size = wide_size(size, info.width, info.height)
    return WideBackend(backend, size)


def _cells(rgb: np.ndarray) -> np.ndarray:
    height, width = (side // _CELL * _CELL for side in rgb.shape[:2])
    return resized(rgb[:height, :width], (height // _CELL, width // _CELL)).astype(np.float32)
