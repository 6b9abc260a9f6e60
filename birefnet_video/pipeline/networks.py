"""Networks that are open, for as long as something may need them again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.backends.tiled import TileCount, with_detail
from birefnet_video.matting.tiles.grid import halvings
from birefnet_video.options.network import BackendSpec
from birefnet_video.words import told_once
from birefnet_video.zoo.sizes import input_size

_Key = TypeVar("_Key", bound=Hashable)
#: Networks for single pictures that stay open: one for each size of input.
_MOST_OPEN = 3


class OpenNetworks(Generic[_Key]):
    """Keeps networks open and closes the one that was not used for longest. One thread at a time."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: networks that are open at once.
        """
        self._most = most
        self._open: OrderedDict[_Key, MattingBackend] = OrderedDict()

    def get(self, key: _Key, load: Callable[[], MattingBackend]) -> MattingBackend:
        """The network of a key, loaded if it is not open."""
        if key not in self._open:
            # Room is made first: two may not fit into a device.
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
            self._open[key] = load()
        self._open.move_to_end(key)
        return self._open[key]

    def find(self, fits: Callable[[_Key], bool]) -> MattingBackend | None:
        """The network that was opened last of those whose keys fit."""
        return next((self._open[key] for key in reversed(self._open) if fits(key)), None)

    def drop(self, key: _Key) -> None:
        """Close the network of a key, if it is open."""
        if (backend := self._open.pop(key, None)) is not None:
            backend.close()

    def close(self) -> None:
        """Free the device. May be called twice."""
        while self._open:
            self._open.popitem()[1].close()


class Networks:
    """One network, open for as many sizes of input as pictures of different shapes need. One thread at a time."""

    def __init__(self, spec: BackendSpec, *, frames: int, tell: Callable[[str], None]) -> None:
        """
        Args:
            spec: of the network.
            frames: pictures that are to be expected: what takes long to build is worth it for many.
            tell: takes what a user should know.
        """
        self._spec, self._frames, self._tell = spec, frames, told_once(tell)
        self._open: OpenNetworks[tuple[int, int]] = OpenNetworks(_MOST_OPEN)
        self.tiles = TileCount()

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Height and width of what is looked at of a picture. From any thread."""
        own, detail = self._input_size(width, height), self._spec.detail_size(width, height)
        return own if detail is None or halvings(detail, own) is None else detail

    def _input_size(self, width: int, height: int) -> tuple[int, int]:
        return self._spec.size or input_size(self._spec.model, width, height)

    def of(self, width: int, height: int) -> MattingBackend:
        """The network for a picture of this size.

        Raises:
            BirefnetVideoError: if it cannot be loaded.
        """
        return with_detail(self.whole(width, height), self._spec.detail_size(width, height), self._tell, self.tiles)

    def whole(self, width: int, height: int) -> MattingBackend:
        """The same for a picture that is looked at in one piece.

        Raises:
            BirefnetVideoError: if it cannot be loaded.
        """
        return self._open.get(
            self._input_size(width, height),
            lambda: load_backend(self._spec, width, height, frames=self._frames, tell=self._tell),
        )

    def drop(self, width: int, height: int) -> None:
        """Close the network for pictures of this size, if it is open."""
        self._open.drop(self._input_size(width, height))

    def close(self) -> None:
        """Free the device. May be called twice."""
        self._open.close()
