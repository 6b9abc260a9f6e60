"""One network, open for as many sizes of input as pictures of different shapes need."""

from collections import OrderedDict
from collections.abc import Callable

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.registry import load_backend
from birefnet_video.options.network import BackendSpec
from birefnet_video.words import told_once
from birefnet_video.zoo.sizes import input_size

#: Networks that stay open: one for each size of input.
_MOST_OPEN = 3


class Networks:
    """Opens networks when they are needed and closes those that were not used for longest. One thread at a time."""

    def __init__(self, spec: BackendSpec, *, frames: int, tell: Callable[[str], None]) -> None:
        """
        Args:
            spec: of the network.
            frames: pictures that are to be expected: what takes long to build is worth it for many.
            tell: takes what a user should know.
        """
        self._spec, self._frames, self._tell = spec, frames, told_once(tell)
        self._open: OrderedDict[tuple[int, int], MattingBackend] = OrderedDict()

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Height and width of the network's input for a picture. From any thread."""
        return self._spec.size or input_size(self._spec.model, width, height)

    def of(self, width: int, height: int) -> MattingBackend:
        """The network for a picture of this size.

        Raises:
            BirefnetVideoError: if it cannot be loaded.
        """
        size = self.size_for(width, height)
        if size not in self._open:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[size] = load_backend(self._spec, width, height, frames=self._frames, tell=self._tell)
        self._open.move_to_end(size)
        return self._open[size]

    def close(self) -> None:
        """Free the device. May be called twice."""
        while self._open:
            self._open.popitem()[1].close()
