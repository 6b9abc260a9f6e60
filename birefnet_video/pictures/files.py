"""Pictures and mattes of sets as 8 bits, whatever way their makers stored them."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.limits import Limits
from birefnet_video.pictures.headers import TURNS
from birefnet_video.pictures.metadata import ORIENTATION
from birefnet_video.pictures.picture import in_8_bits
from birefnet_video.pictures.reading import read_file, read_pictures
from birefnet_video.types import Turn

# Findings reach the user through our own errors, in one line each.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"))

#: Sets are the user's own choice, and some hold huge pictures.
_LIMITS = Limits(pixels=1 << 30)
#: Where a PNG names its colour type, and the type that means a palette.
_PNG_SIGNATURE, _PNG_COLOUR_TYPE_AT, _PNG_PALETTE = b"\x89PNG", 25, 3


class PictureError(ValueError):
    """A picture file that cannot be used; the message names the file and the reason."""


def list_pictures(folder: Path) -> dict[str, Path]:
    """Stem -> path of every picture in a folder, sorted by stem.

    Raises:
        PictureError: if there is no such folder, or two pictures share a stem.
    """
    found: dict[str, Path] = {}
    if not folder.is_dir():
        raise PictureError(f"{folder}: no such folder")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                raise PictureError(f"{path}: {found[path.stem].name} has the same name without its suffix")
            found[path.stem] = path
    return found


def read_rgb(path: Path) -> np.ndarray:
    """A picture as uint8 (H, W, 3) RGB, as ``image`` reads it: upright, 16 bits rounded to 8, the first page.

    Raises:
        PictureError: if it cannot be read.
    """
    try:
        first, *_ = read_pictures(read_file(path), str(path), _LIMITS)
    except BirefnetVideoError as error:
        raise PictureError(str(error)) from None
    # Pixels of a decoder may not be written to.
    return np.require(in_8_bits(first.rgb), requirements=("C", "W"))


def hides_something(path: Path) -> bool:
    """Whether a picture has alpha that is not opaque everywhere.

    Raises:
        PictureError: if it cannot be read.
    """
    picture, _ = _decode(path)
    return picture.ndim == 3 and picture.shape[2] == 4 and picture[..., 3].min() < np.iinfo(picture.dtype).max


def read_rgba(path: Path) -> np.ndarray:
    """A picture with an alpha channel as uint8 (H, W, 4), upright.

    Raises:
        PictureError: if it cannot be read or has no alpha channel.
    """
    picture, _ = _decode(path)
    if picture.ndim != 3 or picture.shape[2] != 4:
        raise PictureError(f"{path}: has no alpha channel")
    return cv2.cvtColor(_to_8_bits(picture, path), cv2.COLOR_BGRA2RGBA)


def read_matte(path: Path, *, is_truth: bool = False) -> np.ndarray:
    """A matte as uint8 (H, W), upright, 255 inside the subject.

    Grey pictures are taken as they are and 16 bits brought to 8. Of a picture with an alpha channel that is not opaque
    everywhere, that channel is the matte. Of a palette with colours, as object labels have it, every colour but black
    is the subject.

    Args:
        path: of the picture.
        is_truth: it is a label, in which a greatest value of 1 means inside; in a prediction it is next to nothing.

    Raises:
        PictureError: if it cannot be read.
    """
    matte = _read_matte(path)
    return matte * 255 if is_truth and matte.max() == 1 else matte


def _read_matte(path: Path) -> np.ndarray:
    picture, encoded = _decode(path)
    picture = _to_8_bits(picture, path)
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 4 and picture[..., 3].min() < 255:
        return np.ascontiguousarray(picture[..., 3])
    colours = picture[..., :3]
    is_palette = encoded[:4] == _PNG_SIGNATURE and encoded[_PNG_COLOUR_TYPE_AT] == _PNG_PALETTE
    if is_palette and (colours.max(axis=2) != colours.min(axis=2)).any():
        return np.where(colours.max(axis=2) > 0, 255, 0).astype(np.uint8)
    return cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_BGR2GRAY)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write uint8 (H, W, 3) RGB or uint8 (H, W) grey.

    Raises:
        PictureError: if it cannot be written.
    """
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    try:
        done, encoded = cv2.imencode(path.suffix, bgr)
    except cv2.error:
        done = False
    if not done:
        raise PictureError(f"{path}: cannot be written as {path.suffix or 'a picture without suffix'}")
    path.write_bytes(encoded.tobytes())


def _decode(path: Path) -> tuple[np.ndarray, bytes]:
    """A picture with all of its channels and bits, upright, and its file."""
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror or error}") from None
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED) if encoded else None
    except cv2.error:
        picture = None
    if picture is None:
        raise PictureError(f"{path}: no readable picture")
    return np.ascontiguousarray(_turn(encoded).apply(picture)), encoded


def _turn(encoded: bytes) -> Turn:
    """What turns samples upright that were decoded as they are stored."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            # Decoders of TIFF turn it themselves.
            stored = 1 if image.format == "TIFF" else image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):
        return Turn()
    return TURNS.get(stored, Turn())


def _to_8_bits(picture: np.ndarray, path: Path) -> np.ndarray:
    if picture.dtype in (np.uint8, np.uint16):
        return in_8_bits(picture)
    if picture.dtype in (np.float32, np.float64):
        return (picture.clip(0, 1) * 255).round().astype(np.uint8)
    raise PictureError(f"{path}: {picture.dtype} samples are not supported")
