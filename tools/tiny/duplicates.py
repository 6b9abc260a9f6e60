"""Near duplicates among pictures, by 64 signs of their coarsest frequencies."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.pictures.files import list_pictures, read_rgb

#: Side in pixels of what is transformed, and of the part of the frequencies that counts.
_SIDE, _KEPT = 32, 8
#: Greatest number of different signs from a picture to be measured on, and from another one of the same set.
_NEAR_MEASURED, _NEAR_EACH_OTHER = 12, 5
_ONES = np.array([value.bit_count() for value in range(256)])


def signs(rgb: np.ndarray) -> np.ndarray:
    """uint8 (8,) of uint8 (H, W, 3): which frequencies but the mean are above their median, a bit each."""
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    frequencies = cv2.dct(grey.astype(np.float32))[:_KEPT, :_KEPT].ravel()[1:]
    return np.packbits(np.append(frequencies > np.median(frequencies), False))


def signs_of_measured(folders: Iterable[Path]) -> np.ndarray:
    """uint8 (N, 8): signs of all pictures in the folders, upright and mirrored."""
    pictures = [read_rgb(path) for folder in folders for path in list_pictures(folder).values()]
    rows = [signs(turned) for rgb in pictures for turned in (rgb, np.ascontiguousarray(rgb[:, ::-1]))]
    return np.array(rows, np.uint8).reshape(-1, _KEPT * _KEPT // 8)


def duplicates(pictures: Mapping[str, Path], measured: np.ndarray) -> list[str]:
    """Stems of pictures that are almost one that is measured on, or an earlier one of their own.

    Args:
        pictures: stem -> file.
        measured: uint8 (N, 8) of :func:`signs_of_measured`.
    """
    seen = np.zeros((0, measured.shape[1]), np.uint8)
    found = []
    for stem, path in pictures.items():
        own = signs(read_rgb(path))
        if _is_near(own, measured, _NEAR_MEASURED) or _is_near(own, seen, _NEAR_EACH_OTHER):
            found.append(stem)
        else:
            seen = np.vstack([seen, own])
    return found


def _is_near(own: np.ndarray, others: np.ndarray, most: int) -> bool:
    return bool((_ONES[own ^ others].sum(axis=1) <= most).any())
