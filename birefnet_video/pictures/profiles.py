"""Between sRGB and the colours of an ICC profile."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

#: Where a profile says what its numbers are (ICC.1:2022, section 7.2).
_SPACE = slice(16, 20)
_GREY, _RGB, _CMYK = b"GRAY", b"RGB ", b"CMYK"


def is_of_rgb(icc: bytes) -> bool:
    """Whether a profile is one of RGB."""
    return icc[_SPACE] == _RGB


def is_of_cmyk(icc: bytes) -> bool:
    """Whether a profile is one of CMYK."""
    return icc[_SPACE] == _CMYK


def as_srgb(rgb: np.ndarray, icc: bytes | None) -> np.ndarray:
    """Colours of a profile as sRGB, uint8 (h, w, 3); as they are where a profile cannot be used.

    Args:
        rgb: uint8 (h, w, 3).
        icc: of them; ``None``: they are sRGB.
    """
    return rgb if icc is None else _applied(rgb, _transform(icc, to_srgb=True))


def from_srgb(rgb: np.ndarray, icc: bytes | None) -> np.ndarray:
    """The opposite of :func:`as_srgb`."""
    return rgb if icc is None else _applied(rgb, _transform(icc, to_srgb=False))


def cmyk_as_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """A picture of inks as sRGB, by its profile if it has one that can be used."""
    if icc is not None and is_of_cmyk(icc):
        try:
            shown = ImageCms.profileToProfile(image, io.BytesIO(icc), ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            shown = None
        if shown is not None:
            return shown
    return image.convert("RGB")


@lru_cache(maxsize=16)
def _transform(icc: bytes, *, to_srgb: bool) -> Any:
    try:
        own, srgb = ImageCms.getOpenProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        ends: tuple[Any, Any] = (own, srgb) if to_srgb else (srgb, own)
        return ImageCms.buildTransform(*ends, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _applied(rgb: np.ndarray, transform: Any) -> np.ndarray:
    if transform is None:
        return rgb
    return np.asarray(ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(rgb)), transform))
