"""Multi-page TIFF as a stack, by Pillow."""

import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from birefnet_video.errors import NotAPicture, OutputRefused, first_line
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.outputs.unfinished import fill_whole
from birefnet_video.stacks.limits import check_slice
from birefnet_video.stacks.stack import Mask, StackInfo, beside

SUFFIXES = (".tif", ".tiff")
#: What Pillow raises at files that are none, or damaged.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError, struct.error)
_DESCRIPTION, _RESOLUTION = 270, (282, 283, 296)
#: Pillow's modes, and what is made of them.
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB", "I;16": "", "I;16L": "", "I;16B": "",
          "I": "", "F": ""}  # fmt: skip
_EIGHT_BITS = ("L", "RGB")
#: Lines of ImageJ's description that stay as they are.
_KEPT_LINES = ("ImageJ", "unit", "spacing", "yunit", "zunit", "loop", "xorigin", "yorigin", "zorigin")
#: Bytes from which a TIFF counts in 64 bits.
_BIG = 2**32 - 2**24


def samples(image: Image.Image, name: str) -> np.ndarray:
    """The samples of an open page: (H, W) of any type that TIFF has, or uint8 (H, W, 3).

    Raises:
        NotAPicture: if they are of a kind that is not read.
    """
    if image.mode not in _MODES:
        raise NotAPicture(f"{name}: samples of {image.mode} are not read", hint="grey of any depth or RGB of 8 bits is")
    made = _MODES[image.mode]
    values = np.asarray(image.convert(made) if made and made != image.mode else image)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def is_deep(image: Image.Image) -> bool:
    """Whether an open page has more than eight bits."""
    return _MODES.get(image.mode, "") not in _EIGHT_BITS


class TiffStack:
    """All pages of a TIFF; see :class:`Stack`."""

    def __init__(self, path: Path, read: StackReadSpec) -> None:
        """
        Args:
            path: of the file.
            read: what is taken of it.

        Raises:
            NotAPicture: if it is damaged, or its pages are no slices of one volume.
        """
        with warnings.catch_warnings():
            # Of tags that are damaged; pages are read or are not.
            warnings.simplefilter("ignore")
            self._image = _opened(path)
            try:
                self.info = self._look(path, read)
            except DAMAGE as error:
                self.close()
                raise NotAPicture(f"{path}: is damaged: {first_line(error)}") from None
            except BaseException:
                self.close()
                raise

    def _look(self, path: Path, read: StackReadSpec) -> StackInfo:
        pages = [self._page(index) for index in range(self._image.n_frames)]
        self._image.seek(0)
        self._tags = dict(self._image.tag_v2)
        (width, height), mode = pages[0]
        odd = next((index for index, page in enumerate(pages) if page != pages[0]), None)
        if odd is not None:
            (other_width, other_height), other_mode = pages[odd]
            raise NotAPicture(
                f"{path}: page {odd + 1} is {other_width}x{other_height} of {other_mode}, the first is "
                f"{width}x{height} of {mode}: no volume"
            )
        check_slice(path, width, height, read.max_pixels)
        text = str(self._tags.get(_DESCRIPTION, ""))
        _check_planes(path, text, len(pages))
        return StackInfo(
            path=path,
            kind="tiff",
            shape=(len(pages), height, width),
            is_deep=is_deep(self._image),
            spacing=_spacing(text, self._tags),
            notes=("OME's description is left out of the mask",) if "<OME" in text else (),
        )

    def _page(self, index: int) -> tuple[tuple[int, int], str]:
        self._image.seek(index)
        return self._image.size, self._image.mode

    def slices(self) -> Iterator[np.ndarray]:
        """See :class:`Stack`."""
        for index in range(self.info.shape[0]):
            try:
                self._image.seek(index)
                plane = samples(self._image, str(self.info.path))
            except DAMAGE as error:
                raise NotAPicture(f"{self.info.path}: page {index + 1} is damaged: {first_line(error)}") from None
            yield plane

    def mask_beside(self) -> Path:
        """See :class:`Stack`."""
        return beside(self.info.path, self.info.path.suffix)

    def check(self, path: Path) -> None:
        """See :class:`Stack`."""
        if path.suffix.lower() not in SUFFIXES:
            raise OutputRefused(f"{path}: a mask has its stack's format", hint=f"use {' or '.join(SUFFIXES)}")

    def save(self, path: Path, mask: Mask, *, overwrite: bool) -> None:
        """See :class:`Stack`. Grey of eight bits, with the resolution and ImageJ's spacing of the stack."""
        tags = {tag: self._tags[tag] for tag in _RESOLUTION if tag in self._tags}
        if text := _description(str(self._tags.get(_DESCRIPTION, "")), len(mask.values)):
            tags[_DESCRIPTION] = text
        first, *rest = [Image.fromarray(values) for values in mask.as_grey]
        packed = {"compression": "tiff_adobe_deflate"} if features.check("libtiff") else {}

        def fill(partial: Path) -> None:
            more = {"save_all": True, "append_images": rest, "big_tiff": mask.values.nbytes > _BIG}
            first.save(partial, "TIFF", tiffinfo=tags, **more, **packed)

        fill_whole(path, fill, suffix=path.suffix, overwrite=overwrite)

    def close(self) -> None:
        """See :class:`Stack`."""
        self._image.close()


