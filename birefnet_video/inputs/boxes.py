"""Boxes of MOV and MP4 files, as far as FFmpeg neither shows nor writes what is in them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from birefnet_video.inputs.remote import Place

#: Bytes of a header, of a full box' version and flags, of a video's sample entry before its own boxes.
_HEADER, _FULL, _VISUAL_ENTRY = 8, 4, 78
#: The largest ``moov`` that is looked into.
_LARGEST_MOOV = 1 << 28
#: Boxes that hold nothing but boxes, on the way to what is looked for.
_HOLDERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"}


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    """Of what is in it."""
    end: int


@dataclass(frozen=True, slots=True)
class _Track:
    handler: bytes
    header: _Box | None
    media_header: _Box
    description: _Box | None
    edits: _Box | None


@dataclass(frozen=True, slots=True)
class _Length:
    scale: int
    """Ticks of a second."""
    header: tuple[int, int]
    """Place and bytes of the length by the track's header."""
    edits: list[tuple[int, int]] | None
    """The same of every edit's; ``None``: there is no list of them."""


def clean_aperture(path: Path, track: int) -> tuple[int, int] | None:
    """Width and height of the part of its pictures that a video track asks to be shown (``clap``); ``None``: all.

    Args:
        path: of a MOV or MP4 file.
        track: index among its video tracks.
    """
    with path.open("rb") as file:
        found = _moov(file)
        if found is None:
            return None
        data, _ = found
        videos = [each for each in _tracks(data) if each.handler == b"vide"]
        if track >= len(videos) or (description := videos[track].description) is None:
            return None
        for entry in _boxes(data, description.start + _FULL + 4, description.end):
            for box in _boxes(data, entry.start + _VISUAL_ENTRY, entry.end):
                if box.kind == b"clap" and box.end - box.start >= 16:
                    width, width_over, height, height_over = struct.unpack(">4I", data[box.start : box.start + 16])
                    if width_over and height_over:
                        return round(width / width_over), round(height / height_over)
    return None


def shown_until(path: Place) -> Fraction | None:
    """When the first video track ends, in seconds, by the sum of its edits; ``None`` if that is not written down.

    Args:
        path: of a finished MOV or MP4 file.
    """
    with path.open("rb") as file:
        found = _moov(file)
    data = found[0] if found is not None else b""
    if (length := _picture_length(data)) is None:
        return None
    places = [length.header] if length.edits is None else length.edits
    return Fraction(sum(_number(data, *place) for place in places), length.scale)


def _picture_length(data: bytes) -> _Length | None:
    """Where the length of the first video track is written."""
    clock = next(
        (
            box
            for moov in _boxes(data, 0, len(data))
            for box in _boxes(data, moov.start, moov.end)
            if box.kind == b"mvhd"
        ),
        None,
    )
    videos = [each for each in _tracks(data) if each.handler == b"vide"]
    if clock is None or not videos or (header := videos[0].header) is None:
        return None
    # Version 1 has times of 64 bits: made, changed, and before the scale or the track's number.
    scale = _number(data, clock.start + _FULL + (16 if data[clock.start] else 8), 4)
    place = (header.start + _FULL + (24 if data[header.start] else 16), 8 if data[header.start] else 4)
    if (edits := videos[0].edits) is None:
        return _Length(scale or 1, place, None)
    step, length = (20, 8) if data[edits.start] else (12, 4)
    first = edits.start + 2 * _FULL
    count = min(_number(data, edits.start + _FULL, 4), (edits.end - first) // step)
    return _Length(scale or 1, place, [(first + step * index, length) for index in range(count)])


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def write_picture_end(path: Path, end: Fraction) -> None:
    """Let the first video track end at ``end``: FFmpeg adds up lengths in the order of decoding.

    Args:
        path: of a finished MOV or MP4 file; changed in place.
        end: in seconds.

    Raises:
        OSError: if it cannot be changed.
    """
    with path.open("r+b") as file:
        found = _moov(file)
        if found is None:
            return
        data, at = found
        if (written := _picture_length(data)) is None:
            return
        over = _number(data, *written.header) - round(end * written.scale)
        places = [written.header, *(written.edits or [])[-1:]]
        for place, length in places:
            value = _number(data, place, length) - over
            if value > 0:
                file.seek(at + place)
                file.write(value.to_bytes(length, "big"))


def write_languages(path: Path, languages: dict[int, str]) -> None:
    """Name the languages of tracks by ISO 639-2/T, which QuickTime takes and FFmpeg writes into MP4 only.

    Args:
        path: of a finished MOV file; changed in place.
        languages: three letters, by index of the track.

    Raises:
        OSError: if it cannot be changed.
    """
    with path.open("r+b") as file:
        found = _moov(file)
        if found is None:
            return
        data, at = found
        for index, track in enumerate(_tracks(data)):
            code = languages.get(index, "")
            if len(code) != 3 or not code.isascii() or not code.islower():
                continue
            header = track.media_header
            # Version 1 has times of 64 bits before the language.
            place = header.start + _FULL + (28 if data[header.start] == 1 else 16)
            packed = sum((ord(letter) - 0x60) << shift for letter, shift in zip(code, (10, 5, 0), strict=True))
            file.seek(at + place)
            file.write(packed.to_bytes(2, "big"))


def _moov(file: BinaryIO) -> tuple[bytes, int] | None:
    """The bytes of the file's index with its header, and where they begin."""
    at = 0
    while len(head := _read(file, at, 16)) >= _HEADER:
        length, kind = struct.unpack(">I4s", head[:_HEADER])
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16], "big")
        if kind == b"moov":
            return (_read(file, at, length), at) if length <= _LARGEST_MOOV else None
        if length < _HEADER:
            return None
        at += length
    return None


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def _tracks(data: bytes) -> list[_Track]:
    tracks = []
    for moov in _boxes(data, 0, len(data)):
        for box in _boxes(data, moov.start, moov.end):
            if box.kind == b"trak":
                inner = {each.kind: each for each in _leaves(data, box)}
                if (header := inner.get(b"mdhd")) and (handler := inner.get(b"hdlr")):
                    kind = data[handler.start + _FULL + 4 : handler.start + _FULL + 8]
                    tracks.append(_Track(kind, inner.get(b"tkhd"), header, inner.get(b"stsd"), inner.get(b"elst")))
    return tracks


def _leaves(data: bytes, box: _Box) -> Iterator[_Box]:
    for each in _boxes(data, box.start, box.end):
        if each.kind in _HOLDERS:
            yield from _leaves(data, each)
        elif each.kind != b"hdlr" or box.kind == b"mdia":
            # MOV has a second handler for data.
            yield each


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    while start + _HEADER <= end:
        length, kind = struct.unpack(">I4s", data[start : start + _HEADER])
        header = _HEADER
        if length == 1 and start + 16 <= end:
            length, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if length < header or start + length > end:
            return
        yield _Box(kind, start + header, start + length)
        start += length
