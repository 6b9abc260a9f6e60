"""Cells of a terminal as a picture: what a user sees, without a terminal or a browser."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color, ColorSystem, ColorType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

#: Width and height of a cell in pixels, and the size of letters in it.
CELL = (8, 16)
_LETTERS = 13
_FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu", "/usr/share/fonts/TTF")
#: xterm's sixteen colours.
_SIXTEEN = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (60, 90, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 60, 60), (0, 255, 0), (255, 255, 0), (110, 140, 255), (255, 0, 255), (0, 255, 255)),
    (255, 255, 255),
)
DARK = TerminalTheme((16, 18, 22), (220, 222, 226), list(_SIXTEEN[:8]), list(_SIXTEEN[8:]))
LIGHT = TerminalTheme((252, 252, 250), (28, 30, 34), list(_SIXTEEN[:8]), list(_SIXTEEN[8:]))
#: Dots of a braille character, by bit: column and row.
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
#: Quarters of a cell that a quadrant fills: upper left, upper right, lower left, lower right.
_QUADRANTS = {"▘": 1, "▝": 2, "▖": 4, "▗": 8, "▞": 6, "▚": 9, "▛": 7, "▜": 11, "▙": 13, "▟": 14}
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}


def picture_of(lines: Sequence[Sequence[Segment]], columns: int, *, theme: TerminalTheme, sixteen: bool) -> Image.Image:
    """
    Args:
        lines: of the screen.
        columns: of the screen.
        theme: colours of the terminal itself.
        sixteen: it has no others.

    Returns:
        the screen, eight pixels by sixteen a cell.
    """
    image = Image.new("RGB", (columns * CELL[0], len(lines) * CELL[1]), tuple(theme.background_color))
    draw = ImageDraw.Draw(image)
    for row, segments in enumerate(lines):
        column = 0
        for segment in segments:
            ink, paper = _colours(segment.style or Style(), theme, sixteen=sixteen)
            for letter in segment.text:
                _cell(draw, (column * CELL[0], row * CELL[1]), letter, (ink, paper), segment.style)
                column += 1
    return image


def _colours(style: Style, theme: TerminalTheme, *, sixteen: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    ink = _rgb(style.color, theme, foreground=True, sixteen=sixteen)
    paper = _rgb(style.bgcolor, theme, foreground=False, sixteen=sixteen)
    if style.dim:
        ink = tuple((a + b) // 2 for a, b in zip(ink, paper, strict=True))
    return (paper, ink) if style.reverse else (ink, paper)


def _rgb(color: Color | None, theme: TerminalTheme, *, foreground: bool, sixteen: bool) -> tuple[int, ...]:
    if color is not None and sixteen and color.type is ColorType.TRUECOLOR:
        color = color.downgrade(ColorSystem.STANDARD)
    return tuple((color or Color.default()).get_truecolor(theme, foreground=foreground))


def _cell(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    letter: str,
    colours: tuple[tuple[int, ...], tuple[int, ...]],
    style: Style | None,
) -> None:
    (left, top), (width, height), (ink, paper) = at, CELL, colours
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=paper)
    code = ord(letter)
    if letter == " ":
        pass
    elif 0x2800 <= code < 0x2900:
        for bit, (column, row) in enumerate(_DOTS):
            if (code - 0x2800) >> bit & 1:
                x, y = left + 1 + 4 * column, top + 1 + 4 * row
                draw.rectangle((x, y, x + 1, y + 1), fill=ink)
    elif (share := _blocks(letter)) is not None:
        x0, y0, x1, y1 = share
        draw.rectangle((left + x0 * width, top + y0 * height, left + x1 * width - 1, top + y1 * height - 1), fill=ink)
    elif letter in _SHADES:
        mixed = tuple(round(a * _SHADES[letter] + b * (1 - _SHADES[letter])) for a, b in zip(ink, paper, strict=True))
        draw.rectangle((left, top, left + width - 1, top + height - 1), fill=mixed)
    elif letter in _QUADRANTS:
        for bit in range(4):
            if _QUADRANTS[letter] >> bit & 1:
                x, y = left + (bit & 1) * width // 2, top + (bit >> 1) * height // 2
                draw.rectangle((x, y, x + width // 2 - 1, y + height // 2 - 1), fill=ink)
    else:
        draw.text((left, top), letter, font=_font(bool(style and style.bold)), fill=ink)
    if style and style.underline:
        draw.line((left, top + height - 2, left + width - 1, top + height - 2), fill=ink)


def _blocks(letter: str) -> tuple[float, float, float, float] | None:
    """The part of a cell that a block fills: left, top, right, bottom, as shares."""
    code = ord(letter)
    if letter == "▀":
        return 0, 0, 1, 0.5
    if 0x2581 <= code <= 0x2588:
        return 0, 1 - (code - 0x2580) / 8, 1, 1
    if 0x2589 <= code <= 0x258F:
        return 0, 0, (0x2590 - code) / 8, 1
    return {"▐": (0.5, 0, 1, 1), "▔": (0, 0, 1, 0.125), "▕": (0.875, 0, 1, 1)}.get(letter)


@cache
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    name = _FONTS[bold]
    for folder in _FOLDERS:
        if (Path(folder) / name).is_file():
            return ImageFont.truetype(str(Path(folder) / name), _LETTERS)
    return ImageFont.truetype(name, _LETTERS)
