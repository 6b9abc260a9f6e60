"""Where one begins, help, and letters to jump to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from birefnet_video.tui.dialogs import Choice, FilePicker
from birefnet_video.tui.help import HelpScreen
from birefnet_video.tui.home import HomeScreen
from birefnet_video.tui.jump import JumpScreen
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.queue import QueueScreen
from fake_watch import FakeApp, make_app, make_store, screen_text, source_frame, until
from textual.pilot import Pilot
from textual.widgets import Input

from birefnet_video.renders.store import JobStore

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    monkeypatch.chdir(tmp_path)


def play(app: FakeApp, walk: Walk, size: tuple[int, int] = (120, 35)) -> None:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            app.show_home()
            await until(pilot, lambda: isinstance(app.screen, HomeScreen) and "Quit" in screen_text(app))
            await walk(app, pilot)

    asyncio.run(run())


def test_clips_of_the_folder_are_offered_and_one_key_makes_a_render_of_them(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mov", "a.alpha.mov", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for words in ("a.mov", "b.mp4", "▶ runs", "64%"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        assert "a.alpha.mov" not in screen_text(app) and "notes" not in screen_text(app)
        picture = app.screen.query_one("#clip-picture")
        assert await until(pilot, lambda: picture._shown is not None)  # type: ignore[attr-defined]
        await pilot.press("down", "enter")
        assert isinstance(app.screen, NewScreen) and app.screen.query_one("#source", Input).value == "b.mp4"

    play(make_app(make_store(tmp_path / "state"), monitor=False), walk)


def test_an_empty_folder_and_an_empty_queue_say_what_to_do(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for words in ("No video in this folder", "o   looks for one", "No render yet"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        await pilot.press("o")
        assert isinstance(app.screen, FilePicker)
        await pilot.press("escape", "j")
        assert isinstance(app.screen, QueueScreen)
        assert await until(pilot, lambda: "n   makes one" in screen_text(app))
        await pilot.press("n")
        assert isinstance(app.screen, NewScreen)

    play(make_app(JobStore(tmp_path / "jobs"), monitor=False), walk)


def test_what_runs_is_opened_from_there(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "▶ runs" in screen_text(app))
        app.screen.query_one("#recent").focus()
        await pilot.press("enter")
        assert isinstance(app.screen, MonitorScreen)

    play(make_app(make_store(tmp_path), monitor=False), walk)


@pytest.mark.parametrize("key", ["escape", "question_mark", "f1"])
def test_help_is_about_screen_and_field_and_a_key_closes_it(tmp_path: Path, key: str) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.show_form("in.mp4")
        await pilot.pause()
        app.screen.query_one("#size").focus()
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        for words in ("THIS FIELD", "size: ", "KEYS HERE", "Start", "EVERYWHERE"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        # Keys of its fields are no keys of the program.
        assert "Cursor" not in screen_text(app) and "Copy selected" not in screen_text(app)
        await pilot.press(key)
        assert isinstance(app.screen, NewScreen) and app.screen.focused is app.screen.query_one("#size")

    play(make_app(make_store(tmp_path / "state"), monitor=False), walk, (120, 48))


def test_a_letter_jumps_to_a_field(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.show_form()
        await pilot.pause()
        form = app.screen
        assert await until(pilot, lambda: "size" in screen_text(app))
        await pilot.press("ctrl+g")
        assert isinstance(app.screen, JumpScreen)
        letter = next(key for key, widget in app.screen._places.items() if widget.id == "size")
        await pilot.press(letter)
        assert app.screen is form and form.focused is form.query_one("#size")
        await pilot.press("ctrl+g", "escape")
        assert app.screen is form

    play(make_app(make_store(tmp_path), monitor=False), walk)


def test_a_question_dims_what_it_is_about_and_shows_how_far_it_is(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(app.store.records()[0])
        await pilot.pause()
        await pilot.press("c")
        assert isinstance(app.screen, Choice)
        for words in ("▶ RENDERING", "64%  4212/6581", "00:00:39 left", "where the time goes"):
            assert await until(pilot, lambda words=words: words in _all_screens(app))

    play(make_app(make_store(tmp_path), monitor=False), walk)


def _all_screens(app: FakeApp) -> str:
    """What the dialog shows, and what shines through it."""
    below = app._background_screens
    return screen_text(app) + "".join(
        "".join(segment.text for strip in screen._compositor.render_strips() for segment in strip) for screen in below
    )


def test_the_palette_has_each_command_once_and_those_of_the_screen_first(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(app.store.records()[0])
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert len(titles) == len(set(titles)) and titles[0] == "monitor: Quit"
        assert titles.index("monitor: Pause") < titles.index("queue") and "Focus Next" not in " ".join(titles)

    play(make_app(make_store(tmp_path), monitor=False), walk)
