"""What a file holds, packet by packet."""

import zlib
from pathlib import Path
from typing import Any

import av


def packets(path: Path) -> list[tuple[Any, ...]]:
    """Of every stream, in the order of decoding: times, lengths and a hash of the bytes and of alpha beside them."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                beside = [zlib.crc32(bytes(data)) for data in packet.iter_sidedata() if "block" in data.data_type]
                times = (packet.pts, packet.dts, packet.duration, packet.is_keyframe)
                found.append((packet.stream.index, *times, zlib.crc32(bytes(packet)), *beside))
    return sorted(found, key=lambda each: each[0])


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, hidden ones left out."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
