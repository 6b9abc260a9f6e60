"""Elements of Matroska and WebM files, as far as FFmpeg neither shows nor writes what is in them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from birefnet_video.inputs.remote import Place

#: Element ids: matroska.org/technical/elements.html.
_EBML, _SEGMENT, _CLUSTER, _TRACKS, _TRACK, _VIDEO = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION, _VOID, _INFO = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC, 0xEC, 0x1549A966
_WIDTH, _HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_CROPS = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}
#: Of ``DisplayUnit``: the display size is a ratio and no number of pixels.
_IS_RATIO = 3
#: Bytes of a number in it: what stands behind never moves to the front, where its place may need fewer digits.
_LEAST_SIDE = 4
#: Bytes of a header that are looked into.
_LARGEST_HEAD = 1 << 24


@dataclass(frozen=True, slots=True)
class _Element:
    id: int
    at: int
    """Where it begins."""
    start: int
    """Where what is in it begins."""
    size: int | None
    """``None``: not known when it was begun."""

    @property
    def end(self) -> int:
        return self.start + (self.size or 0)


def is_cut_off(path: Place) -> bool:
    """Whether a file ends before its own structure says."""
    with path.open("rb") as file:
        segment = _segment(file)
        return segment is not None and segment.size is not None and segment.end > path.stat().st_size


def crop_of(path: Path, track: int) -> dict[str, int]:
    """Pixels that a video track asks to be left out on its sides, by ``left``, ``top``, ``right``, ``bottom``.

    Args:
        path: of a Matroska file.
        track: index among its video tracks.
    """
    with path.open("rb") as file:
        found = _find(file, _TRACKS)
        if found is None:
            return {}
        data = _inside(file, found)
    videos = [
        {
            each.id: int.from_bytes(data[each.start : each.end], "big")
            for each in _elements(data, inner.start, inner.end)
        }
        for entry in _elements(data, 0, len(data))
        if entry.id == _TRACK
        for inner in _elements(data, entry.start, entry.end)
        if inner.id == _VIDEO
    ]
    values = videos[track] if track < len(videos) else {}
    return {side: values[number] for number, side in _CROPS.items() if values.get(number)}


def write_pixel_shape(path: Path, shape: Fraction) -> bool:
    """Say that the pixels of a file's first video track are not square.

    The two numbers find room in the empty element behind the file's list of contents; what stands between moves.

    Args:
        path: of a finished file without checksums; changed in place.
        shape: width of a pixel over its height.

    Returns:
        ``False`` if there is no room, and nothing was changed.

    Raises:
        OSError: if it cannot be changed.
    """
    with path.open("r+b") as file:
        segment, tracks = _segment(file), _find(file, _TRACKS)
        if segment is None or tracks is None:
            return False
        heads = list(_top(file, segment))
        voids = [each for each in heads if each.id == _VOID and each.at < tracks.at]
        if not voids or voids[0].size is None:
            return False
        void = voids[0]
        fresh = _with_shape(_inside(file, tracks), shape)
        if fresh is None:
            return False
        moved = _bytes(file, void.end, tracks.at) + _element(_TRACKS, fresh)
        grown = len(moved) - (tracks.end - void.end)
        room = void.end - void.at - grown
        if room < 2:
            return False
        for head in heads:
            if head.id == _SEEK_HEAD and not _move_entries(file, head, segment.start, void.end, tracks.at, grown):
                return False
        file.seek(void.at)
        file.write(_void(room) + moved)
    return True


def _with_shape(tracks: bytes, shape: Fraction) -> bytes | None:
    """The content of ``Tracks`` with a display size in its first video track."""
    out, is_done = b"", False
    for entry in _elements(tracks, 0, len(tracks)):
        inner = b""
        for each in _elements(tracks, entry.start, entry.end) if entry.id == _TRACK else ():
            content = tracks[each.start : each.end]
            if each.id == _VIDEO and not is_done:
                content, is_done = _shaped(content, shape), True
            inner += _element(each.id, content)
        out += _element(entry.id, inner if entry.id == _TRACK else tracks[entry.start : entry.end])
    return out if is_done else None


def _shaped(video: bytes, shape: Fraction) -> bytes:
    kept, sides = b"", {_WIDTH: 0, _HEIGHT: 0}
    for each in _elements(video, 0, len(video)):
        content = video[each.start : each.end]
        if each.id in sides:
            sides[each.id] = int.from_bytes(content, "big")
        if each.id not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT):
            kept += _element(each.id, content)
    wide, high, unit = sides[_WIDTH] * shape, Fraction(sides[_HEIGHT]), 0
    if wide.denominator > 1:
        # In pixels it would be rounded: the shape of the picture is exact.
        ratio = wide / high
        wide, high, unit = Fraction(ratio.numerator), Fraction(ratio.denominator), _IS_RATIO
    for number, value in ((_DISPLAY_WIDTH, int(wide)), (_DISPLAY_HEIGHT, int(high)), (_DISPLAY_UNIT, unit)):
        if value:
            kept += _element(number, value.to_bytes(max(_LEAST_SIDE, (value.bit_length() + 7) // 8), "big"))
    return kept


def _move_entries(file: BinaryIO, head: _Element, origin: int, first: int, last: int, grown: int) -> bool:
    """Let entries of a list of contents that lead to what moves lead to where it goes; ``False``: one has no room."""
    data = bytearray(_inside(file, head))
    for entry in _elements(bytes(data), 0, len(data)):
        if entry.id != _SEEK:
            continue
        for each in _elements(bytes(data), entry.start, entry.end):
            position = int.from_bytes(data[each.start : each.end], "big")
            if each.id == _SEEK_POSITION and first <= origin + position <= last:
                moved, length = position - grown, each.end - each.start
                if moved.bit_length() > 8 * length:
                    return False
                data[each.start : each.end] = moved.to_bytes(length, "big")
    file.seek(head.start)
    file.write(data)
    return True


def _element(number: int, content: bytes) -> bytes:
    size = len(content)
    length = next(count for count in range(1, 9) if size < (1 << 7 * count) - 1)
    return (
        number.to_bytes((number.bit_length() + 7) // 8, "big")
        + (size | 1 << 7 * length).to_bytes(length, "big")
        + content
    )


def _void(length: int) -> bytes:
    """An empty element of so many bytes, its header included."""
    width = 1 if length < 2 + 127 else 8
    size = length - 1 - width
    return bytes([_VOID]) + (size | 1 << 7 * width).to_bytes(width, "big") + bytes(size)


def _segment(file: BinaryIO) -> _Element | None:
    at = 0
    for _ in range(3):
        element = _header(file, at)
        if element is None or element.id == _SEGMENT:
            return element
        if element.size is None:
            return None
        at = element.end
    return None


def _top(file: BinaryIO, segment: _Element) -> Iterator[_Element]:
    """Elements of a segment before its first pictures."""
    at = segment.start
    while (element := _header(file, at)) is not None and element.id != _CLUSTER and element.size is not None:
        yield element
        at = element.end


def _find(file: BinaryIO, number: int) -> _Element | None:
    segment = _segment(file)
    if segment is None:
        return None
    heads = list(_top(file, segment))
    # Editors put what has no room left behind the pictures, and say where.
    listed = [place for head in heads if head.id == _SEEK_HEAD for place in _listed(file, head, segment, number)]
    found = [each for each in (*heads, *listed) if each.id == number and (each.size or 0) < _LARGEST_HEAD]
    return found[0] if found else None


def _listed(file: BinaryIO, head: _Element, segment: _Element, number: int) -> Iterator[_Element]:
    """Elements that a list of contents leads to."""
    data = _inside(file, head)
    for entry in _elements(data, 0, len(data)):
        inner = {each.id: data[each.start : each.end] for each in _elements(data, entry.start, entry.end)}
        if entry.id == _SEEK and int.from_bytes(inner.get(_SEEK_ID, b""), "big") == number:
            found = _header(file, segment.start + int.from_bytes(inner.get(_SEEK_POSITION, b""), "big"))
            if found is not None:
                yield found


def _inside(file: BinaryIO, element: _Element) -> bytes:
    return _bytes(file, element.start, element.end)


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _header(file: BinaryIO, at: int) -> _Element | None:
    if at >= file.seek(0, os.SEEK_END):
        return None
    return next(_elements(_bytes(file, at, at + 12), 0, 12, at), None)


def _elements(data: bytes, start: int, end: int, offset: int = 0) -> Iterator[_Element]:
    """Elements one after another; ``offset`` is where ``data`` begins in the file."""
    while start < min(end, len(data)):
        number = _number(data, start, keeps_mark=True)
        size = _number(data, start + number[1], keeps_mark=False) if number else None
        if number is None or size is None:
            return
        begin = start + number[1] + size[1]
        is_unknown = size[0] == (1 << 7 * size[1]) - 1
        yield _Element(number[0], offset + start, offset + begin, None if is_unknown else size[0])
        if is_unknown:
            return
        start = begin + size[0]


def _number(data: bytes, at: int, *, keeps_mark: bool) -> tuple[int, int] | None:
    """A number of variable length and how many bytes it has."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return None
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keeps_mark else value & ((1 << 7 * length) - 1)), length
