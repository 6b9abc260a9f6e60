"""A picture that is too large for copies of it: opened from its file, decoded once, and looked at in parts."""

import struct
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from birefnet_video.errors import InputMissing, NotAPicture, first_line
from birefnet_video.limits import Limits
from birefnet_video.pictures.metadata import turn_and_kept
from birefnet_video.pictures.picture import Kept, in_8_bits
from birefnet_video.pictures.profiles import as_srgb
from birefnet_video.pictures.reading import DAMAGE, is_deep
from birefnet_video.types import Turn

_FORMATS = ("PNG", "TIFF", "JPEG", "BMP")
_MODES = ("RGB", "RGBA", "L")
_SIGNATURE, _PIXELS = b"\x89PNG\r\n\x1a\n", b"IDAT"
#: Bytes that Pillow and OpenCV hold of a pixel: four of 8 bits, and up to four of 16.
_SHALLOW_BYTES, _DEEP_BYTES = 4, 8


class LargePicture:
    """The picture of a file, upright. From one thread at a time."""

    def __init__(self, path: Path, image: Image.Image, head: bytes) -> None:
        """
        Args:
            path: of the file.
            image: opened by Pillow; its pixels have not been read.
            head: the file without its pixels, as far as something beside them is read of it.
        """
        self.path, self._image, self._head = path, image, head
        self.is_deep = is_deep(image, head)
        self._turn, self.kept = Turn(), Kept()
        self._samples: np.ndarray | None = None

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self._image.width * self._image.height

    @property
    def bytes_held(self) -> int:
        """Of main memory, for its pixels."""
        return self.pixels * (_DEEP_BYTES if self.is_deep else _SHALLOW_BYTES)

    def check(self, limits: Limits) -> None:
        """
        Raises:
            NotAPicture: if it is larger than allowed.
        """
        size = f"{self._image.width}x{self._image.height}"
        if self.pixels > limits.pixels:
            raise NotAPicture(
                f"{self.path}: is too large: {size}, at most {limits.pixels:,} pixels",
                hint="--max-pixels raises the limit",
            )

    def load(self) -> None:
        """Decode it.

        Raises:
            NotAPicture: if it is damaged.
        """
        try:
            self._turn, self.kept = turn_and_kept(self._image, self._head)
            if self.is_deep:
                self._samples = self._deep()
            else:
                self._image.load()
        except DAMAGE as error:
            raise NotAPicture(f"{self.path}: is damaged: {first_line(error)}") from None

    def _deep(self) -> np.ndarray:
        try:
            found = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise NotAPicture(f"{self.path}: cannot be decoded: {first_line(error)}") from None
        if found is None or found.dtype != np.uint16 or found.shape[:2] != (self._image.height, self._image.width):
            raise NotAPicture(f"{self.path}: its 16 bits a sample are stored in a way that is not read")
        return found

    def close(self) -> None:
        """Free the memory. May be called twice."""
        self._samples = None
        self._image.close()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, upright."""
        width, height = self._image.size
        return (width, height) if self._turn.swaps_sides else (height, width)

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """Pixels as sRGB, uint8 (h, w, 3)."""
        return as_srgb(in_8_bits(self.stored(rows, columns)), self.kept.icc)

    def stored(self, rows: slice, columns: slice) -> np.ndarray:
        """Pixels as they are stored, uint8 or uint16 (h, w, 3) RGB."""
        samples = self._cut(rows, columns)
        if samples.ndim == 2:
            return np.repeat(samples[..., None], 3, axis=2)
        return np.ascontiguousarray(samples[..., 2::-1] if self.is_deep else samples[..., :3])

    def alpha(self, rows: slice) -> np.ndarray | None:
        """Alpha of its own, float32 (h, W) in [0, 1]; ``None`` if it has none."""
        samples = self._cut(rows, slice(0, self.size[1]))
        if samples.ndim == 2 or samples.shape[2] < 4:
            return None
        return samples[..., 3].astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)

    def _cut(self, rows: slice, columns: slice) -> np.ndarray:
        top, left, bottom, right = _as_stored(self._turn, rows, columns, self.size)
        if self._samples is not None:
            samples = self._samples[top:bottom, left:right]
        else:
            samples = np.asarray(self._image.crop((left, top, right, bottom)))
        return self._turn.apply(samples)


def large_picture(path: Path, least: int) -> LargePicture | None:
    """The picture of a file, if it has more pixels than ``least`` and is of a kind that can be looked at in parts.

    Raises:
        InputMissing: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = _head(file)
        image = Image.open(path, formats=_FORMATS)
    except OSError as error:
        if isinstance(error, UnidentifiedImageError):
            return None
        raise InputMissing(f"{path}: {error.strerror or first_line(error)}") from None
    except DAMAGE:
        return None
    is_single = getattr(image, "n_frames", 1) == 1
    is_plain = image.mode in _MODES and "transparency" not in image.info
    if image.width * image.height > least and is_single and is_plain:
        return LargePicture(path, image, head)
    image.close()
    return None


def _head(file: BinaryIO) -> bytes:
    """A PNG without its pixels; of other files the first bytes."""
    kept = [file.read(len(_SIGNATURE))]
    if kept[0] != _SIGNATURE:
        return kept[0] + file.read(64)
    while len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == _PIXELS:
            file.seek(length + 4, 1)
        else:
            kept += [start, file.read(length + 4)]
    return b"".join(kept)


def _as_stored(turn: Turn, rows: slice, columns: slice, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of a part of an upright picture of a size, in the picture as it is stored."""
    height, width = size
    top, bottom, left, right = rows.start, rows.stop, columns.start, columns.stop
    if turn.mirror:
        left, right = width - right, width - left
    for _ in range(turn.quarters % 4):
        # One quarter turn counter-clockwise is taken back.
        top, bottom, left, right = left, right, height - bottom, height - top
        height, width = width, height
    return top, left, bottom, right
