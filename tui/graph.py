"""Graphs of several rows in braille: two values a column, four steps a row."""

from collections.abc import Callable, Sequence

from birefnet_video.tui.inks import Inks
from rich.text import Text

#: Dots of the left and right half of a cell, from none to four, filled from below.
_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_EMPTY = 0x2800


def braille(values: Sequence[float], columns: int, rows: int, top: float) -> list[str]:
    """The latest values as an area, the latest at the right.

    Args:
        values: of equal distance in time.
        columns: of the graph.
        rows: the same.
        top: value at the upper edge.

    Returns:
        rows from above, of ``columns`` characters each.
    """
    shown = list(values)[-2 * columns :]
    # What moves on by a column stays in its half of the cell.
    shown = [0.0] * (2 * columns - len(shown)) + shown
    steps = 4 * rows
    # What is not nothing has a dot.
    heights = [0 if top <= 0 or v <= 0 else max(1, min(steps, round(v / top * steps))) for v in shown]
    lines = []
    for row in range(rows):
        below = 4 * (rows - 1 - row)
        cells = (
            _EMPTY + _LEFT[min(4, max(0, left - below))] + _RIGHT[min(4, max(0, right - below))]
            for left, right in zip(heights[0::2], heights[1::2], strict=True)
        )
        lines.append("".join(map(chr, cells)))
    return lines


def scaled(
    values: Sequence[float], size: tuple[int, int], top: float, inks: Inks, words: Callable[[float], str], *, load: bool
) -> list[Text]:
    """A graph with its scale at the left.

    Args:
        values: of equal distance in time.
        size: columns and rows, with the scale.
        top: value at the upper edge.
        inks: colours.
        words: a value as the scale says it.
        load: rows are coloured from good to bad, and not all alike.
    """
    columns, rows = size
    marks = [words(top), *([words(top / 2)] if rows >= 5 else []), words(0)]
    room = max(len(mark) for mark in marks) + 1
    places = {0: marks[0], rows - 1: marks[-1]} | ({rows // 2: marks[1]} if rows >= 5 else {})
    lines = []
    for row, drawn in enumerate(braille(values, max(1, columns - room), rows, top)):
        height = 1 - row / max(1, rows - 1)
        ink = inks.load(height) if load else inks.line
        mark = places.get(row, "") if rows > 1 else marks[0]
        lines.append(Text.assemble((f"{mark:>{room - 1}} ", inks.quiet), (drawn, ink), no_wrap=True))
    return lines


def nice(top: float) -> float:
    """The next round number from ``top`` on: 1, 1.5, 2, 3, 5 or 8 times a power of ten."""
    if top <= 0:
        return 1.0
    unit = 1.0
    while unit > top:
        unit /= 10
    while 10 * unit <= top:
        unit *= 10
    return next(step * unit for step in (1, 1.5, 2, 3, 5, 8, 10) if step * unit >= top)
