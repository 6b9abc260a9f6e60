"""What is chosen in the interface is there the next time, and ends of renders are told."""

import asyncio
from pathlib import Path

import pytest
from birefnet_video.tui.endings import Endings, notice, said_of, show_on_desktop
from birefnet_video.tui.options_screen import OptionsScreen
from birefnet_video.tui.preferences import Preferences
from birefnet_video.tui.settings import Settings, theme_names
from birefnet_video.tui.theme_screen import ThemeScreen
from fake_watch import FakeApp, FakeWatch, make_app, make_store, screen_text, until
from textual.widgets import Checkbox, Select

from birefnet_video.renders.record import RecordState


def test_what_is_not_understood_has_its_default(tmp_path: Path) -> None:
    assert Preferences.load(tmp_path) == Preferences()
    kept = Preferences(theme="nord", rate=2.0, bell=False, notice=False)
    kept.save(tmp_path)
    assert Preferences.load(tmp_path) == kept
    for text in ("{", "3", '{"theme": "pink", "rate": 7, "bell": "x", "more": 1}'):
        (tmp_path / "interface.json").write_text(text)
        assert Preferences.load(tmp_path) == Preferences()


def test_the_theme_is_remembered_unless_the_settings_name_one(tmp_path: Path) -> None:
    store = make_store(tmp_path)

    async def run(settings: Settings, *keys: str) -> str:
        app = make_app(store, settings=settings)
        async with app.run_test() as pilot:
            await pilot.press(*keys)
            return app.theme

    asyncio.run(run(Settings(theme="birefnet-dark"), "t"))
    assert asyncio.run(run(Settings())) == "birefnet-light"
    assert asyncio.run(run(Settings(theme="birefnet-dark"))) == "birefnet-dark"


def test_the_options_screen_changes_at_once_and_for_good(tmp_path: Path) -> None:
    async def run() -> None:
        app = make_app(make_store(tmp_path))
        async with app.run_test() as pilot:
            await pilot.press("f2")
            assert isinstance(app.screen, OptionsScreen)
            assert await until(pilot, lambda: "config.toml says birefnet-dark" in screen_text(app))
            app.screen.query_one("#theme", Select).value = "ansi-dark"
            app.screen.query_one("#rate", Select).value = 0.5
            app.screen.query_one("#bell", Checkbox).value = False
            await pilot.pause()
            assert app.theme == "ansi-dark"
            await pilot.press("escape")
            assert not isinstance(app.screen, OptionsScreen)

    asyncio.run(run())
    assert Preferences.load(tmp_path) == Preferences(theme="ansi-dark", rate=0.5, bell=False)


def test_a_theme_is_tried_before_it_is_taken(tmp_path: Path) -> None:
    async def run() -> None:
        app = make_app(make_store(tmp_path))
        async with app.run_test() as pilot:
            await pilot.press("T")
            assert isinstance(app.screen, ThemeScreen) and app.theme == "birefnet-dark"
            await pilot.press("down")
            assert app.theme == "birefnet-light" and Preferences.load(tmp_path).theme is None
            await pilot.press("escape")
            assert app.theme == "birefnet-dark" and not isinstance(app.screen, ThemeScreen)
            await pilot.press("T", "end", "enter")
            assert app.theme == theme_names()[-1] == Preferences.load(tmp_path).theme

    asyncio.run(run())


class Listening(FakeApp):
    """Keeps what it rings and writes."""

    rung = 0
    written = ""

    def bell(self) -> None:
        self.rung += 1

    def write_to_terminal(self, sequence: str) -> None:
        self.written += sequence


@pytest.mark.parametrize(
    ("wishes", "rung", "has_notice"), [(Preferences(), 1, True), (Preferences(bell=False), 0, True)]
)
def test_an_end_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wishes: Preferences, rung: int, has_notice: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    store = make_store(tmp_path)

    async def run() -> None:
        app = Listening(store, Settings(theme="birefnet-dark"))
        app.preferences = wishes
        async with app.run_test() as pilot:
            running, done = FakeWatch(store.records()[0]), FakeWatch(store.records()[3])
            endings = Endings(app)
            endings.look({"a": running, "b": done})
            assert app.rung == 0 and not app.written
            running.end(RecordState.FINISHED)
            endings.look({"a": running, "b": done})
            endings.look({"a": running, "b": done})
            await pilot.pause()
            assert app.rung == rung and app.notes == ("interview.mp4: done after 00:01:48",)
            assert app.written.count("\x1b]9;birefnet-video: interview.mp4: done") == has_notice

    asyncio.run(run())


def test_no_terminal_is_sent_what_it_would_print(tmp_path: Path) -> None:
    assert notice("a\x1b[2Jb\x07.mp4: done", {"TERM": "xterm-kitty"}) == "\x1b]9;birefnet-video: a[2Jb.mp4: done\x07"
    for environment in ({"TMUX": "x", "TERM": "xterm"}, {"TERM": "screen-256color"}, {"TERM": "linux"}):
        assert notice("done", environment) == ""
    assert not show_on_desktop("done", {}) and not show_on_desktop("done", {"DISPLAY": ":0", "SSH_CONNECTION": "x"})
    watch = FakeWatch(make_store(tmp_path).records()[0])
    watch.end(RecordState.CANCELLED)
    assert said_of(watch.view) == "interview.mp4: stopped after 00:01:48"
