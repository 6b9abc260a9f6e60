"""The widget on which subjects are marked: a frame, a cursor, and what has been marked on it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from birefnet_video.tui.marks import Area, Cell, Grid, area_of, around
from birefnet_video.tui.picture_view import PictureView
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from birefnet_video.options.prompts import SUBJECT, Point, Prompt

#: Black or white on a colour that no photograph takes the contrast from.
_MEANT, _NOT_MEANT = Style(color="#000000", bgcolor="#7ed08f"), Style(color="#ffffff", bgcolor="#a8201a")
_CURSOR = Style(color="#000000", bgcolor="#ffe14d", bold=True)


class _Piece(NamedTuple):
    """Text on one line of the picture."""

    column: int
    text: str
    style: Style

    def at(self, column: int) -> str:
        """What it has in a column, if anything."""
        return self.text[column - self.column : column - self.column + 1] if column >= self.column else ""


class SubjectView(PictureView):
    """A frame with marks. Its coordinates are cells of the picture."""

    class Pointed(Message):
        """A cell was clicked."""

        def __init__(self, cell: Cell) -> None:
            super().__init__()
            self.cell = cell

    class Boxed(Message):
        """A box was drawn with the mouse."""

        def __init__(self, area: Area) -> None:
            super().__init__()
            self.area = area

    class Resized(Message):
        """There is more room for the frame, or less."""

    def __init__(self, *, hint: str = "", id: str | None = None) -> None:
        """
        Args:
            hint: shown while there is no frame.
            id: of the widget.
        """
        super().__init__(hint=hint, id=id, marked=True)
        self._pieces: dict[int, list[_Piece]] = {}
        self._pressed: Cell | None = None
        self._drawn: tuple[Sequence[Prompt], tuple[int, int], Cell, Cell | None] | None = None

    @property
    def grid(self) -> Grid | None:
        """Of the frame, or ``None`` while there is none."""
        return Grid(self._strips[0].cell_length, len(self._strips)) if self._strips else None

    def draw(self, prompts: Sequence[Prompt], size: tuple[int, int], cursor: Cell, corner: Cell | None) -> None:
        """Mark the frame.

        Args:
            prompts: about this frame.
            size: width and height of the frame in pixels, or noughts.
            cursor: where the cursor is.
            corner: the other corner of a box that is being drawn.
        """
        self._drawn = prompts, size, cursor, corner
        pieces: dict[int, list[_Piece]] = {}
        if self.grid is not None:
            for line, piece in _pieces(prompts, size, cursor, corner, self.grid):
                pieces.setdefault(line, []).append(piece)
            # What is under the cursor can still be told.
            here = pieces.setdefault(cursor.line, [])
            sign = next((each.at(cursor.column) for each in reversed(here) if each.at(cursor.column)), "┼")
            here.append(_Piece(cursor.column, sign, _CURSOR))
        before, self._pieces = self._pieces, pieces
        width = self.size.width
        changed = [line for line in before.keys() | pieces.keys() if before.get(line) != pieces.get(line)]
        regions = [Region(0, self._top + line, width, 1) for line in changed]
        if regions and width:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """See :class:`textual.widget.Widget`."""
        strip = super().render_line(y)
        pieces = self._pieces.get(y - self._top, [])
        for piece in pieces if self._strips else []:
            column = self._left + piece.column
            text = piece.text[: max(0, self._left + self._strips[0].cell_length - column)]
            end = column + len(text)
            drawn = Strip([Segment(text, piece.style)], len(text))
            strip = Strip.join([strip.crop(0, column), drawn, strip.crop(end, strip.cell_length)])
        return strip.crop(0, self.size.width)

    @property
    def _left(self) -> int:
        return max(0, (self.size.width - self._strips[0].cell_length) // 2) if self._strips else 0

    def _cell_at(self, event: events.MouseEvent) -> Cell | None:
        grid = self.grid
        if grid is None:
            return None
        return grid.within(Cell(int(event.x) - self._left, int(event.y) - self._top))

    def on_resize(self) -> None:
        """See Textual."""
        self.post_message(self.Resized())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """See Textual."""
        self._pressed = self._cell_at(event)
        if self._pressed is not None:
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """See Textual."""
        cell = self._cell_at(event)
        if self._pressed is not None and cell is not None and self._drawn is not None:
            prompts, size, _, _ = self._drawn
            self.draw(prompts, size, cell, self._pressed)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """See Textual."""
        pressed, self._pressed = self._pressed, None
        cell = self._cell_at(event)
        if pressed is None or cell is None:
            return
        self.release_mouse()
        self.post_message(self.Pointed(cell) if cell == pressed else self.Boxed(around(pressed, cell)))


def _pieces(
    prompts: Sequence[Prompt], size: tuple[int, int], cursor: Cell, corner: Cell | None, grid: Grid
) -> Iterator[tuple[int, _Piece]]:
    for prompt in prompts:
        area = area_of(prompt, size, grid)
        if area is None:
            continue
        style = _NOT_MEANT if prompt.excluded else _MEANT
        if isinstance(prompt, Point):
            yield _point(area.first, _label(prompt), style, grid)
        else:
            yield from _box(area, f" {_label(prompt)} ", ("┄", "┆") if prompt.excluded else ("─", "│"), style)
    if corner is not None:
        yield from _box(around(corner, cursor), "", ("─", "│"), _CURSOR)


def _label(prompt: Prompt) -> str:
    words = ["✕ not" if prompt.excluded else "●"]
    return " ".join([*words, *([prompt.subject] if prompt.subject != SUBJECT or not prompt.excluded else [])])


def _point(cell: Cell, label: str, style: Style, grid: Grid) -> tuple[int, _Piece]:
    """A sign in its cell, and words to the side that has room."""
    if cell.column + len(label) <= grid.columns:
        return cell.line, _Piece(cell.column, label, style)
    sign, _, words = label.partition(" ")
    begin = max(0, cell.column - len(words) - 1)
    return cell.line, _Piece(begin, f"{words} {sign}"[-(cell.column - begin + 1) :], style)


def _box(area: Area, label: str, lines: tuple[str, str], style: Style) -> Iterator[tuple[int, _Piece]]:
    first, last = area
    across, down = lines
    inside = max(0, last.column - first.column - 1)
    top = f"┌{label[:inside]}{across * (inside - len(label[:inside]))}┐"
    bottom = f"└{across * inside}┘"
    if first.line == last.line:
        yield first.line, _Piece(first.column, f"[{label.strip()[:inside].center(inside)}]", style)
        return
    yield first.line, _Piece(first.column, top if inside or first.column < last.column else down, style)
    for line in range(first.line + 1, last.line):
        yield line, _Piece(first.column, down, style)
        yield line, _Piece(last.column, down, style)
    yield last.line, _Piece(first.column, bottom if inside or first.column < last.column else down, style)
