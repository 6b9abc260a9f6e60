"""Networks that stay open from one render to the next, where the next one would load the very same."""

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending
from birefnet_video.backends.registry import open_backend, worth_building
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.network import BackendSpec
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.types import MediaInfo
from birefnet_video.zoo.sizes import input_size

#: Networks that stay open: clips of a camera are upright or lie.
_MOST_OPEN = 2


class SharedNetwork:
    """Lends a network to one render after another. Two that are open at once may not have the same."""

    def __init__(self, load: OpenBackend = open_backend, *, most: int = _MOST_OPEN) -> None:
        """
        Args:
            load: loads what is not open.
            most: networks that are open at once; the one that has not been used for longest is closed first.
        """
        self._load, self._most = load, most
        self._open: OrderedDict[Hashable, MattingBackend] = OrderedDict()
        self._lent: Hashable = None
        self._tell: Notify = lambda message: None

    def open(self, spec: BackendSpec, info: MediaInfo, tell: Notify) -> MattingBackend:
        """A network for an input, an :data:`OpenBackend`; closing it gives it back.

        Raises:
            BirefnetVideoError: if it must be loaded and cannot be.
        """
        key = _what_it_depends_on(spec, info)
        # A network that runs out of memory says so to the render that uses it then.
        self._tell = tell
        if key not in self._open:
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
            self._open[key] = self._load(spec, info, lambda message: self._tell(message))
        self._open.move_to_end(key)
        self._lent = key
        return _Lent(self._open[key])

    def settle(self, *, failed: bool) -> None:
        """The render that was lent a network has ended.

        Args:
            failed: nobody knows what its network is at: the next one loads it anew.
        """
        lent, self._lent = self._lent, None
        if failed and (backend := self._open.pop(lent, None)) is not None:
            backend.close()

    def close(self) -> None:
        """Free the device. May be called twice."""
        while self._open:
            self._open.popitem()[1].close()


class _Lent:
    """A network that outlives its render."""

    def __init__(self, inner: MattingBackend) -> None:
        self._inner = inner

    @property
    def info(self) -> BackendInfo:
        """See :class:`MattingBackend`."""
        return self._inner.info

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`MattingBackend`."""
        return self._inner.infer(rgb)

    def begin(self, rgb: np.ndarray) -> Pending:
        """See :class:`MattingBackend`."""
        return self._inner.begin(rgb)

    def close(self) -> None:
        """See :class:`MattingBackend`; it stays open."""


def _what_it_depends_on(spec: BackendSpec, info: MediaInfo) -> Hashable:
    """Equal for inputs that would get the same network if each were rendered alone."""
    size = spec.size or input_size(spec.model, info.width, info.height)
    # Without pictures of its own int8 is fitted to the clip.
    own = info.path if spec.precision == "int8" and spec.calibration is None else None
    return spec, size, own, worth_building(info.frame_count) if spec.engine == "auto" else None
