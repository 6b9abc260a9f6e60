"""What is made of a large picture and its matte, strip by strip; see ``pictures.py`` beside this."""

from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np
from attrs import evolve

from birefnet_video.colour.convert import alpha_samples
from birefnet_video.matting.adjust.opencv import edit
from birefnet_video.matting.colours.opencv import CLEAR, small_shape
from birefnet_video.matting.colours.strips import StripRetoucher
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.tiles.source import reduced
from birefnet_video.options.backgrounds import SolidColour
from birefnet_video.options.matte import ColourSpec, EditSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pictures.picture import Kept
from birefnet_video.pictures.profiles import from_srgb

#: Lines that are worked on at once.
LINES = 64
_TOP = np.float32(65535)


class Large(Protocol):
    """A large picture, looked at in parts; see :class:`birefnet_video.pictures.large.LargePicture`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    @property
    def kept(self) -> Kept:
        """What is kept of its file."""
        ...

    def stored(self, rows: slice, columns: slice) -> np.ndarray:
        """Pixels as they are stored, uint8 or uint16 (h, w, 3) RGB."""
        ...

    def alpha(self, rows: slice) -> np.ndarray | None:
        """Alpha of its own, float32 (h, W) in [0, 1]; ``None`` if it has none."""
        ...


def strips(rows: slice) -> Iterator[slice]:
    """Lines in pieces of :data:`LINES`."""
    for first in range(rows.start, rows.stop, LINES):
        yield slice(first, min(first + LINES, rows.stop))


def edit_strips(matte: np.ndarray, picture: Large, spec: EditSpec, *, multiplies: bool) -> None:
    """Change a matte in place as a user and the picture's own alpha ask.

    Args:
        matte: uint16 (H, W), 65535 inside the subject.
        picture: that it is of.
        spec: what is asked for.
        multiplies: by the picture's own alpha.
    """
    around = abs(spec.mask_offset) + int(5 * spec.mask_blur) + 1
    above = matte[:0].copy()
    for rows in strips(slice(0, len(matte))):
        lines = np.concatenate((above, matte[rows]))
        block = np.concatenate((lines, matte[rows.stop : rows.stop + around])).astype(np.float32) / _TOP
        alpha = edit(block, spec)[len(above) : len(lines)]
        if multiplies and (own := picture.alpha(rows)) is not None:
            alpha = alpha * own
        matte[rows], above = alpha_samples(alpha, 16), lines[-around:]


def lines_of_subject(matte: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which lines and which columns of a matte, uint16 (H, W), hold something that is not clear: bool (H,), (W,)."""
    rows, columns = np.zeros(matte.shape[0], bool), np.zeros(matte.shape[1], bool)
    for lines in strips(slice(0, len(matte))):
        there = matte[lines] > CLEAR * _TOP
        rows[lines] = there.any(axis=1)
        columns |= there.any(axis=0)
    return rows, columns


class StripDrawing:
    """Draws outputs of one large picture."""

    def __init__(self, colour: ColourSpec, picture: Large, matte: np.ndarray) -> None:
        """
        Args:
            colour: what becomes of the subject's colours; ``best`` does not go in strips.
            picture: the source.
            matte: uint16 (H, W), 65535 inside the subject.
        """
        self._picture, self._matte = picture, matte
        has_alpha = picture.alpha(slice(0, 1)) is not None
        # What is cut out already has edges that are free from a background.
        spec = evolve(colour, decontaminate="off") if has_alpha else colour
        shape = small_shape(*matte.shape)
        small = resized(matte, shape).astype(np.float32) / _TOP
        self._retoucher = StripRetoucher(spec, _small(picture, shape), small, picture.size)

    def draw(self, outputs: tuple[OutputSpec, ...], rows: slice, columns: slice) -> list[np.ndarray]:
        """Samples of outputs in their order, as :class:`birefnet_video.pictures.writing.Drawn` has them."""
        alpha = self._matte[rows].astype(np.float32) / _TOP
        rgb = self._picture.stored(rows, slice(0, self._picture.size[1]))
        if any(output.kind != "mask" for output in outputs):
            rgb = self._retoucher.apply(rgb, alpha, rows.start)
        alpha, rgb = alpha[:, columns], rgb[:, columns]
        return [self._one(output, rgb, alpha) for output in outputs]

    def _one(self, output: OutputSpec, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        samples = alpha_samples(alpha, 8 * rgb.itemsize)
        if output.kind == "mask":
            return samples
        if output.kind == "alpha":
            return cv2.merge((*cv2.split(rgb), samples))
        assert isinstance(output.background, SolidColour)  # others do not come here
        behind = from_srgb(np.array([[output.background.rgb]], np.uint8), self._picture.kept.icc).astype(np.float32)
        behind *= np.float32(257 if rgb.itemsize == 2 else 1)
        share = alpha[..., None]
        mixed = rgb * share + behind * (1 - share)
        return (mixed + np.float32(0.5)).clip(0, np.iinfo(rgb.dtype).max).astype(rgb.dtype)


class _Stored:
    """The pixels of a picture as they are stored, as a source of parts."""

    def __init__(self, picture: Large) -> None:
        self._picture, self.size = picture, picture.size

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        return self._picture.stored(rows, columns)


def _small(picture: Large, shape: tuple[int, int]) -> np.ndarray:
    """All of a picture made small, as it is stored."""
    halvings = max(0, min(side // small for side, small in zip(picture.size, shape, strict=True)).bit_length() - 1)
    height, width = (-(-side // (1 << halvings)) for side in picture.size)
    lines = [reduced(_Stored(picture), rows, slice(0, width), halvings) for rows in strips(slice(0, height))]
    return resized(np.concatenate(lines), shape)
