"""A picture of any kind as sRGB of 8 bits."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from birefnet_video.pictures.picture import in_8_bits
from birefnet_video.pictures.profiles import as_srgb
from birefnet_video.pictures.reading import read_file, read_pictures


class Srgb(NamedTuple):
    """A picture, its alpha left out."""

    rgb: np.ndarray
    """uint8 (H, W, 3)."""
    has_alpha: bool
    """Whether it had some that is not opaque everywhere."""


def read_srgb(path: Path) -> Srgb:
    """The picture in a file, or the first of its pages.

    Raises:
        InputMissing: if it is not there or cannot be read.
        NotAPicture: if it is none, damaged or too large.
        BackendUnavailable: if a library is missing for its kind.
    """
    picture = read_pictures(read_file(path), str(path))[0]
    return Srgb(as_srgb(in_8_bits(picture.rgb), picture.kept.icc), picture.alpha is not None)
