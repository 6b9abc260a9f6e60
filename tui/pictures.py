"""Pictures as cells of a terminal: two pixels above each other in one character."""

from enum import StrEnum
from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from birefnet_video.defaults import GREEN_RGB
from birefnet_video.renders.wire import Picture
from birefnet_video.types import OWN_PIXELS

#: Colours are rounded to this many bits a channel: neighbours then often share one, which saves text.
_BITS = 5
#: Levels by which a cell may differ from the first of its run.
_STEP = 8
#: Levels of 255 by which a pixel must change to be drawn again.
_NOISE = 10
#: Least side of a checkerboard's squares, in pixels, how many are below each other at most, and its two greys.
_SQUARE, _SQUARES, _GREYS = 4, 36, (102, 153)
#: From dark to bright, where there are no colours.
_SHADES = " ░▒▓█"


class View(StrEnum):
    """What of a frame is shown."""

    COMPOSITE = "composite"
    MATTE = "matte"
    SOURCE = "source"
    GREEN = "green"
    SENT = "sent"
    """What goes out of a live session, or is written of a render: before the background that was chosen."""

    def following(self, *, with_sent: bool = False) -> "View":
        """The next one.

        Args:
            with_sent: there is such a background.
        """
        views = [view for view in View if with_sent or view is not View.SENT]
        return views[(views.index(self) + 1) % len(views)]


def paint(picture: Picture, view: View, wipe: float | None = None) -> np.ndarray:
    """
    Args:
        picture: frame and alpha.
        view: what to show.
        wipe: share of the width, from the left, that shows the source instead; ``None``: none of it.

    Returns:
        uint8 (H, W, 3).
    """
    shown = _painted(picture, view)
    return shown if wipe is None else beside(picture.rgb, shown, wipe)


def beside(left: np.ndarray, right: np.ndarray, wipe: float) -> np.ndarray:
    """Two pictures with a border between them.

    Args:
        left: uint8 (H, W, 3).
        right: the same.
        wipe: share of the width, from the left, that shows ``left``.
    """
    edge = round(min(max(wipe, 0.0), 1.0) * right.shape[1])
    shown = np.concatenate((left[:, :edge], right[:, edge:]), axis=1)
    if 0 < edge < shown.shape[1]:
        shown[:, edge] = 255
    return shown


def view_title(shown: str, wipe: float | None, zoom: int) -> str:
    """What :func:`paint` shows, in words.

    Args:
        shown: the view.
        wipe: as there.
        zoom: how much larger.
    """
    title = shown if wipe is None else f"source │ {shown}, wipe {wipe:.0%}"
    larger = "1:1" if zoom == OWN_PIXELS else f"zoom {zoom}"
    return f"{title}, {larger}" if zoom != 1 else title


def _painted(picture: Picture, view: View) -> np.ndarray:
    if view is View.SOURCE:
        return picture.rgb
    if view is View.SENT and picture.sent is not None:
        return picture.sent
    if view is View.MATTE:
        return np.repeat(picture.alpha[..., None], 3, axis=2)
    if view is View.GREEN:
        behind = np.array(GREEN_RGB, np.uint16)
    else:
        rows, columns = np.indices(picture.alpha.shape)
        # Of pictures in pixels, squares that one sees.
        square = max(_SQUARE, len(rows) // _SQUARES)
        behind = np.array(_GREYS, np.uint16)[(rows // square + columns // square) % 2][..., None]
    alpha = picture.alpha[..., None].astype(np.uint16)
    return ((picture.rgb * alpha + behind * (255 - alpha) + 127) // 255).astype(np.uint8)


def steady(rgb: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """A picture whose pixels are those of the picture before where they hardly differ: noise is not worth sending."""
    if before is None or before.shape != rgb.shape:
        return rgb
    same = np.abs(rgb.astype(np.int16) - before).max(2, keepdims=True) <= _NOISE
    return np.where(same, before, rgb)


def half_blocks(rgb: np.ndarray) -> list[Strip]:
    """uint8 (H, W, 3) with an even number of lines -> one strip for every two of them."""
    step = 8 - _BITS
    rounded = ((rgb >> step << step) | (1 << step >> 1)).astype(np.int64)
    return [_strip(row.tolist()) for row in np.concatenate((rounded[0::2], rounded[1::2]), axis=2)]


def _strip(row: list[list[int]]) -> Strip:
    """Six numbers a cell: neighbours that hardly differ get one colour, for every change of it costs forty bytes."""
    runs: list[tuple[list[int], int]] = []
    for cell in row:
        if runs and all(abs(a - b) <= _STEP for a, b in zip(cell, runs[-1][0], strict=True)):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((cell, 1))
    return Strip([Segment("▀" * length, _style(*cell)) for cell, length in runs], len(row))


@lru_cache(maxsize=1 << 14)
def _style(red: int, green: int, blue: int, *lower: int) -> Style:
    return Style(color=Color.from_rgb(red, green, blue), bgcolor=Color.from_rgb(*lower))


def shades(rgb: np.ndarray) -> list[Strip]:
    """The same without colours: how bright it is, as characters."""
    bright = rgb.mean(2)
    cells = (bright[0::2] + bright[1::2]) / 2
    levels = np.minimum((cells * len(_SHADES) / 256).astype(int), len(_SHADES) - 1)
    plain = Style()
    return [Strip([Segment("".join(_SHADES[level] for level in row), plain)], len(row)) for row in levels.tolist()]
