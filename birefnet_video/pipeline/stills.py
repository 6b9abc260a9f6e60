"""Mattes of single pictures, as a render would make them of its frames."""

import threading
from collections.abc import Callable

import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.tiled import TiledBackend
from birefnet_video.colour.convert import to_rgb
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import BackendSpec, NetworkSpec
from birefnet_video.pictures.still import still
from birefnet_video.pipeline.compositor import CpuCompositor, Task
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.guided_stills import GuidedStills
from birefnet_video.pipeline.networks import Networks
from birefnet_video.types import Frame, Matte, MediaInfo

_ANYBODY = GuidanceSpec()


class StillMatting:
    """A network that stays open for pictures of any size. From any thread; one picture at a time."""

    def __init__(
        self,
        network: NetworkSpec,
        edit: EditSpec,
        *,
        detail: str = "off",
        tell: Callable[[str], None] = lambda message: None,
        lent: Callable[[tuple[int, int]], MattingBackend | None] = lambda size: None,
    ) -> None:
        """
        Args:
            network: what makes the mattes; loaded with the first picture.
            edit: what is done to them.
            detail: how finely they are worked out; see :class:`birefnet_video.options.network.DetailSpec`.
            tell: takes what a user should know.
            lent: a network that somebody else has open for an input of this height and width, to be used first.
        """
        self._edit, self._lent, self._tell = edit, lent, tell
        # One picture is not worth a long build.
        self._networks = Networks(BackendSpec.for_one(network, detail), frames=1, tell=tell)
        self._lock = threading.Lock()

    def alpha(self, rgb: np.ndarray, guidance: GuidanceSpec = _ANYBODY) -> np.ndarray:
        """The matte of a picture.

        Args:
            rgb: uint8 (H, W, 3) RGB.
            guidance: who is meant.

        Returns:
            alpha float32 (H, W) in [0, 1].

        Raises:
            ValueError: if ``rgb`` has another shape or type.
            UsageError: if a prompt lies outside of the picture.
            BirefnetVideoError: if the network cannot be loaded, or its mattes are no numbers.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"rgb: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
        frame, info = still(rgb)
        guided = GuidedStills(guidance)
        with self._lock:
            # Nothing is composed but the matte at full size.
            matting = Matting(self._network(info.width, info.height), CpuCompositor(Task(info), (), ()))
            matte = self._picked(guided, matting, frame, info) if guided.is_asked else matting.matte(frame, info)
            return matting.compose(matte, self._edit).cutout().alpha

    def _picked(self, guided: GuidedStills, matting: Matting, frame: Frame, info: MediaInfo) -> Matte:
        in_tiles = isinstance(matting.backend, TiledBackend)
        size = guided.view_size(matting.info.input_size, info.width, info.height, in_tiles=in_tiles)
        view = to_rgb(frame.picture, info, size)
        alpha, notes = guided.alpha(matting.backend, view, (info.width, info.height))
        for note in notes:
            self._tell(note)
        return Matte(frame, alpha, view)

    def _network(self, width: int, height: int) -> MattingBackend:
        return self._lent(self._networks.size_for(width, height)) or self._networks.of(width, height)

    def drop(self, width: int, height: int) -> None:
        """Close what is open for pictures of this size: somebody else will lend a network."""
        with self._lock:
            self._networks.drop(width, height)

    def close(self) -> None:
        """Free the device. May be called twice."""
        with self._lock:
            self._networks.close()
