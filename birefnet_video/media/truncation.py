"""Files that end before their own structure says, in containers whose readers keep quiet about it."""

import os
from pathlib import Path

_RIFF_HEADER, _FLV_TAG = 8, 11
#: A writer that was never closed leaves these where the size belongs.
_UNKNOWN = (0, 0xFFFFFFFF)


def truncation(path: Path) -> str | None:
    """What is missing at the end of an AVI or FLV file, in words; ``None``: nothing, or another container.

    Args:
        path: of a file that can be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            stated = int.from_bytes(head[4:8], "little")
            if stated not in _UNKNOWN and stated + _RIFF_HEADER > size:
                return f"the file is cut off: {stated + _RIFF_HEADER - size:,} of its bytes are missing"
        elif head[:3] == b"FLV" and size > len(head) + _FLV_TAG + 4:
            # Behind every tag stands its length; the last one leads back to where the last tag begins.
            file.seek(-4, os.SEEK_END)
            length = int.from_bytes(file.read(4), "big")
            if not _FLV_TAG <= length <= size - 4:
                return "the file is cut off within a packet"
            file.seek(size - 4 - length)
            tag = file.read(4)
            if tag[0] & 0x1F not in (8, 9, 18) or int.from_bytes(tag[1:], "big") != length - _FLV_TAG:
                return "the file is cut off within a packet"
    return None
