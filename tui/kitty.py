"""Pictures in kitty's graphics protocol, where cells of text stand for parts of a picture: kitty, Ghostty.

Textual moves, crops and covers such cells as any others. Not taken from textual-image, which asks the terminal and
waits for an answer, in which a key can be lost, and writes to another stream than Textual.
https://sw.kovidgoyal.net/kitty/graphics-protocol
"""

import base64
import io
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    import numpy as np

#: Stands for a part of a picture; which one say the marks behind it, and which picture its colour.
_PLACE = "\U0010eeee"
#: Code points of the marks for 0, 1, 2 ..., first and last of each run, as the protocol has them.
_MARKS = (
    *((0x305, 0x305), (0x30D, 0x30E), (0x310, 0x310), (0x312, 0x312), (0x33D, 0x33F), (0x346, 0x346)),
    *((0x34A, 0x34C), (0x350, 0x352), (0x357, 0x357), (0x35B, 0x35B), (0x363, 0x36F), (0x483, 0x487)),
    *((0x592, 0x595), (0x597, 0x599), (0x59C, 0x5A1), (0x5A8, 0x5A9), (0x5AB, 0x5AC), (0x5AF, 0x5AF)),
    *((0x5C4, 0x5C4), (0x610, 0x617), (0x657, 0x65B), (0x65D, 0x65E), (0x6D6, 0x6DC), (0x6DF, 0x6E2)),
    *((0x6E4, 0x6E4), (0x6E7, 0x6E8), (0x6EB, 0x6EC), (0x730, 0x730), (0x732, 0x733), (0x735, 0x736)),
    *((0x73A, 0x73A), (0x73D, 0x73D), (0x73F, 0x741), (0x743, 0x743), (0x745, 0x745), (0x747, 0x747)),
    *((0x749, 0x74A), (0x7EB, 0x7F1), (0x7F3, 0x7F3), (0x816, 0x819), (0x81B, 0x823), (0x825, 0x827)),
    *((0x829, 0x82D), (0x951, 0x951), (0x953, 0x954), (0xF82, 0xF83), (0xF86, 0xF87), (0x135D, 0x135F)),
)
MARKS = tuple(chr(code) for first, last in _MARKS for code in range(first, last + 1))
#: Characters of one message, pixels of a cell that are sent, and how hard they are packed.
_CHUNK, CELL, _PACKED = 4096, (8, 16), 1
#: What ``TERM`` is in terminals that know it.
TERMS = ("xterm-kitty", "xterm-ghostty")


def cells_for(shape: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """Columns and lines that a picture takes; a cell is twice as high as wide.

    Args:
        shape: height and width of the picture.
        room: columns and lines.
    """
    height, width = shape
    columns = max(1, min(room[0], len(MARKS), round(2 * room[1] * width / height)))
    return columns, max(1, min(room[1], len(MARKS), round(columns * height / width / 2)))


def sent(number: int, rgb: "np.ndarray", cells: tuple[int, int]) -> str:
    """What the terminal is sent before it can show a picture; it answers nothing.

    Args:
        number: of the picture, in [1, 2**24); one of the same number before is replaced.
        rgb: uint8 (H, W, 3).
        cells: columns and lines that it takes.
    """
    import numpy as np
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(packed, "PNG", compress_level=_PACKED)
    text = base64.b64encode(packed.getvalue()).decode()
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    head = f"a=T,U=1,i={number},f=100,c={cells[0]},r={cells[1]},q=2,"
    return "".join(
        f"\x1b_G{head if index == 0 else 'q=2,'}m={int(index < len(chunks) - 1)};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def forgotten(number: int) -> str:
    """What has the terminal forget a picture."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


@lru_cache(maxsize=32)
def placed(number: int, columns: int, lines: int) -> tuple[Strip, ...]:
    """The cells that stand for a picture."""
    style = Style(color=Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255))
    return tuple(
        Strip([Segment("".join(_PLACE + MARKS[line] + MARKS[column] for column in range(columns)), style)], columns)
        for line in range(lines)
    )
