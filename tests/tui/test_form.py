"""The form: several results, presets, paths that are completed, frames at any time, and no blame for an empty form."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from birefnet_video.tui.again import values_again
from birefnet_video.tui.children import Facts
from birefnet_video.tui.completing import completed
from birefnet_video.tui.form import FIRST, FormValues, folded, form_options
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.one_frame import FramePane
from birefnet_video.tui.path_input import Completions, PathInput
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.presets import check_name, presets, save_preset
from fake_watch import FakeApp, make_app, make_store, picture, screen_text, source_frame, until
from specs import asked
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select

from birefnet_video.errors import UsageError
from birefnet_video.renders.store import JobStore

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]
FACTS = Facts(width=1920, height=1080, rate=25.0, frames=250, seconds=10.0, pixel_format="yuv420p")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.new.probe", lambda source: FACTS)
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_bytes(b"x")


def play(app: FakeApp, walk: Walk, values: FormValues, size: tuple[int, int] = (160, 48)) -> None:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            app.push_screen(NewScreen(values))
            assert await until(pilot, lambda: "NEW RENDER" in screen_text(app))
            await walk(app, pilot)

    asyncio.run(run())


def test_every_option_is_in_the_form_once() -> None:
    names = [*FIRST, *(name for names in folded().values() for name in names)]
    assert sorted(names) == sorted(form_options())


def test_an_empty_form_blames_nobody_and_says_what_to_do(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "Type the input's path" in screen_text(app))
        assert "✖" not in screen_text(app) and app.screen.query_one("#go", Button).disabled
        await pilot.press(*"nowhere.mp4")
        assert await until(pilot, lambda: "✖ source: no such file" in screen_text(app))

    play(make_app(make_store(tmp_path / "state"), monitor=False), walk, FormValues(), (80, 24))


def test_a_message_is_read_to_its_end_at_any_width(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "(the next one is 96)" in screen_text(app).replace("\n", " "))

    values = FormValues(source="in.mp4", options={"size": "100"})
    play(make_app(make_store(tmp_path / "state"), monitor=False), walk, values, (80, 24))


def test_several_results_come_from_one_pass(tmp_path: Path) -> None:
    values = FormValues(source="in.mp4", also={"mask": "+", "green": "keyed.mp4"})
    assert values.problems() == {}
    request = values.request()
    assert {each.kind: str(each.path) for each in request.spec.outputs} == {
        "alpha": "in.alpha.mov",
        "mask": "in.mask.mp4",
        "composite": "keyed.mp4",
    }
    assert asked(*request.arguments) == request
    again = values_again(JobStore(tmp_path / "jobs").add(request, folder=tmp_path), overwrite=False)
    assert again.request().spec.outputs == request.spec.outputs
    assert "is the result already" in FormValues(source="in.mp4", also={"alpha": "+"}).problems()["alpha"]
    assert "must end in" in FormValues(source="in.mp4", also={"mask": "x.avi"}).problems()["mask"]
    twice = FormValues(source="in.mp4", kind="green", output="x.mp4", also={"composite": "x.mp4"})
    assert "two results would both be x.mp4" in twice.problems()["output"]


def test_presets_are_profiles_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert presets(path) == {}
    path.write_text('[tui]\ntheme = "birefnet-light"\n[profiles.old]\nmask-offset = -1\n[profiles.old.webcam]\nfps = 3')
    save_preset(path, "film", {"model": "lite", "threshold": "0.5", "refine": False, "max_duration": "1:00:00"})
    film = {"model": "lite", "threshold": "0.5", "refine": False, "max_duration": "1:00:00"}
    assert presets(path) == {"old": {"mask_offset": "-1"}, "film": film}
    assert path.read_text().startswith('[tui]\ntheme = "birefnet-light"\n')
    for name, words in (("film", "there is a preset film"), ("a b", "letters, digits"), ("", "letters, digits")):
        with pytest.raises(UsageError, match=words):
            check_name(path, name)
    with pytest.raises(UsageError, match="cannot be written"):
        save_preset(path / "below", "x", {})


def test_a_preset_fills_the_form_and_a_form_becomes_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[profiles.film]\nquality = "best"\nsmooth = "high"\n')
    app = make_app(make_store(tmp_path / "state"), monitor=False)
    type(app).config_path = property(lambda self: path)  # type: ignore[assignment]

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.screen.query_one("#preset", Select).value = "film"
        assert await until(pilot, lambda: app.screen.query_one("#quality", Select).value == "best")
        app.screen.query_one("#size", Input).value = "256"
        await pilot.press("ctrl+l", *"mine", "enter")
        assert await until(pilot, lambda: "mine" in presets(path))
        assert presets(path)["mine"] == {"quality": "best", "smooth": "high", "size": "256"}

    try:
        play(app, walk, FormValues(source="in.mp4"))
    finally:
        del type(app).config_path


def test_fields_that_are_folded_away_are_made_when_they_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[profiles.film]\nmask-offset = -3\n[profiles.bad]\ncodec = "hevc"\n')
    app = make_app(make_store(tmp_path / "state"), monitor=False)
    type(app).config_path = property(lambda self: path)  # type: ignore[assignment]

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        screen = app.screen
        assert isinstance(screen, NewScreen) and not screen.query("#mask_offset") and not screen.query("#codec")
        screen.query_one("#preset", Select).value = "film"
        assert await until(pilot, lambda: "--mask-offset -3" in screen_text(app))
        assert screen.values.options == {"mask_offset": "-3"} and not screen.query("#mask_offset")
        screen.query_one("#preset", Select).value = "bad"
        # What is wrong is shown beside its field.
        assert await until(pilot, lambda: screen.query("#codec") and "codec of alpha" in screen_text(app))
        assert not screen.query("#mask_offset")
        await pilot.press("ctrl+s")
        assert await until(pilot, lambda: screen.focused is screen.query_one("#codec"))

    try:
        play(app, walk, FormValues(source="in.mp4"))
    finally:
        del type(app).config_path


def test_paths_are_completed(tmp_path: Path) -> None:
    for name in ("clips", "clip.mp4", "clip.txt", "other.mov"):
        (tmp_path / name).mkdir() if "." not in name else (tmp_path / name).write_bytes(b"")

    def fits(path: Path) -> bool:
        return path.suffix in (".mp4", ".mov")

    assert completed("cli", fits) == "clip.mp4" and completed("clips", fits) == "clips/"
    assert completed(f"{tmp_path}/o", fits) == f"{tmp_path}/other.mov"
    assert completed("x", fits) is completed("", fits) is completed("clips/", fits) is completed("a\0", fits) is None
    assert completed("~nobody-of-this-name/x", fits) is None


def test_names_stand_in_a_list_below_the_field(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mov", "c.txt"):
        (tmp_path / "clips" / name).write_bytes(b"")
    (tmp_path / "clip.mp4").write_bytes(b"")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        field = app.screen.query_one("#source", PathInput)

        def listed() -> list[str]:
            found = app.screen.query(Completions)
            return [str(each.prompt) for each in found.first().options] if found else []

        await pilot.press(*"cli")
        assert await until(pilot, lambda: listed() == ["clip.mp4", "clips/"])
        lines = screen_text(app).splitlines()
        (typed,) = (number for number, line in enumerate(lines) if "│ input " in line)
        assert "clip.mp4" in lines[typed + 1] and "clips/" in lines[typed + 2]
        await pilot.press("down", "down", "enter")
        assert await until(pilot, lambda: field.value == "clips/" and listed() == ["a.mp4", "b.mov"])
        await pilot.press("up", "tab")
        assert await until(pilot, lambda: field.value == "clips/b.mov" and not field.is_open)
        assert app.screen.focused is field
        # Escape is the list's while it is there, and the form's otherwise.
        await pilot.press("backspace", "escape")
        assert isinstance(app.screen, NewScreen) and not field.is_open
        await pilot.press("ctrl+u", "down")
        assert await until(pilot, lambda: listed() == ["clip.mp4", "clips/", "in.mp4", "state/"])
        await pilot.click(Completions, offset=(3, 0))
        assert await until(pilot, lambda: field.value == "clip.mp4")
        await pilot.press("backspace", "tab")
        assert not field.is_open and app.screen.focused is not field

    play(make_app(make_store(tmp_path / "state"), monitor=False), walk, FormValues(), (80, 24))


def test_two_models_are_compared_on_one_frame_of_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, float | None]] = []

    def render(child: object, values: FormValues, facts: Facts, width: int, height: int, at: float | None) -> object:
        made.append((values.options.get("size"), at))
        return picture(size=(64, 36))

    monkeypatch.setattr("birefnet_video.tui.children.FrameChild.render", render)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "250 frames" in screen_text(app) and "●" in screen_text(app))
        pane = app.screen.query_one(FramePane)
        # The input stands there until something is rendered.
        assert await until(
            pilot, lambda: "source; ^r renders one frame" in screen_text(app) and "▀▀▀" in screen_text(app)
        )
        pane.focus()
        await pilot.press("pagedown", "[", "[", "enter")
        assert await until(pilot, lambda: "composite: tiny" in screen_text(app))
        assert made == [(None, pytest.approx(7.9))] and "00:00:07.90" in screen_text(app)
        await pilot.press("a")
        app.screen.query_one("#size", Input).value = "256"
        await pilot.press("enter")
        assert await until(pilot, lambda: "A tiny │ B tiny at 256" in screen_text(app))
        before = pane._wipe
        await pilot.press("left", "v")
        assert pane._wipe < before and await until(pilot, lambda: "matte: A tiny" in screen_text(app))
        await pilot.press("g", *"0:03", "enter")
        assert await until(pilot, lambda: "00:00:03.00" in screen_text(app))
        # The background that the form says is one of the views.
        app.screen.query_one("#kind", Select).value = "composite"
        app.screen.query_one("#background", Input).value = "#203040"
        await pilot.press("enter")
        assert await until(pilot, lambda: pane._made is not None and pane._made.picture.sent is not None)
        await pilot.press("a", "v", "v", "v")
        assert await until(pilot, lambda: "over #203040: tiny" in screen_text(app))
        shown = pane.query_one(PictureView)._shown
        assert shown is not None and tuple(shown[0, 0]) == (32, 48, 64)

    play(make_app(make_store(tmp_path / "state"), monitor=False), walk, FormValues(source="in.mp4"))
