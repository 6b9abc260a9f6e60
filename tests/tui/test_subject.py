"""Choosing the subject: by keys and by mouse, at any time and size, and what comes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from birefnet_video.tui.children import Facts
from birefnet_video.tui.dialogs import Choice, Question
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.help import HelpScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.subjects import Place
from fake_watch import FakeApp, make_app, make_store, screen_text, settle, source_frame, until
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input

from birefnet_video.options.guidance import read_prompts, write_prompts

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]
FACTS = Facts(width=1920, height=1080, rate=25.0, frames=500, seconds=20.0, pixel_format="yuv420p")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.new.probe", lambda source: FACTS)
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    (tmp_path / "in.mp4").write_bytes(b"x")
    yield


def play(tmp_path: Path, walk: Walk, size: tuple[int, int] = (80, 24), theme: str = "birefnet-dark") -> None:
    """From the queue."""

    async def run() -> None:
        app = make_app(make_store(tmp_path), monitor=False, settings=Settings(theme=theme))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await walk(app, pilot)

    asyncio.run(run())


async def open_form(
    app: FakeApp, pilot: Pilot[int], tmp_path: Path, places: tuple[Place, ...] | None = None, **options: str
) -> NewScreen:
    form = NewScreen(FormValues(source=str(tmp_path / "in.mp4"), options=options), places)
    app.push_screen(form)
    assert await until(pilot, lambda: form._facts is not None)
    return form


async def open_subject(app: FakeApp, pilot: Pilot[int], tmp_path: Path, **options: str) -> NewScreen:
    form = await open_form(app, pilot, tmp_path, **options)
    await pilot.press("ctrl+t")
    assert await until(pilot, lambda: shows_frame(app))
    # The frame may come once more, for the room that there is in the end.
    await settle(pilot)
    return form


def shows_frame(app: FakeApp) -> bool:
    return isinstance(app.screen, SubjectScreen) and app.screen._frame is not None


def said(app: FakeApp) -> list[str]:
    assert isinstance(app.screen, SubjectScreen)
    return [str(each) for each in app.screen._marks.said]


async def at_time(app: FakeApp, pilot: Pilot[int], time: str) -> None:
    screen = app.screen
    assert isinstance(screen, SubjectScreen)
    assert await until(pilot, lambda: screen._frame is not None and screen._frame.time == Fraction(time))


def test_all_of_it_by_keys_and_the_form_holds_it(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        form = await open_subject(app, pilot, tmp_path)
        grid = app.screen.query_one(SubjectView).grid
        assert grid is not None and "nobody" in screen_text(app)
        x, y = (grid.columns // 2 + 0.5) / grid.columns, (grid.lines // 2 + 0.5) / grid.lines
        await pilot.press("enter")
        assert said(app) == [f"point={round(100 * x, 1):g}%,{round(100 * y, 1):g}%"]
        assert "● subject" in screen_text(app)
        await pilot.press("n")
        assert isinstance(app.screen, Question)
        await pilot.press(*"9a", "enter")
        assert isinstance(app.screen, Question) and "is no name" in screen_text(app)
        await pilot.press("home", "delete", "enter")
        await pilot.press("right_square_bracket")
        await at_time(app, pilot, "1")
        assert "● subject" not in screen_text(app)
        await pilot.press("shift+left", "shift+up", "b", "shift+right", "shift+down", "enter")
        assert said(app)[1].startswith("a:1:box=")
        assert "┌ ● a" in screen_text(app)
        await pilot.press("x", "left", "space")
        assert said(app)[2].startswith("not:a:1:point=") and "✕ not" in screen_text(app)
        await pilot.press("b", "u", "u", "x")
        assert len(said(app)) == 2 and "next mark: not a" in screen_text(app)
        await pilot.press("enter", "b", "escape")
        assert isinstance(app.screen, SubjectScreen)
        marks = said(app)
        await pilot.press("escape")
        assert app.screen is form
        assert form.values.options == {
            "subject": f"{marks[0]}; {marks[1]}",
            "exclude": marks[2].removeprefix("not:"),
        }
        assert form.values.problems() == {}
        assert [str(each) for each in form.values.request().spec.matte.prompts()] == [
            *(marks[0], marks[1], marks[2]),
        ]

    play(tmp_path, walk)


def test_a_click_is_a_point_and_a_drag_a_box(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        view = app.screen.query_one(SubjectView)
        grid, left, top = view.grid, view._left, view._top
        assert grid is not None
        await pilot.click(SubjectView, offset=(left + 3, top + 2))
        await pilot.mouse_down(SubjectView, offset=(left + 10, top + 6))
        await pilot.hover(SubjectView, offset=(left + 6, top + 4))
        assert await until(pilot, lambda: "└" in screen_text(app).partition("╰")[0])
        await pilot.mouse_up(SubjectView, offset=(left + 5, top + 3))
        point, box = app.screen._marks.said  # type: ignore[attr-defined]
        assert [each.amount for each in point.at] == [
            round(100 * 3.5 / grid.columns, 1),
            round(100 * 2.5 / grid.lines, 1),
        ]
        assert [each.amount for each in box.box[:2]] == [
            round(100 * 5 / grid.columns, 1),
            round(100 * 3 / grid.lines, 1),
        ]
        assert box.box[2].amount == pytest.approx(600 / grid.columns, abs=0.11)
        assert box.box[3].amount == pytest.approx(400 / grid.lines, abs=0.11)
        # Beside the picture the nearest cell is meant.
        await pilot.click(SubjectView, offset=(0, 0))
        assert said(app)[2] == f"point={round(50 / grid.columns, 1):g}%,{round(50 / grid.lines, 1):g}%"

    play(tmp_path, walk)


def test_times_are_stepped_through_and_typed_and_end_with_the_part(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path, start="2", duration="15")
        for keys, time in (
            (("left_square_bracket",), "2"),
            (("pagedown", "right_square_bracket"), "13"),
            (("full_stop",), "326/25"),
            (("comma", "comma"), "324/25"),
            (("pagedown",), "424/25"),
            (("g", *"0:04.5", "enter"), "9/2"),
            (("pageup",), "2"),
        ):
            await pilot.press(*keys)
            await at_time(app, pilot, time)
        await pilot.press("g", *"soon", "enter")
        assert isinstance(app.screen, Question) and "✖" in screen_text(app)
        await pilot.press("escape", "enter")
        # The first frame of the part needs no time.
        assert said(app)[0].startswith("point=")

    play(tmp_path, walk)


def test_places_to_look_at_come_first_and_are_gone_through(tmp_path: Path) -> None:
    places = (Place(3.2, "3.20 s: anna: lost: hidden"), Place(9.0, "9.00 s: anna: not sure"))

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_form(app, pilot, tmp_path, places, subject="point=1%,2%")
        assert await until(pilot, lambda: shows_frame(app))
        await at_time(app, pilot, "16/5")
        assert "3.20 s: anna: lost" in screen_text(app) and "point=1%, 2%" in screen_text(app)
        await pilot.press("l")
        await at_time(app, pilot, "9")
        await pilot.press("l")
        await at_time(app, pilot, "16/5")
        await pilot.press("enter")
        assert said(app)[0] == "point=1%,2%" and said(app)[1].startswith("3.2:point=")
        await pilot.press("escape")
        assert await until(pilot, lambda: isinstance(app.screen, NewScreen))
        # It is shown once, not whenever the form comes back.
        await settle(pilot)
        assert isinstance(app.screen, NewScreen)

    play(tmp_path, walk, (120, 30))


def test_marks_are_saved_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "in.subjects.json"

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        await pilot.press("s")
        assert not path.exists()
        await pilot.press("enter", "s")
        assert [str(each) for each in read_prompts(path)] == said(app)
        await pilot.press("up", "enter", "s")
        assert len(read_prompts(path)) == 2
        marks = said(app)
        await pilot.press("escape", "escape")
        form = await open_subject(app, pilot, tmp_path, subjects=str(path))
        assert said(app) == marks
        await pilot.press("escape")
        # Who changes nothing leaves the file named.
        assert form.values.options == {"subjects": str(path)}
        await pilot.press("ctrl+t")
        assert await until(pilot, lambda: shows_frame(app))
        await pilot.press("down", "enter", "escape")
        assert set(form.values.options) == {"subject"} and str(form.values.options["subject"]).count(";") == 2

    play(tmp_path, walk)


def test_a_file_of_somebody_else_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "in.subjects.json"
    write_prompts(path, [])

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        await pilot.press("enter", "s")
        assert isinstance(app.screen, Choice)
        await pilot.press("escape")
        assert json.loads(path.read_text())["prompts"] == []
        await pilot.press("s", "o")
        assert len(read_prompts(path)) == 1

    play(tmp_path, walk)


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, prompts: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("birefnet_video.tui.subject.write_prompts", refuse)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        await pilot.press("enter", "s")
        assert await until(pilot, lambda: any("Permission denied" in each for each in app.notes))

    play(tmp_path, walk)


def test_an_input_that_cannot_be_decoded_is_said_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "birefnet_video.tui.source_frames.SourceChild.frame", lambda *arguments: "in.mp4: [nothing] could be decoded"
    )

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        form = await open_form(app, pilot, tmp_path)
        await pilot.press("ctrl+t")
        assert await until(pilot, lambda: any("[nothing] could" in each for each in app.notes))
        assert "no frame" in screen_text(app)
        await pilot.press("enter", "b", "b", "x", "up", "right_square_bracket", "u", "s")
        await pilot.click(SubjectView, offset=(5, 5))
        assert said(app) == []
        await pilot.press("escape")
        assert app.screen is form and form.values.options == {}

    play(tmp_path, walk)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (FormValues(), "which video"),
        (FormValues(source="."), "one video"),
        (FormValues(source="{in}", options={"subject": "nonsense"}), "nonsense"),
        (FormValues(source="{in}", options={"subjects": "none.json"}), "none.json"),
        (FormValues(source="{in}", options={"start": "soon"}), "soon"),
    ],
)
def test_a_form_that_says_no_video_or_nonsense_opens_nothing(
    tmp_path: Path, values: FormValues, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = replace(values, source=values.source.replace("{in}", "in.mp4"))

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        form = NewScreen(values)
        app.push_screen(form)
        await pilot.pause()
        await pilot.press("ctrl+t")
        assert app.screen is form
        assert any(words in each for each in app.notes)

    play(tmp_path, walk)


def test_who_is_only_not_meant_is_a_complaint_of_the_form(tmp_path: Path) -> None:
    values = FormValues(source=str(tmp_path / "in.mp4"), options={"exclude": "point=1,2"})
    assert "needs --subject" in values.problems()["exclude"]
    missing = FormValues(source=str(tmp_path / "in.mp4"), options={"subjects": str(tmp_path / "s.json")})
    assert "No such file" in missing.problems()["subjects"]


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 6), (40, 12), (60, 18), (200, 60)])
def test_any_terminal_can_be_marked_in(tmp_path: Path, size: tuple[int, int]) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_form(app, pilot, tmp_path)
        await pilot.press("ctrl+t")
        assert await until(pilot, lambda: isinstance(app.screen, SubjectScreen))
        for key in ("enter", "b", "shift+right", "shift+down", "b", "x", "enter", "right_square_bracket", "u"):
            await pilot.press(key)
        await settle(pilot)
        await pilot.resize_terminal(80, 24)
        assert await until(pilot, lambda: shows_frame(app))
        await pilot.press("enter")
        assert said(app)

    play(tmp_path, walk, size)


def test_marks_and_cursor_keep_their_places_while_the_terminal_changes(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        await pilot.press("shift+left", "enter", "b", "shift+left")
        marks = said(app)
        view = app.screen.query_one(SubjectView)
        for size in ((160, 48), (60, 18), (20, 5), (80, 24)):
            before = view.grid
            await pilot.resize_terminal(*size)
            assert await until(pilot, lambda before=before: view.grid != before)
            await settle(pilot)
        assert said(app) == marks and "● subject" in screen_text(app)
        await pilot.press("b")
        assert len(said(app)) == 2

    play(tmp_path, walk)


@pytest.mark.parametrize(("size", "theme"), [((60, 18), "ansi-dark"), ((200, 50), "birefnet-light")])
def test_every_key_at_every_size(
    tmp_path: Path, size: tuple[int, int], theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if theme == "ansi-dark":
        monkeypatch.setenv("NO_COLOR", "1")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        for binding in SubjectScreen.BINDINGS:
            assert isinstance(binding, Binding) and binding.id and binding.description
            for key in binding.key.split(","):
                await pilot.press(key)
                await pilot.pause()
                while isinstance(app.screen, Choice | Question | HelpScreen):
                    await pilot.press("escape")
                if not isinstance(app.screen, SubjectScreen):
                    await pilot.press("ctrl+t")
                    assert await until(pilot, lambda: shows_frame(app))
                assert screen_text(app).strip()

    play(tmp_path, walk, size, theme)


@pytest.mark.parametrize("width", [60, 80])
def test_the_footer_keeps_the_way_out(tmp_path: Path, width: int) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await open_subject(app, pilot, tmp_path)
        last = screen_text(app).rstrip().splitlines()[-1]
        assert all(words in last for words in ("esc Done", "? Help", "⏎ Point", "b Box", "x Not", "u Undo"))

    play(tmp_path, walk, (width, 24))


def test_the_subject_can_still_be_typed(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        form = await open_form(app, pilot, tmp_path)
        form.query_one("#subject", Input).value = "point=50%,50%"
        await pilot.press("ctrl+t")
        assert await until(pilot, lambda: shows_frame(app))
        assert said(app) == ["point=50%,50%"] and "● subject" in screen_text(app)

    play(tmp_path, walk)
