"""What is marked in cells of any terminal means the same place, and is drawn in the same cells again."""

from fractions import Fraction
from pathlib import Path

import pytest
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.marks import Area, Cell, Grid, Marks, anywhere, area_of, around, is_about, said_in, texts_of
from birefnet_video.tui.subjects import Place, Subjects, subjects_of
from hypothesis import given
from hypothesis import strategies as st

from birefnet_video.errors import UsageError
from birefnet_video.options.guidance import write_prompts
from birefnet_video.options.input import InputSpec
from birefnet_video.options.prompts import MaskPicture, Point, parse_prompt

GRIDS = st.builds(Grid, st.integers(1, 400), st.integers(1, 120))


@st.composite
def places(draw: st.DrawFn) -> tuple[Grid, Cell, Cell]:
    grid = draw(GRIDS)
    cells = st.builds(Cell, st.integers(0, grid.columns - 1), st.integers(0, grid.lines - 1))
    return grid, draw(cells), draw(cells)


@given(places())
def test_a_point_is_drawn_in_the_cell_that_was_marked(place: tuple[Grid, Cell, Cell]) -> None:
    grid, cell, _ = place
    (prompt,) = Marks().with_point(cell, grid, None).said
    assert area_of(parse_prompt(str(prompt)), (0, 0), grid) == Area(cell, cell)


@given(places())
def test_a_box_is_drawn_in_the_cells_that_were_marked(place: tuple[Grid, Cell, Cell]) -> None:
    grid, one, other = place
    (prompt,) = Marks().with_box(around(one, other), grid, None).said
    assert area_of(parse_prompt(str(prompt)), (0, 0), grid) == around(one, other)


@given(places(), GRIDS)
def test_a_cell_stays_within_any_other_grid(place: tuple[Grid, Cell, Cell], other: Grid) -> None:
    grid, cell, _ = place
    moved = grid.moved(cell, other)
    assert other.within(moved) == moved
    assert grid.moved(cell, grid) == cell


def test_marks_say_what_is_typed() -> None:
    grid = Grid(80, 24)
    marks = Marks().with_point(Cell(33, 9), grid, None)
    marks = Marks(marks.said, "anna", is_not=True).with_box(Area(Cell(0, 0), Cell(7, 5)), grid, Fraction(62, 5))
    assert [str(each) for each in marks.said] == ["point=41.9%,39.6%", "not:anna:12.4:box=0%,0%,10%,25%"]
    assert not marks.is_not and marks.name == "anna"
    assert marks.undone().said == marks.said[:1] and Marks().undone() == Marks()
    assert [str(each.time) for each in Marks().with_point(Cell(0, 0), grid, Fraction(1, 3)).said] == ["333/1000"]


@pytest.mark.parametrize(
    ("text", "time", "is_so"),
    [
        *(("point=1,2", None, True), ("point=1,2", 3, False), ("3:point=1,2", None, False)),
        *(("3:point=1,2", 3, True), ("3.01:point=1,2", 3, True), ("3.04:point=1,2", 3, False)),
    ],
)
def test_a_prompt_is_about_one_frame(text: str, time: int | None, is_so: bool) -> None:
    assert is_about(parse_prompt(text), None if time is None else Fraction(time), 25.0) is is_so


def test_pixels_are_drawn_where_the_size_is_known() -> None:
    prompt = parse_prompt("point=320,90")
    assert area_of(prompt, (640, 360), Grid(80, 24)) == Area(Cell(40, 6), Cell(40, 6))
    assert area_of(prompt, (0, 0), Grid(80, 24)) is None
    assert area_of(parse_prompt("mask=a.png"), (640, 360), Grid(80, 24)) is None
    assert area_of(parse_prompt("box=-10%,-10%,300%,300%"), (0, 0), Grid(8, 4)) == Area(Cell(0, 0), Cell(7, 3))


def test_a_form_holds_what_was_marked(tmp_path: Path) -> None:
    write_prompts(tmp_path / "s.json", [Point(at=("10%", "20%"), time=2)])
    values = FormValues(
        options={"subject": "anna:point=1,2; box=1,2,3,4", "exclude": "5:auto", "subjects": str(tmp_path / "s.json")}
    )
    said = said_in(values)
    assert [str(each) for each in said] == ["2:point=10%,20%", "anna:point=1,2", "box=1,2,3,4", "not:5:auto"]
    texts = texts_of(said)
    assert texts == {"subject": "2:point=10%,20%; anna:point=1,2; box=1,2,3,4", "exclude": "5:auto", "subjects": ""}
    assert said_in(FormValues(options=texts)) == said
    with pytest.raises(UsageError, match="--subject"):
        said_in(FormValues(options={"exclude": "nonsense"}))


def test_masks_are_named_wherever_the_file_lies() -> None:
    (mask,) = anywhere([MaskPicture(path="first.png")])
    assert isinstance(mask, MaskPicture) and mask.path == Path.cwd() / "first.png"


def test_times_stay_in_the_part_that_is_taken(tmp_path: Path) -> None:
    subjects = Subjects(source=tmp_path, read=InputSpec(start=2, duration=3), seconds=10.0)
    assert subjects.within(Fraction(0)) == 2 and subjects.within(Fraction(9)) == 5 - Fraction(1, 25)
    assert subjects.within(Fraction(4)) == 4
    assert subjects.is_first(Fraction(2)) and not subjects.is_first(Fraction(3))
    assert Subjects(source=tmp_path, read=InputSpec()).within(Fraction(99)) == 99
    assert Place(0.3, "why").time == Fraction(3, 10)


def test_there_must_be_one_video_to_mark(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    subjects = subjects_of(FormValues(source=str(tmp_path / "in.mp4"), options={"start": "1:00"}), None, ())
    assert subjects.read.start == 60 and subjects.usual_file == tmp_path / "in.subjects.json"
    for source in (str(tmp_path), str(tmp_path / "none.mp4"), ""):
        with pytest.raises(UsageError):
            subjects_of(FormValues(source=source), None, ())
    with pytest.raises(UsageError, match="-ss"):
        subjects_of(FormValues(source=str(tmp_path / "in.mp4"), options={"start": "soon"}), None, ())
