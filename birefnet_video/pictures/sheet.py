"""Pictures side by side with their names, as one picture: whole above, a part enlarged below."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

#: In which a picture must fit on the sheet, and the shorter side below which small ones are enlarged, in pixels.
_BOX, _LEAST = 800, 240
#: By how much the part is enlarged, if the picture has as much.
_ENLARGED = 4
#: Side of a square of the checkerboard, in pixels of the sheet, and its two greys.
_SQUARE, _GREYS = 16, (102, 153)
_GAP, _LINE = 12, 34
_PAPER, _INK, _FAINT = (24, 24, 24), (240, 240, 240), (170, 170, 170)
_FONT, _SMALLEST_LETTERS, _LETTERS = cv2.FONT_HERSHEY_SIMPLEX, 0.35, 0.6


class Pane(NamedTuple):
    """A picture of a sheet."""

    name: str
    """In ASCII."""
    pixels: np.ndarray
    """uint8 (H, W) grey, (H, W, 3) RGB, or (H, W, 4) straight RGBA, which is laid on a checkerboard."""


def draw_sheet(title: str, panes: Sequence[Pane], soft: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Panes in a row, and below each the part with the most soft edge, enlarged four times.

    Args:
        title: stands above, in ASCII.
        panes: all of one size, but for a line or a column.
        soft: float32 (H, W), how soft each pixel's edge is; of the size of the smallest pane.
        aspect: width of a pixel divided by its height.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    height, width = soft.shape
    shown = _fitted(width * aspect, height)
    part = _softest(soft, shown, aspect)
    columns = []
    for pane in panes:
        pixels = pane.pixels[:height, :width]
        large = _laid(pixels[part], shown, cv2.INTER_NEAREST)
        zoom = f"{shown[1] / ((part[1].stop - part[1].start) * aspect):.2g}x"
        above = _labelled(pane.name, _laid(pixels, shown, cv2.INTER_AREA))
        columns.append(np.vstack((above, _labelled(f"{pane.name}, {zoom}", large))))
    gap = np.full((columns[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    row = np.hstack([piece for column in columns for piece in (gap, column)] + [gap])
    foot = np.full((_GAP, row.shape[1], 3), _PAPER, np.uint8)
    return np.vstack((_text(title, row.shape[1], _INK, inset=_GAP), row, foot))


def _fitted(width: float, height: int) -> tuple[int, int]:
    """Height and width on the sheet."""
    scale = min(_BOX / width, _BOX / height)
    if scale > 1:
        # Whole times, so that pixels stay squares.
        scale = max(1, min(-(-_LEAST // min(width, height)), scale // 1))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _softest(soft: np.ndarray, shown: tuple[int, int], aspect: float) -> tuple[slice, slice]:
    """Rows and columns of the part with the most soft edge; the middle, where nothing is soft."""
    height, width = soft.shape
    rows = min(height, max(1, shown[0] // _ENLARGED))
    columns = min(width, max(1, round(shown[1] / _ENLARGED / aspect)))
    # Means of windows around each pixel; those that would reach over the border do not count.
    held = cv2.blur(soft, (columns, rows), borderType=cv2.BORDER_CONSTANT)
    top, left = rows // 2, columns // 2
    inner = held[top : top + height - rows + 1, left : left + width - columns + 1]
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    if not inner.max() > 0:
        row, column = (height - rows) // 2, (width - columns) // 2
    return slice(int(row), int(row) + rows), slice(int(column), int(column) + columns)


def _laid(pixels: np.ndarray, size: tuple[int, int], smaller: int) -> np.ndarray:
    """A pane at a height and width, uint8 (h, w, 3) RGB.

    Args:
        pixels: of a pane.
        size: in pixels of the sheet.
        smaller: how it is scaled, if that makes it smaller.
    """
    is_smaller = size[0] < pixels.shape[0]
    way = smaller if is_smaller else cv2.INTER_NEAREST
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        scaled = cv2.resize(np.ascontiguousarray(pixels), size[::-1], interpolation=way)
        return cv2.cvtColor(scaled, cv2.COLOR_GRAY2RGB) if scaled.ndim == 2 else scaled
    alpha = pixels[..., 3:].astype(np.float32) / 255
    # Multiplied first: colours of what is not seen must not come in.
    light = cv2.resize(pixels[..., :3] * alpha, size[::-1], interpolation=way)
    alpha = cv2.resize(alpha, size[::-1], interpolation=way)[..., None]
    return (light + _checkerboard(size) * (1 - alpha) + 0.5).clip(0, 255).astype(np.uint8)


def _checkerboard(size: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.arange(side) // _SQUARE for side in size)
    return np.where((rows[:, None] + columns) % 2, *_GREYS).astype(np.float32)[..., None]


def _labelled(name: str, picture: np.ndarray) -> np.ndarray:
    return np.vstack((_text(name, picture.shape[1], _FAINT), picture))


def _text(words: str, width: int, ink: tuple[int, int, int], inset: int = 0) -> np.ndarray:
    """A line of a sheet: as large as there is room for, and cut off where that would be too small to be read."""
    room = width - 2 * inset
    taken = cv2.getTextSize(words, _FONT, _LETTERS, 1)[0][0]
    scale = max(_SMALLEST_LETTERS, min(_LETTERS, _LETTERS * room / max(taken, 1)))
    line = np.full((_LINE, width, 3), _PAPER, np.uint8)
    return cv2.putText(line, words, (inset, _LINE - 11), _FONT, scale, ink, 1, cv2.LINE_AA)
