"""What is made of a still picture and its matte: on the picture's own RGB, whatever it means, with all of its depth."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from attrs import evolve

from birefnet_video.colour.convert import alpha_samples
from birefnet_video.errors import UsageError
from birefnet_video.matting.backdrop import blur_sigma, blurred, filling, read_background
from birefnet_video.matting.colours.opencv import CLEAR, Retoucher, Space
from birefnet_video.matting.composite.opencv import retouched
from birefnet_video.options.backgrounds import Background, Blur, PictureFile, SolidColour
from birefnet_video.options.matte import ColourSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.pictures import Margin
from birefnet_video.pictures.geo import moved
from birefnet_video.pictures.picture import Picture
from birefnet_video.pictures.profiles import from_srgb
from birefnet_video.pictures.writing import Drawn


class Drawing:
    """Draws outputs. From any thread."""

    def __init__(self, colour: ColourSpec) -> None:
        """
        Raises:
            BackendUnavailable: if colours need a library that is not installed.
        """
        self._retoucher = Retoucher(colour)
        # What is cut out already has edges that are free from a background.
        self._of_cutouts = Retoucher(evolve(colour, decontaminate="off"))
        self._background = cache(lambda background: read_background(background).rgb)

    @property
    def warm_up(self) -> Callable[[], None] | None:
        """What takes long and should be done before the first picture, if there is something."""
        return self._retoucher.warm_up if self._retoucher.must_compile else None

    def check(self, background: Background) -> None:
        """See that a background can be had.

        Raises:
            BirefnetVideoError: if not; says why.
        """
        if isinstance(background, PictureFile):
            self._background(background)
        elif not isinstance(background, SolidColour | Blur):
            raise UsageError(
                f"--background: {background}: a video does not lie behind pictures", hint="name a colour or a picture"
            )

    def draw(self, outputs: tuple[OutputSpec, ...], picture: Picture, alpha: np.ndarray) -> list[Drawn]:
        """The pictures of outputs, in their order.

        Args:
            outputs: their kinds and backgrounds count.
            picture: the source.
            alpha: float32 (H, W) in [0, 1] of its size; multiplied by the picture's own alpha if it counts.
        """
        retoucher = self._retoucher if picture.alpha is None else self._of_cutouts
        shows_colour = any(output.kind in ("alpha", "composite") for output in outputs)
        rgb = retouched(picture.rgb, alpha, retoucher) if shows_colour else picture.rgb
        return [self._one(output, picture, rgb, alpha) for output in outputs]

    def _one(self, output: OutputSpec, picture: Picture, rgb: np.ndarray, alpha: np.ndarray) -> Drawn:
        samples = alpha_samples(alpha, 8 * rgb.itemsize)
        if output.kind == "mask":
            return Drawn(samples, picture.kept)
        if output.kind == "alpha":
            return Drawn(cv2.merge((*cv2.split(rgb), samples)), picture.kept, _light(picture, rgb))
        if output.kind == "foreground":
            return Drawn(self._foreground(picture.rgb, alpha), picture.kept)
        return Drawn(self._over(output.background, picture, rgb, alpha), picture.kept)

    def _foreground(self, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        # Brings torch along, which only the network needs otherwise.
        from birefnet_video.model.foreground import estimate_foreground

        top = np.float32(np.iinfo(rgb.dtype).max)
        own = (estimate_foreground(rgb.astype(np.float32) / top, alpha) * top + np.float32(0.5)).astype(rgb.dtype)
        planes = [np.ascontiguousarray(own[..., index]) for index in range(3)]
        self._retoucher.despill(planes, np.ones_like(alpha), Space(8 * rgb.itemsize))
        # What is opaque has its own colour.
        return np.where((alpha > 1 - CLEAR)[..., None], rgb, np.stack(planes, -1)).astype(rgb.dtype)

    def _over(self, background: Background, picture: Picture, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        height, width = alpha.shape
        share = alpha[..., None]
        behind: np.ndarray
        if isinstance(background, SolidColour):
            behind = self._as_stored(np.array([[background.rgb]], np.uint8), picture)
        elif isinstance(background, Blur):
            behind = blurred(picture.rgb, alpha, blur_sigma(background, height))
        else:
            assert isinstance(background, PictureFile)  # see check
            behind = self._as_stored(filling(self._background(background), width, height), picture)
        mixed = rgb * share + behind * (1 - share)
        return (mixed + np.float32(0.5)).clip(0, np.iinfo(rgb.dtype).max).astype(rgb.dtype)

    @staticmethod
    def _as_stored(srgb: np.ndarray, picture: Picture) -> np.ndarray:
        """sRGB of 8 bits in the picture's own colours and depth, float32."""
        own = from_srgb(srgb, picture.kept.icc).astype(np.float32)
        return own * np.float32(257) if picture.rgb.itemsize == 2 else own


def box_of_subject(alpha: np.ndarray, margin: Margin) -> tuple[slice, slice] | None:
    """Rows and columns of what is not clear, with a margin as far as there is picture; ``None``: all is clear.

    Args:
        alpha: float32 (H, W) in [0, 1].
        margin: around it.
    """
    there = alpha > CLEAR
    return box_around(np.asarray(there.any(axis=1)), np.asarray(there.any(axis=0)), margin)


def box_around(down: np.ndarray, across: np.ndarray, margin: Margin) -> tuple[slice, slice] | None:
    """The same, of which lines, bool (H,), and columns, bool (W,), hold something that is not clear."""
    rows, columns = np.flatnonzero(down), np.flatnonzero(across)
    if not len(rows):
        return None
    around = margin.pixels(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)
    return tuple(  # type: ignore[return-value]
        slice(max(0, int(found[0]) - around), min(len(line), int(found[-1]) + 1 + around))
        for found, line in zip((rows, columns), (down, across), strict=True)
    )


def cropped(drawn: Drawn, box: tuple[slice, slice]) -> Drawn:
    """A part of a picture."""
    light = None if drawn.light is None else drawn.light[box]
    kept = moved(drawn.kept, box[0].start, box[1].start)
    return Drawn(np.ascontiguousarray(drawn.samples[box]), kept, light)


def _light(picture: Picture, rgb: np.ndarray) -> np.ndarray | None:
    """The light of a picture whose soft edges may have been freed: its own where nothing has changed."""
    if picture.light is None:
        return None
    from birefnet_video.colour.transfer import SRGB, light_table

    return np.where(rgb == picture.rgb, picture.light, light_table(SRGB)[rgb])
