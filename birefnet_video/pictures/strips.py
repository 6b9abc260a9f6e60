"""PNG and TIFF written strip by strip: what is held of a picture does not depend on how tall it is."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol

import numpy as np

from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.writing import png_chunk, png_chunks, tiff_directory

#: Compression by deflate: more takes several times as long for a few per cent.
_DEFLATE = 1
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Kinds of PNG's pixels by their channels, and each line as what it has more than the one above.
_PNG_COLOURS, _UP = {1: 0, 3: 2, 4: 6}, 2
#: Bytes of pixels from which a TIFF is a BigTIFF, whose numbers have room for them.
_BIG_FROM = 2**32 - 2**26
#: Types of TIFF's numbers.
_LONG, _LONG8 = 4, 16


class StripWriter(Protocol):
    """Takes the lines of a picture from above."""

    def add(self, samples: np.ndarray) -> None:
        """Write lines.

        Args:
            samples: uint8 or uint16: grey (h, W), RGB (h, W, 3) or straight RGBA (h, W, 4).

        Raises:
            OSError: if there is no room for them.
        """
        ...

    def finish(self) -> None:
        """Write what comes behind the last line.

        Raises:
            OSError: if there is no room for it.
        """
        ...


class PngStrips:
    """A :class:`StripWriter` of PNG."""

    def __init__(self, file: BinaryIO, size: tuple[int, int], dtype: np.dtype, channels: int, kept: Kept) -> None:
        """
        Args:
            file: is begun.
            size: width and height.
            dtype: uint8 or uint16.
            channels: 1, 3 or 4.
            kept: goes into it.
        """
        self._file, self._compressor = file, zlib.compressobj(_DEFLATE)
        self._above: np.ndarray | None = None
        header = struct.pack(">IIBBBBB", *size, 8 * dtype.itemsize, _PNG_COLOURS[channels], 0, 0, 0)
        chunks = png_chunks(kept, size, has_colours=channels > 1)
        file.write(_SIGNATURE + png_chunk(b"IHDR", header) + b"".join(png_chunk(*each) for each in chunks))

    def add(self, samples: np.ndarray) -> None:
        """See :class:`StripWriter`."""
        rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).reshape(len(samples), -1).view(np.uint8)
        above = np.zeros((1, rows.shape[1]), np.uint8) if self._above is None else self._above
        lines = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        lines[:, 0] = _UP
        np.subtract(rows, np.concatenate((above, rows[:-1])), out=lines[:, 1:])
        self._above = rows[-1:].copy()
        if data := self._compressor.compress(lines.data):
            self._file.write(png_chunk(b"IDAT", data))

    def finish(self) -> None:
        """See :class:`StripWriter`."""
        self._file.write(png_chunk(b"IDAT", self._compressor.flush()) + png_chunk(b"IEND", b""))


class TiffStrips:
    """A :class:`StripWriter` of TIFF, or BigTIFF where that is needed."""

    def __init__(self, file: BinaryIO, size: tuple[int, int], dtype: np.dtype, channels: int, kept: Kept) -> None:
        """
        Args:
            file: is begun.
            size: width and height.
            dtype: uint8 or uint16.
            channels: 1, 3 or 4.
            kept: goes into it.
        """
        self._file, self._size, self._dtype, self._channels, self._kept = file, size, dtype, channels, kept
        self._begins: list[int] = []
        self._lengths: list[int] = []
        self._lines = 0
        self.is_big = size[0] * size[1] * channels * dtype.itemsize >= _BIG_FROM
        # Where the directory lies is written last.
        file.write(b"II+\0\x08\0\0\0" + bytes(8) if self.is_big else b"II*\0" + bytes(4))

    def add(self, samples: np.ndarray) -> None:
        """See :class:`StripWriter`; all but the last have as many lines."""
        self._lines = self._lines or len(samples)
        steps = samples.copy()
        steps[:, 1:] = samples[:, 1:] - samples[:, :-1]
        data = zlib.compress(steps.astype(samples.dtype.newbyteorder("<"), copy=False).data, _DEFLATE)
        self._begins.append(self._file.tell())
        self._lengths.append(len(data))
        self._file.write(data)

    def finish(self) -> None:
        """See :class:`StripWriter`."""
        directory = tiff_directory(self._kept, self._size, self._dtype, self._channels, is_big=self.is_big)
        directory[278], directory[279] = self._lines, tuple(self._lengths)
        # Pillow would take their places for some behind its own directory: they are filled in afterwards.
        directory.tagtype.update({273: self._whole_number, 279: self._whole_number})
        directory[273] = (0,) * len(self._begins)
        self._file.write(bytes(self._file.tell() % 2))
        at = self._file.tell()
        self._file.write(self._with_places(directory.tobytes(at), at))
        self._file.seek(8 if self.is_big else 4)
        self._file.write(struct.pack("<Q" if self.is_big else "<I", at))
        self._file.seek(0, 2)

    @property
    def _whole_number(self) -> int:
        """The type of places in the file."""
        return _LONG8 if self.is_big else _LONG

    def _with_places(self, directory: bytes, at: int) -> bytes:
        """A directory that lies somewhere, with where strips begin."""
        made = bytearray(directory)
        number, head, entry = ("Q", 8, 20) if self.is_big else ("I", 2, 12)
        places = struct.pack(f"<{len(self._begins)}{number}", *self._begins)
        for start in range(head, len(made), entry):
            if made[start : start + 2] == struct.pack("<H", 273):
                value = start + entry - struct.calcsize(number)
                is_inside = len(self._begins) == 1
                begin = value if is_inside else struct.unpack_from(f"<{number}", made, value)[0] - at
                made[begin : begin + len(places)] = places
                break
        return bytes(made)


#: By format.
WRITERS: Mapping[str, Callable[[BinaryIO, tuple[int, int], np.dtype, int, Kept], StripWriter]] = {
    "png": PngStrips,
    "tiff": TiffStrips,
}
