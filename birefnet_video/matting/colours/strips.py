"""The subject's own colour in strips of a large picture; see :mod:`birefnet_video.matting.colours.opencv`."""

import numpy as np

from birefnet_video.matting.colours.opencv import Retoucher, SmoothColours, Space, free, square_mean
from birefnet_video.matting.filters.opencv import enlarged_rows
from birefnet_video.options.matte import ColourSpec


class StripRetoucher:
    """Frees strips from what the old background left in the subject: ``fast``, or not at all."""

    def __init__(self, spec: ColourSpec, rgb: np.ndarray, alpha: np.ndarray, size: tuple[int, int]) -> None:
        """
        Args:
            spec: what is asked for.
            rgb: the whole picture made small, as :func:`small_shape` says, uint8 or uint16 (h, w, 3).
            alpha: its matte, float32 (h, w) in [0, 1].
            size: height and width of the picture.
        """
        self._size, self._frees = size, spec.decontaminate == "fast"
        self._retoucher, self._despills = Retoucher(spec), spec.despill != "off"
        smooth = SmoothColours(alpha, square_mean)
        self._colours = [smooth.of(np.ascontiguousarray(rgb[..., index]).astype(np.float32)) for index in range(3)]

    def apply(self, rgb: np.ndarray, alpha: np.ndarray, first: int) -> np.ndarray:
        """A strip after it, like ``rgb``.

        Args:
            rgb: uint8 or uint16 (h, W, 3); stays as it is.
            alpha: float32 (h, W) in [0, 1].
            first: its first line in the picture.
        """
        planes = [np.ascontiguousarray(rgb[..., index]) for index in range(3)]
        top = np.iinfo(rgb.dtype).max
        rows = slice(first, first + len(rgb))
        if self._frees:
            for plane, (subject, behind) in zip(planes, self._colours, strict=True):
                own = enlarged_rows(subject, rows, self._size)
                free(plane, alpha, own, own - enlarged_rows(behind, rows, self._size), top)
        if self._despills:
            self._retoucher.despill(planes, alpha, Space(8 * rgb.itemsize))
        return np.stack(planes, -1)
