"""Files of still pictures, as far as decoders do not say it: which side is up, and whether all of it is there."""

import struct

from birefnet_video.types import Turn

_ORIENTATION = 0x0112
#: EXIF's orientation (Exif 2.32, section 4.6.4): quarter turns counter-clockwise, then a mirror left to right.
TURNS = {
    1: Turn(),
    2: Turn(0, mirror=True),
    3: Turn(2),
    4: Turn(2, mirror=True),
    5: Turn(3, mirror=True),
    6: Turn(3),
    7: Turn(1, mirror=True),
    8: Turn(1),
}
_PNG, _JPEG, _EXR, _QOI = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\x76\x2f\x31\x01", b"qoif"
#: Lines of a block of EXR by its compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB.
_EXR_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)


def turn_of(data: bytes) -> Turn:
    """What turns a stored picture upright, by the EXIF of JPEG, PNG and WebP or the tags of TIFF."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _turn_in(data)
    return _turn_in(_exif_of(data).removeprefix(b"Exif\0\0"))


def is_whole(data: bytes) -> bool:
    """Whether a file holds all that it should: decoders fill what is missing of these kinds without a word."""
    if data.startswith(_JPEG):
        # Some cameras write more behind the end.
        return b"\xff\xd9" in data[-1024:] or b"\xff\xd9" in data[len(data) // 2 :]
    if data.startswith(_QOI):
        return data.endswith(b"\0\0\0\0\0\0\0\1")
    if data.startswith(_EXR):
        return _is_whole_exr(data)
    return True


def _exif_of(data: bytes) -> bytes:
    if data.startswith(_PNG):
        return _in_chunks(data, len(_PNG), b"eXIf", ">I4s", 12)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _in_riff(data)
    if data.startswith(_JPEG):
        return _in_segments(data)
    return b""


def _in_chunks(data: bytes, at: int, wanted: bytes, form: str, around: int) -> bytes:
    while at + 8 <= len(data):
        length, kind = struct.unpack(form, data[at : at + 8])
        if kind == wanted:
            return data[at + 8 : at + 8 + length]
        at += around + length
    return b""


def _in_riff(data: bytes) -> bytes:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        if kind == b"EXIF":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return b""


def _in_segments(data: bytes) -> bytes:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return data[at + 4 : at + 2 + length]
        if marker == 0xDA:
            break
        at += 2 + length
    return b""


def _turn_in(tiff: bytes) -> Turn:
    """By the first directory of tags; what is damaged says nothing."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return Turn()
    (at,) = struct.unpack(f"{order}I", tiff[4:8])
    if at + 2 > len(tiff):
        return Turn()
    (count,) = struct.unpack(f"{order}H", tiff[at : at + 2])
    for place in range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind = struct.unpack(f"{order}HH", tiff[place : place + 4])
        if tag == _ORIENTATION and kind == 3:
            (value,) = struct.unpack(f"{order}H", tiff[place + 8 : place + 10])
            return TURNS.get(value, Turn())
    return Turn()


def _is_whole_exr(data: bytes) -> bool:
    """Whether every block that the table of a scan-line file names lies in it; of other kinds nobody knows."""
    if int.from_bytes(data[4:8], "little") & ~0xFF:
        return True
    at, compression, lines = 8, 0, 0
    while at < len(data) and data[at]:
        name_end = data.find(b"\0", at)
        kind_end = data.find(b"\0", name_end + 1)
        if name_end < 0 or kind_end < 0 or kind_end + 5 > len(data):
            return False
        size = int.from_bytes(data[kind_end + 1 : kind_end + 5], "little")
        value = data[kind_end + 5 : kind_end + 5 + size]
        if data[at:name_end] == b"compression" and value:
            compression = value[0]
        elif data[at:name_end] == b"dataWindow" and len(value) == 16:
            _, top, _, bottom = struct.unpack("<4i", value)
            lines = bottom - top + 1
        at = kind_end + 5 + size
    if at >= len(data):
        return False
    if compression >= len(_EXR_LINES) or lines <= 0:
        return True
    blocks = -(-lines // _EXR_LINES[compression])
    table = data[at + 1 : at + 1 + 8 * blocks]
    if len(table) < 8 * blocks:
        return False
    for (begin,) in struct.iter_unpack("<Q", table):
        size = int.from_bytes(data[begin + 4 : begin + 8], "little")
        if begin < at or begin + 8 + size > len(data):
            return False
    return True
