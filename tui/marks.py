"""What a user has marked on frames: prompts, and what the next one will be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from attrs import evolve
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.kinds import expanded

from birefnet_video.options.guidance import read_prompts
from birefnet_video.options.prompts import (
    SUBJECT,
    Box,
    Length,
    MaskPicture,
    Point,
    Prompt,
    Prompts,
    as_prompts,
    box_of_prompt,
)

#: Digits of seconds and of per cent that are written.
_DIGITS_OF_TIME, _DIGITS_OF_SHARE = 3, 1
#: Of a picture whose sides are shares.
_UNIT = (1, 1)


class Cell(NamedTuple):
    """A place in a picture of cells."""

    column: int
    line: int


class Grid(NamedTuple):
    """How many cells a picture has."""

    columns: int
    lines: int

    @property
    def middle(self) -> Cell:
        """The cell in the middle."""
        return Cell(self.columns // 2, self.lines // 2)

    def within(self, cell: Cell) -> Cell:
        """The nearest cell that it has."""
        return Cell(min(max(cell.column, 0), self.columns - 1), min(max(cell.line, 0), self.lines - 1))

    def moved(self, cell: Cell, other: "Grid") -> Cell:
        """The same place in another grid; the middle stays the middle."""
        if cell == self.middle:
            return other.middle
        x, y = ((at + 0.5) / size for at, size in zip(cell, self, strict=True))
        return other.within(Cell(int(x * other.columns), int(y * other.lines)))


class Area(NamedTuple):
    """Cells from the first to the last, both included."""

    first: Cell
    last: Cell


@dataclass(frozen=True, slots=True)
class Marks:
    """What has been said so far, and how the next thing is meant."""

    said: tuple[Prompt, ...] = ()
    name: str = SUBJECT
    """Of whom the next mark is about."""
    is_not: bool = False
    """The next mark is what is not meant."""

    def with_point(self, cell: Cell, grid: Grid, time: Fraction | None) -> "Marks":
        """A point in the middle of a cell.

        Args:
            cell: where.
            grid: of the picture.
            time: of its frame; ``None``: the first one.
        """
        at = (_share(at + 0.5, size) for at, size in zip(cell, grid, strict=True))
        return self._with(Point(at=tuple(at), time=_written(time), subject=self.name, excluded=self.is_not))

    def with_box(self, area: Area, grid: Grid, time: Fraction | None) -> "Marks":
        """The same of a box around all cells between two."""
        box = _box(area, grid)
        return self._with(Box(box=box, time=_written(time), subject=self.name, excluded=self.is_not))

    def _with(self, prompt: Prompt) -> "Marks":
        return replace(self, said=(*self.said, prompt), is_not=False)

    def undone(self) -> "Marks":
        """Without the last one."""
        return replace(self, said=self.said[:-1])

    def at(self, time: Fraction | None, rate: float) -> tuple[Prompt, ...]:
        """Those about one frame.

        Args:
            time: when it begins; ``None``: it is the first one.
            rate: frames a second.
        """
        return tuple(prompt for prompt in self.said if is_about(prompt, time, rate))


def is_about(prompt: Prompt, time: Fraction | None, rate: float) -> bool:
    """Whether a prompt is about the frame of a time; ``None``: about the first one."""
    if prompt.time is None or time is None:
        return prompt.time is None and time is None
    return abs(float(prompt.time - time)) < 0.5 / rate


def area_of(prompt: Prompt, size: tuple[int, int], grid: Grid) -> Area | None:
    """The cells of a point or a box; ``None``: it says no place.

    Args:
        prompt: what was said.
        size: width and height of the picture in pixels; none of it if that is not known.
        grid: of the picture.
    """
    is_known = min(size) > 0 or all(length.is_share for length in _lengths(prompt))
    place = box_of_prompt(prompt, size if min(size) > 0 else _UNIT) if is_known else None
    if place is None:
        return None
    left, top, right, bottom = place
    if isinstance(prompt, Point):
        cell = grid.within(Cell(int(left * grid.columns), int(top * grid.lines)))
        return Area(cell, cell)
    first = grid.within(Cell(round(left * grid.columns), round(top * grid.lines)))
    last = grid.within(Cell(round(right * grid.columns) - 1, round(bottom * grid.lines) - 1))
    return Area(first, Cell(max(first.column, last.column), max(first.line, last.line)))


def around(one: Cell, other: Cell) -> Area:
    """The area whose corners two cells are."""
    columns, lines = zip(one, other, strict=True)
    return Area(Cell(min(columns), min(lines)), Cell(max(columns), max(lines)))


def said_in(values: FormValues) -> tuple[Prompt, ...]:
    """All prompts that a form holds, those of its file first.

    Raises:
        UsageError: if one is none, or the file cannot be read.
    """
    file = subjects_file(values)
    meant, not_meant = (as_prompts(str(values.options.get(name, ""))) for name in ("subject", "exclude"))
    return (
        *(read_prompts(file) if file is not None else ()),
        *meant.said,
        *(evolve(prompt, excluded=True) for prompt in not_meant.said),
    )


def subjects_file(values: FormValues) -> Path | None:
    """The file of prompts that a form names."""
    name = str(values.options.get("subjects", ""))
    return expanded(name) if name else None


def texts_of(said: Iterable[Prompt]) -> dict[str, str]:
    """What a form's fields hold of prompts, by their names: all of them, and so nothing of a file."""
    said = tuple(said)
    return {
        "subject": str(Prompts(tuple(prompt for prompt in said if not prompt.excluded))),
        "exclude": str(Prompts(tuple(evolve(prompt, excluded=False) for prompt in said if prompt.excluded))),
        "subjects": "",
    }


def anywhere(said: Iterable[Prompt]) -> tuple[Prompt, ...]:
    """The same for a file in any folder."""
    return tuple(
        evolve(prompt, path=prompt.path.absolute()) if isinstance(prompt, MaskPicture) else prompt for prompt in said
    )


def check_name(name: str) -> None:
    """
    Raises:
        UsageError: if it is no name of a subject.
    """
    if name:
        Point(at=(0, 0), subject=name)


def _lengths(prompt: Prompt) -> tuple[Length, ...]:
    return prompt.at if isinstance(prompt, Point) else prompt.box if isinstance(prompt, Box) else ()


def _share(at: float, size: int) -> Length:
    return Length(round(100 * at / size, _DIGITS_OF_SHARE), is_share=True)


def _box(area: Area, grid: Grid) -> tuple[Length, ...]:
    begin = [_share(at, size) for at, size in zip(area.first, grid, strict=True)]
    end = [_share(at + 1, size) for at, size in zip(area.last, grid, strict=True)]
    sides = [
        Length(round(last.amount - first.amount, _DIGITS_OF_SHARE), is_share=True)
        for first, last in zip(begin, end, strict=True)
    ]
    return (*begin, *sides)


def _written(time: Fraction | None) -> Fraction | None:
    return None if time is None else round(time * 10**_DIGITS_OF_TIME) / Fraction(10**_DIGITS_OF_TIME)
