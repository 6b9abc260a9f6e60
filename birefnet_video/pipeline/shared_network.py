"""Networks that stay open from one render to the next, where the next one would load the very same."""

from typing import NamedTuple

from birefnet_video.backends.base import Lent, MattingBackend
from birefnet_video.backends.engine_table import worth_building
from birefnet_video.backends.registry import open_backend
from birefnet_video.inputs.reader import Notify
from birefnet_video.options.network import BackendSpec
from birefnet_video.pipeline.assemble import OpenBackend
from birefnet_video.pipeline.networks import OpenNetworks
from birefnet_video.types import MediaInfo
from birefnet_video.zoo.sizes import input_size

#: Networks that stay open: clips of a camera are upright or lie.
_MOST_OPEN = 2


class _Key(NamedTuple):
    """Equal for inputs that would get the same network if each were rendered alone."""

    spec: BackendSpec
    size: tuple[int, int]
    """Height and width of the network's input."""
    detail: tuple[int, int] | None
    """Height and width of what tiles look at."""
    fitted_to: str | None
    """The clip that int8 is fitted to, if it has no pictures of its own."""
    engines: tuple[str, ...] | None
    """That ``auto`` builds."""


class SharedNetwork:
    """Lends a network to one render after another. Two that are open at once may not have the same."""

    def __init__(self, load: OpenBackend = open_backend, *, most: int = _MOST_OPEN) -> None:
        """
        Args:
            load: loads what is not open.
            most: networks that are open at once.
        """
        self._load = load
        self._open: OpenNetworks[_Key] = OpenNetworks(most)
        self._lent: _Key | None = None
        self._tell: Notify = lambda message: None

    def open(self, spec: BackendSpec, info: MediaInfo, tell: Notify) -> MattingBackend:
        """A network for an input, an :data:`OpenBackend`; closing it gives it back.

        Raises:
            BirefnetVideoError: if it must be loaded and cannot be.
        """
        key = _what_it_depends_on(spec, info)
        # A network that runs out of memory says so to the render that uses it then.
        self._tell = tell
        backend = self._open.get(key, lambda: self._load(spec, info, lambda message: self._tell(message)))
        self._lent = key
        return Lent(backend)

    def resting(self, size: tuple[int, int]) -> MattingBackend | None:
        """A network that is open for any pictures; not while a render has it.

        Args:
            size: height and width of the network's input.
        """
        return self._open.find(lambda key: key.size == size and key.fitted_to is None)

    def settle(self, *, failed: bool) -> None:
        """The render that was lent a network has ended.

        Args:
            failed: nobody knows what its network is at: the next one loads it anew.
        """
        lent, self._lent = self._lent, None
        if failed and lent is not None:
            self._open.drop(lent)

    def close(self) -> None:
        """Free the device. May be called twice."""
        self._open.close()


def _what_it_depends_on(spec: BackendSpec, info: MediaInfo) -> _Key:
    return _Key(
        spec=spec,
        size=spec.size or input_size(spec.model, info.width, info.height),
        detail=spec.detail_size(info.width, info.height),
        fitted_to=info.path if spec.precision == "int8" and spec.calibration is None else None,
        engines=worth_building(info.frame_count) if spec.engine == "auto" else None,
    )
