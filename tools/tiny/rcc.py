"""Files out of Qt resource archives (.rcc), the form in which GCompris ships its pictures."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY, _ZLIB, _ZSTD = 2, 1, 4


def read_resources(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name within the archive and content of every file that is stored plainly or by zlib.

    Raises:
        ValueError: if it is no such archive.
    """
    blob = path.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4s4i", blob)
    if magic != b"qres":
        raise ValueError(f"{path}: is no Qt resource archive")
    node_size = 14 if version < 2 else 22

    def name_at(offset: int) -> str:
        (length,) = struct.unpack_from(">H", blob, names + offset)
        start = names + offset + 6
        return blob[start : start + 2 * length].decode("utf-16-be")

    def walk(node: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        name_offset, flags = struct.unpack_from(">iH", blob, tree + node * node_size)
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">ii", blob, tree + node * node_size + 6)
            inner = f"{prefix}{name_at(name_offset)}/" if node else ""
            for child in range(first, first + count):
                yield from walk(child, inner)
            return
        (offset,) = struct.unpack_from(">i", blob, tree + node * node_size + 10)
        (length,) = struct.unpack_from(">i", blob, data + offset)
        content = blob[data + offset + 4 : data + offset + 4 + length]
        if flags & _ZSTD:
            return
        yield prefix + name_at(name_offset), zlib.decompress(content[4:]) if flags & _ZLIB else content

    yield from walk(0, "")
