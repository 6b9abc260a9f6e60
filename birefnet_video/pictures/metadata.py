"""What picture files say beside their pixels: read, and made fit for pictures that are upright."""

import re
import struct
from typing import Any

from PIL import Image

from birefnet_video.pictures.headers import TURNS
from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.profiles import is_of_rgb
from birefnet_video.types import Turn

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x0112, 0x8769, 0x8825, 0xA005
_WIDTH, _HEIGHT = 0xA002, 0xA003
#: Tags that say how a TIFF's pixels are stored, and blocks that have places of their own.
_LAYOUT = frozenset(
    (
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284),
        *(290, 291, 292, 293, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, 338, 339, 340, 341),
        *(347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 700, 33723, 34377, 34675, 37724),
    )
)
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))\s*[1-8]")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS, _COLOURS = (b"tEXt", b"zTXt", b"iTXt"), (b"gAMA", b"cHRM", b"sRGB", b"cICP")
#: Texts of PNG that hold what has chunks of its own.
_NO_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type ")
PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"


def turn_and_kept(image: Image.Image, data: bytes) -> tuple[Turn, Kept]:
    """What turns a picture upright, and what is kept of its file.

    Args:
        image: opened by Pillow.
        data: of the file.
    """
    exif = image.getexif()
    turn = TURNS.get(exif.get(ORIENTATION, 1), Turn())
    icc, xmp = image.info.get("icc_profile"), image.info.get("xmp")
    icc = icc if icc and is_of_rgb(icc) else None
    chunks = tuple(_png_chunks(data, with_colours=icc is None)) if data.startswith(_SIGNATURE) else ()
    kept = Kept(
        icc=icc,
        exif=_upright_exif(exif),
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) else None,
        dpi=_dpi(image, swapped=turn.swaps_sides),
        chunks=chunks,
    )
    # Decoders of TIFF turn it themselves.
    return Turn() if image.format == "TIFF" else turn, kept


def for_size(exif: bytes | None, width: int, height: int) -> bytes | None:
    """EXIF whose numbers of pixels, where it has some, are those of a picture of this size."""
    if exif is None:
        return None
    tags = read_exif(exif)
    inner = tags.get_ifd(EXIF_IFD)
    if _WIDTH not in inner and _HEIGHT not in inner:
        return exif
    inner[_WIDTH], inner[_HEIGHT] = width, height
    return tags.tobytes()[6:]


def read_exif(exif: bytes) -> Image.Exif:
    """The tags of a TIFF structure."""
    tags = Image.Exif()
    tags.load(b"Exif\0\0" + exif)
    return tags


def ifds_of(exif: bytes | None) -> dict[int, Any]:
    """Tags of EXIF by number, those of directories within as dictionaries."""
    if exif is None:
        return {}
    tags = read_exif(exif)
    found: dict[int, Any] = {tag: value for tag, value in tags.items() if tag not in (EXIF_IFD, GPS_IFD, ORIENTATION)}
    for directory in (EXIF_IFD, GPS_IFD):
        if inner := dict(tags.get_ifd(directory)):
            if INTEROP_IFD in inner:
                inner[INTEROP_IFD] = dict(tags.get_ifd(INTEROP_IFD))
            found[directory] = inner
    return found


def _upright_exif(exif: Image.Exif) -> bytes | None:
    """None if there are no tags, or some that cannot be written again."""
    # A copy: from its own Pillow learns which side of a TIFF is up, when that is decoded.
    kept = Image.Exif()
    for tag, value in exif.items():
        if tag not in _LAYOUT:
            kept[tag] = value
    for directory in (EXIF_IFD, GPS_IFD):
        if inner := dict(exif.get_ifd(directory)):
            if INTEROP_IFD in inner:
                inner[INTEROP_IFD] = dict(exif.get_ifd(INTEROP_IFD))
            kept[directory] = inner
    if ORIENTATION in kept:
        kept[ORIENTATION] = 1
    if not len(kept):
        return None
    try:
        return kept.tobytes()[6:]
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, struct.error):
        return None


def _dpi(image: Image.Image, *, swapped: bool) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    try:
        across, down = (float(value) for value in dpi) if dpi else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (0 < across < 1e6 and 0 < down < 1e6):
        return None
    return (down, across) if swapped else (across, down)


def _png_chunks(data: bytes, *, with_colours: bool) -> list[tuple[bytes, bytes]]:
    wanted = (*_TEXTS, *(_COLOURS if with_colours else ()))
    found, at = [], len(_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        if kind in wanted and not content.startswith(_NO_TEXTS):
            found.append((kind, content))
        at += 12 + length
    return found
