"""A folder of pictures as a stack: a file a slice, in the order of their numbers."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from birefnet_video.errors import InputMissing, NotAPicture, OutputRefused
from birefnet_video.limits import Limits
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.outputs.unfinished import fill_folder
from birefnet_video.pictures.finding import is_picture_name
from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.reading import read_file, read_pictures
from birefnet_video.pictures.writing import Drawn, encode
from birefnet_video.stacks import tiff
from birefnet_video.stacks.limits import check_slice
from birefnet_video.stacks.stack import Mask, StackInfo, beside

#: Formats that masks of their own name are written in: those without loss. Others become PNG.
_FORMATS = {".png": "png", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}


class FolderStack:
    """All pictures of a folder, but for those in folders below; see :class:`Stack`."""

    def __init__(self, path: Path, read: StackReadSpec) -> None:
        """
        Args:
            path: of the folder.
            read: what is taken of it.

        Raises:
            InputMissing: if it holds no pictures.
            NotAPicture: if they are not of one size and kind.
        """
        inside = sorted(path.iterdir(), key=natural)
        self._files = [each for each in inside if is_picture_name(each) and not each.name.startswith(".")]
        self._limits = Limits(read.max_pixels)
        if not self._files:
            raise InputMissing(
                f"{path}: holds no pictures and no DICOM", hint="slices are .png, .tif, .dcm and the like"
            )
        first = self._read(self._files[0])
        height, width = first.shape[:2]
        check_slice(path, width, height, read.max_pixels)
        for each in self._files[1:]:
            self._check(each, _size(each) or first.shape[1::-1], (width, height))
        self._dtype = first.dtype
        self.info = StackInfo(
            path=path,
            kind="folder",
            shape=(len(self._files), height, width),
            is_deep=first.dtype != np.uint8,
            notes=_notes(self._files),
        )

    def slices(self) -> Iterator[np.ndarray]:
        """See :class:`Stack`."""
        _, height, width = self.info.shape
        for each in self._files:
            plane = self._read(each)
            self._check(each, plane.shape[1::-1], (width, height))
            if plane.dtype != self._dtype:
                raise NotAPicture(
                    f"{each}: has samples of {plane.dtype}, {self._files[0].name} of {self._dtype}: no volume"
                )
            yield plane

    def mask_beside(self) -> Path:
        """See :class:`Stack`."""
        return beside(self.info.path.resolve(), "")

    def check(self, path: Path) -> None:
        """See :class:`Stack`."""
        if is_picture_name(path) or path.suffix in (".nii", ".gz"):
            raise OutputRefused(f"{path}: the mask of a folder is a folder")

    def save(self, path: Path, mask: Mask, *, overwrite: bool) -> None:
        """See :class:`Stack`. Grey of eight bits under the names of the slices."""

        def fill(folder: Path) -> None:
            for each, values in zip(self._files, mask.as_grey, strict=True):
                name = mask_name(each)
                data = encode([Drawn(values, Kept())], _FORMATS[Path(name).suffix.lower()], name)
                (folder / name).write_bytes(data)

        fill_folder(path, fill, overwrite=overwrite)

    def close(self) -> None:
        """See :class:`Stack`."""

    def _read(self, path: Path) -> np.ndarray:
        """(H, W) of any type or (H, W, 3) of uint8 or uint16, upright."""
        if path.suffix.lower() in tiff.SUFFIXES:
            return self._read_tiff(path)
        pictures = read_pictures(read_file(path), str(path), self._limits)
        return _as_grey(pictures[0].rgb)

    def _read_tiff(self, path: Path) -> np.ndarray:
        try:
            with Image.open(path, formats=["TIFF"]) as image:
                if (pages := getattr(image, "n_frames", 1)) > 1:
                    raise NotAPicture(f"{path}: has {pages} pages", hint="name the file itself as a stack")
                self._limits_of(path, image.size)
                return tiff.samples(image, str(path))
        except tiff.DAMAGE as error:
            raise NotAPicture(f"{path}: is no TIFF that can be read: {error}") from None

    def _limits_of(self, path: Path, size: tuple[int, int]) -> None:
        check_slice(path, *size, self._limits.pixels)

    def _check(self, path: Path, size: tuple[int, ...], wanted: tuple[int, int]) -> None:
        if tuple(size) != wanted:
            raise NotAPicture(
                f"{path}: is {size[0]}x{size[1]} where {self._files[0].name} is {wanted[0]}x{wanted[1]}: no volume"
            )


def natural(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """By which names with numbers are sorted as people count: ``a2`` before ``a10``."""
    parts = (part for part in re.split(r"(\d+)", path.name.lower()) if part)
    # Digits of other scripts are digits, too, and some that look so are no numbers.
    known = ((part.isdecimal(), part) for part in parts)
    return (*((is_number, int(part) if is_number else 0, part) for is_number, part in known), (False, 0, path.name))


def mask_name(path: Path) -> str:
    """The name of a slice's mask."""
    return path.name if path.suffix.lower() in _FORMATS else f"{path.stem}.png"


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height, upright, as the file's header says; None where only decoding tells."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except tiff.DAMAGE:
        return None


def _as_grey(rgb: np.ndarray) -> np.ndarray:
    """(H, W) of a picture whose channels are the same."""
    same = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 0] == rgb[..., 2]).all()
    return np.ascontiguousarray(rgb[..., 0]) if same else rgb


def _notes(files: list[Path]) -> tuple[str, ...]:
    notes = []
    numbered = [re.fullmatch(r"(.*?)(\d+)(\D*)", each.name) for each in files]
    for (earlier, one), (later, other) in pairwise(zip(files, numbered, strict=True)):
        if one and other and one[1] == other[1] and int(other[2]) - int(one[2]) > 1:
            notes.append(f"from {earlier.name} to {later.name} numbers are left out: slices may be missing")
            break
    lossy = [each.suffix for each in files if mask_name(each) != each.name]
    if lossy:
        notes.append(f"masks of {lossy[0]} are written as .png, without loss")
    if len({mask_name(each) for each in files}) < len(files):
        raise NotAPicture(f"{files[0].parent}: several pictures would have a mask of one name")
    return tuple(notes)