def _opened(path: Path) -> Any:
    try:
        return Image.open(path, formats=["TIFF"])
    except UnidentifiedImageError:
        raise NotAPicture(f"{path}: is no TIFF that can be read") from None
    except DAMAGE as error:
        raise NotAPicture(f"{path}: is damaged: {first_line(error)}") from None


def _check_planes(path: Path, text: str, pages: int) -> None:
    """
    Raises:
        NotAPicture: if pages are more than slices: channels and times come between.
    """
    counts = {"channels": r"^channels=(\d+)|SizeC=\"(\d+)\"", "times": r"^frames=(\d+)|SizeT=\"(\d+)\""}
    for what, pattern in counts.items():
        found = re.search(pattern, text, re.MULTILINE)
        number = int(next(each for each in found.groups() if each)) if found else 1
        if 1 < number <= pages:
            raise NotAPicture(
                f"{path}: its {pages} pages are slices of {number} {what}", hint="save one of them as a stack"
            )
    images = re.search(r"^images=(\d+)", text, re.MULTILINE)
    if images and int(images[1]) > pages:
        raise NotAPicture(
            f"{path}: has {pages} pages where ImageJ says {images[1]}: some are missing, or lie there without pages",
            hint="save it again, below 4 GB or as OME-TIFF",
        )


def _spacing(text: str, tags: dict[int, Any]) -> tuple[float, float, float] | None:
    """Along z, y and x, as ImageJ or OME say it."""
    sizes = [re.search(rf'PhysicalSize{axis}="([\d.eE+-]+)"', text) for axis in "ZYX"]
    depth = re.search(r"^spacing=([\d.eE+-]+)", text, re.MULTILINE)
    try:
        if all(sizes):
            found = tuple(float(each[1]) for each in sizes if each)
        elif depth and float(tags.get(283, 0)) > 0 and float(tags.get(282, 0)) > 0:
            found = (float(depth[1]), 1 / float(tags[283]), 1 / float(tags[282]))
        else:
            return None
    except (ValueError, ArithmeticError):
        return None
    return (found[0], found[1], found[2]) if min(found) > 0 else None


def _description(text: str, slices: int) -> str | None:
    """ImageJ's description of a mask of as many slices; None where the source has none."""
    if not text.startswith("ImageJ="):
        return None
    kept = [line for line in text.splitlines() if line.partition("=")[0] in _KEPT_LINES]
    return "\n".join([kept[0], f"images={slices}", f"slices={slices}", *kept[1:], "min=0.0", "max=255.0", ""])
