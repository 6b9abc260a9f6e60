"""Files that end before their own structure says, in containers whose readers keep quiet about it."""

import os
from typing import BinaryIO

from birefnet_video.inputs.matroska import is_cut_off
from birefnet_video.inputs.remote import Place

_RIFF_HEADER, _FLV_TAG = 8, 11
_EBML = b"\x1a\x45\xdf\xa3"
#: A writer that was never closed leaves these where the size belongs.
_UNKNOWN = (0, 0xFFFFFFFF)


def truncation(path: Place) -> str | None:
    """What is missing at the end of an AVI, FLV or Matroska file, in words; ``None``: nothing, or another container.

    Args:
        path: of a file that can be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            stated = int.from_bytes(head[4:8], "little")
            if stated not in _UNKNOWN and stated > size:
                return f"the file is cut off: {stated + _RIFF_HEADER - size:,} of its bytes are missing"
        elif head[:4] == _EBML and is_cut_off(path):
            return "the file is cut off: it is shorter than it says"
        elif head[:3] == b"FLV" and size > len(head) + _FLV_TAG + 4:
            # Behind every tag stands its length; the last one leads back to where the last tag begins.
            file.seek(-4, os.SEEK_END)
            length = int.from_bytes(file.read(4), "big")
            # Some writers count the tag's header, some do not.
            if not any(_is_tag(file, size - 4 - whole, whole - _FLV_TAG) for whole in (length, length + _FLV_TAG)):
                return "the file is cut off within a packet"
    return None


def _is_tag(file: BinaryIO, at: int, length: int) -> bool:
    """Whether a tag of an FLV begins at a position and holds ``length`` bytes."""
    if at < 0 or length < 0:
        return False
    file.seek(at)
    tag = file.read(4)
    return tag[0] & 0x1F in (8, 9, 18) and int.from_bytes(tag[1:], "big") == length
