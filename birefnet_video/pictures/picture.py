"""A picture as it was read: pixels as its file has them, and what the file says beside them."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Kept:
    """What goes from a picture's file to those that are made of it."""

    icc: bytes | None = None
    """Profile of its RGB; ``None``: sRGB."""
    exif: bytes | None = None
    """A TIFF structure, as of EXIF 2.32, that says that the picture is upright."""
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    """Pixels an inch, across and down."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Texts and colour of a PNG without a profile: kinds and contents of its chunks."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, upright."""

    rgb: np.ndarray
    """uint8 or uint16 (H, W, 3), values as stored; of grey all three are the same."""
    alpha: np.ndarray | None = None
    """Of its own: float32 (H, W) in [0, 1], straight; ``None`` if all of it is opaque."""
    kept: Kept = field(default=Kept())
    light: np.ndarray | None = None
    """Of a picture of linear light (EXR): float32 (H, W, 3) of BT.709's primaries, where ``rgb`` is its sRGB."""
    notes: tuple[str, ...] = ()
    """What a user should know: what was converted or left out."""


def in_8_bits(samples: np.ndarray) -> np.ndarray:
    """uint8 or uint16 as uint8, rounded."""
    return samples if samples.itemsize == 1 else ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
