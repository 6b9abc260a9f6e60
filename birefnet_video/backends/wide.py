"""A network for whoever picks the part of the picture that it looks at: views are larger than its input."""

from dataclasses import replace

import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending, check_input
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.tiles.joining import enlarged

#: Largest share of the network's input in a view, in each direction: parts down to half of the picture's sides are seen
#: as sharp as the network can.
_WIDER = 2


class WideBackend:
    """A :class:`MattingBackend` whose pictures are larger than its network's input."""

    def __init__(self, narrow: MattingBackend, size: tuple[int, int]) -> None:
        """
        Args:
            narrow: the network; closed with this.
            size: height and width of its pictures.
        """
        self.narrow = narrow
        self._size = size

    @property
    def info(self) -> BackendInfo:
        """See :class:`MattingBackend`; the size is that of the pictures."""
        return replace(self.narrow.info, input_size=self._size, overlaps=False)

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`MattingBackend`: of the whole pictures."""
        check_input(rgb, self.info)
        small = np.stack([resized(view, self.narrow.info.input_size) for view in rgb])
        return np.stack([enlarged(alpha, view) for alpha, view in zip(self.narrow.begin(small)(), rgb, strict=True)])

    def begin(self, rgb: np.ndarray) -> Pending:
        """See :class:`MattingBackend`."""
        alpha = self.infer(rgb)
        return lambda: alpha

    def close(self) -> None:
        """See :class:`MattingBackend`."""
        self.narrow.close()


def wide_size(narrow: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Height and width of views of pictures of ``width`` x ``height``: no larger than those."""
    scale = min(_WIDER, max(height / narrow[0], width / narrow[1]))
    return (narrow[0], narrow[1]) if scale <= 1 else (round(narrow[0] * scale), round(narrow[1] * scale))
