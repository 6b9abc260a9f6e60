"""Every screen by its keys, over running timers, at all sizes, with and without colours."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from birefnet_video.tui.dialogs import Choice, FilePicker, FrameDialog
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.help import HelpScreen
from birefnet_video.tui.jump import JumpScreen
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pictures import View, paint
from birefnet_video.tui.queue import QueueScreen
from birefnet_video.tui.settings import Settings, load_settings
from birefnet_video.tui.source_frames import SourceChild
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.summary import SummaryScreen
from fake_watch import SUMMARY, FakeApp, FakeWatch, make_app, make_store, picture, screen_text, settle, until
from specs import asked, live_request, render_request
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from birefnet_video.errors import UsageError
from birefnet_video.events import JobState
from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.wire import Picture
from birefnet_video.types import OWN_PIXELS

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    yield


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return make_store(tmp_path)


def play(app: FakeApp, walk: Walk, size: tuple[int, int] = (80, 24)) -> None:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: screen_text(app).strip())
            await walk(app, pilot)

    asyncio.run(run())


def watch_of(app: FakeApp) -> FakeWatch:
    screen = next(each for each in app.screen_stack if isinstance(each, MonitorScreen))
    watch = screen._render_watch
    assert isinstance(watch, FakeWatch)
    return watch


def test_the_monitor_says_what_matters(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for words in (
            "▶ RENDERING",
            "interview.mp4 → interview.alpha.mov",
            "1920x1080  input 29.97 fps",
            "64%  4212/6581",
            "ETA 00:00:39",
            "out 812 MB → ~1.27 GB",
            "! decoding in [software], not",
            "61.3 fps",
            "frame 4 212",
        ):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        watch = watch_of(app)
        for _ in range(3):
            stages = watch.view.snapshot.stages
            moved = tuple(
                type(stage)(
                    **{name: getattr(stage, name) for name in stage.__slots__} | {"busy_s": stage.busy_s + more}
                )
                for stage, more in zip(stages, (0.1, 0.1, 0.97, 0.2, 0.3, 0.2), strict=True)
            )
            watch.set(stages=moved, elapsed_s=watch.view.snapshot.elapsed_s + 1)
            app.screen._tick()  # type: ignore[attr-defined]
        assert await until(pilot, lambda: "limit: infer (97% busy)" in screen_text(app))
        assert "▶ infer" in screen_text(app)

    play(make_app(store), walk)


def test_the_monitors_keys(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        watch, screen = watch_of(app), app.screen
        await pilot.press("space")
        assert watch.orders == ["pause"]
        assert await until(pilot, lambda: "‖ PAUSED" in screen_text(app) and "ETA paused" in screen_text(app))
        await pilot.press("space")
        assert watch.orders == ["pause", "resume"]
        titles = []
        for _ in range(4):
            await pilot.press("v")
            titles.append(screen.query_one("#picture-pane").border_title)
        assert titles == ["matte", "source", "green", "composite"]
        await pilot.press("w", "left", "left")
        assert screen.query_one("#picture-pane").border_title == "source │ composite, wipe 40%"
        await pilot.press("right", "0")
        assert screen.query_one("#picture-pane").border_title == "source │ composite, wipe 50%"
        await pilot.press("w", "z")
        assert watch.wishes[-1] is not None and watch.wishes[-1].zoom == 2
        await pilot.press("z", "z")
        assert watch.wishes[-1] is not None and (watch.wishes[-1].zoom, watch.wishes[-1].at) == (OWN_PIXELS, None)
        # A part at the left edge, of which a quarter is gone right and down; it stays within the frame.
        watch.view = replace(watch.view, picture=replace(picture(1), part=(0.0, 0.2, 0.4, 0.4)))
        assert await until(pilot, lambda: "frame 1 " in screen_text(app) and "composite, 1:1" in screen_text(app))
        await pilot.press("right")
        assert watch.wishes[-1] is not None and watch.wishes[-1].at == pytest.approx((0.3, 0.4))
        await pilot.press("left", "down")
        assert watch.wishes[-1] is not None and watch.wishes[-1].at == pytest.approx((0.2, 0.5))
        await pilot.press("0")
        assert watch.wishes[-1] is not None and watch.wishes[-1].at is None
        await pilot.press("z")
        assert watch.wishes[-1] is not None and watch.wishes[-1].zoom == 1
        # A click looks at a place of what is shown.
        watch.view = replace(watch.view, picture=picture(2))
        assert await until(pilot, lambda: "frame 2 " in screen_text(app))
        view = screen.query_one("#picture", PictureView)
        await pilot.click(view, offset=(21, 6))
        wish = watch.wishes[-1]
        # It is 88 columns and 25 lines, of which the room holds the first ones.
        assert wish is not None and wish.zoom == OWN_PIXELS and wish.at == pytest.approx((21.5 / 88, 6.5 / 25))
        await pilot.press("z")
        # What is written has a background of its own.
        sent = np.full_like(picture().rgb, 77)
        watch.view = replace(watch.view, picture=replace(picture(3), sent=sent))
        assert await until(pilot, lambda: "frame 3 " in screen_text(app))
        await pilot.press("v", "v", "v", "v")
        assert screen.query_one("#picture-pane").border_title == "sent"
        assert view._shown is not None and (view._shown == 77).all()
        await pilot.press("v")
        await pilot.press("plus")
        assert await until(pilot, lambda: watch.wishes[-1] is not None and watch.wishes[-1].every_s == 0.5)
        await pilot.press("minus", "minus")
        assert await until(pilot, lambda: watch.wishes[-1] is not None and watch.wishes[-1].every_s == 2)
        await pilot.press("p")
        assert await until(pilot, lambda: watch.wishes[-1] is None)
        await pilot.press("p", "i")
        assert await until(pilot, lambda: "of a core" in screen_text(app))
        await pilot.press("l")
        assert not screen.query_one("#picture").is_on_screen
        await pilot.press("l")
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen) and "space" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is screen
        theme = app.theme
        await pilot.press("t")
        assert app.theme != theme
        await pilot.press("j")
        assert isinstance(app.screen, QueueScreen)
        # The queue has small pictures of the chosen one, and fewer of them.
        assert await until(pilot, lambda: watch.wishes[-1] is not None and watch.wishes[-1].every_s == 2.0)
        await pilot.press("n")
        assert await until(pilot, lambda: watch.wishes[-1] is None)

    play(make_app(store), walk)


@pytest.mark.parametrize(("key", "order"), [("k", "cancel, keep=True"), ("d", "cancel, keep=False"), ("escape", None)])
def test_stopping_asks_first_and_timers_run_on_below(store: JobStore, key: str, order: str | None) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        watch = watch_of(app)
        await pilot.press("c")
        assert isinstance(app.screen, Choice)
        assert await until(pilot, lambda: watch.orders == [])
        await pilot.press(key)
        assert watch.orders == ([order] if order else [])
        assert await until(pilot, lambda: isinstance(app.screen, SummaryScreen if order else MonitorScreen))

    play(make_app(store), walk)


def test_an_end_under_a_question_closes_it(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("c")
        watch_of(app).end(RecordState.FINISHED)
        assert await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        for words in ("✔ DONE", "2.03x realtime", "◀ limit", "faster: -m lite", "flicker 8.32 before", "[of 10]"):
            assert await until(pilot, lambda words=words: words in screen_text(app))

    play(make_app(store), walk, (100, 40))


@pytest.mark.parametrize("door", ["q", "ctrl+q"])
def test_all_doors_ask_while_a_render_runs(store: JobStore, door: str) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press(door)
        assert isinstance(app.screen, Choice) and "attach shows it again" in screen_text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, MonitorScreen)
        await app.action_quit()
        assert await until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("l")
        assert app.return_value == 0

    app = make_app(store)
    play(app, walk)
    assert "cancel" not in str(watch_orders(app))


def watch_orders(app: FakeApp) -> list[str]:
    return [order for watch in app._watches.values() if isinstance(watch, FakeWatch) for order in watch.orders]


def test_leaving_can_stop_the_render(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("q", "s")
        assert await until(pilot, lambda: app.return_value is not None)

    app = make_app(store, own=True)
    play(app, walk)
    assert "cancel, keep=True" in watch_orders(app) and app.return_value == 130


def test_a_window_ends_no_render_that_it_has_not_begun(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("q", "s")
        assert isinstance(app.screen, Choice)
        await pilot.press("l")

    app = make_app(store)
    play(app, walk)
    assert "cancel" not in str(watch_orders(app)) and app.return_value == 0


def test_what_has_gone_meanwhile_is_told(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(store.records()[2])
        await pilot.pause()
        store.remove(store.records()[2].id)
        await pilot.press("r")
        assert await until(pilot, lambda: "has been removed" in " ".join(app.notes))

    play(make_app(store, monitor=False), walk)


def test_nothing_that_is_typed_ends_the_form(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.show_form()
        await pilot.pause()
        for typed in ("/", ".", "~nobody", "x" * 300, "~", "a\x00b", "[/]", "%"):
            for field in ("source", "output", "background", "size", "start", "duration"):
                app.screen.query_one(f"#{field}", Input).value = typed
            await settle(pilot)
            await pilot.press("ctrl+s", "ctrl+y", "ctrl+r", "ctrl+o", "escape")
            assert isinstance(app.screen, NewScreen), typed

    play(make_app(store, monitor=False), walk)


def test_the_queues_keys(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for words in ("▶ 1 running", "· 1 waiting", "✖ 1 failed", "00:00:49 left", "a[1].avi", "▶ runs", "64%"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        records = store.records()
        waiting = records[1]
        store.add(render_request("late.mp4", "late.mov"), folder=Path("/"))
        assert await until(pilot, lambda: "late.mp4" in screen_text(app))
        await pilot.press("down", "J")
        assert [record.source for record in store.records()][-1] == "drone.mov"
        await pilot.press("K")
        assert [record.source for record in store.records()] == [*(each.source for each in records), "late.mp4"]
        assert isinstance(app.screen, QueueScreen) and app.screen.chosen is not None
        assert app.screen.chosen.id == waiting.id
        await pilot.press("d")
        assert waiting.id not in [record.id for record in store.records()]
        assert await until(pilot, lambda: app.screen.chosen.source == "a[1].avi")
        assert "moov atom not found" in screen_text(app)
        await pilot.press("r")
        assert app.worked == 1 and store.find(records[2].id).state is RecordState.WAITING
        await pilot.press("x")
        assert all(not record.state.is_over for record in store.records())
        await pilot.press("up", "up", "up")
        await pilot.press("space")
        assert "pause" in watch_orders(app)
        assert await until(pilot, lambda: "‖ paused" in screen_text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, MonitorScreen)
        watch = watch_of(app)
        await pilot.press("j")
        await pilot.press("d")
        assert isinstance(app.screen, Choice)
        await pilot.press("d")
        assert watch.orders[-1] == "cancel, keep=False"
        await pilot.press("n")
        assert isinstance(app.screen, NewScreen)

    play(make_app(store, monitor=False), walk)


def test_one_that_waits_is_held_and_let_go(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        waiting = store.records()[1]
        assert await until(pilot, lambda: "· waits" in screen_text(app))
        await pilot.press("down", "space")
        assert await until(pilot, lambda: "‖ held" in screen_text(app))
        assert store.find(waiting.id).held and app.worked == 0
        await pilot.press("space")
        assert await until(pilot, lambda: "· waits" in screen_text(app))
        assert not store.find(waiting.id).held and app.worked == 1

    play(make_app(store, monitor=False), walk)


def test_a_finished_render_opens_its_summary_and_its_keys(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: opened.append(command))

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("down", "down", "down", "enter")
        assert isinstance(app.screen, SummaryScreen)
        await pilot.press("o", "y")
        assert [each[-1] for each in opened if "show-frames" not in each] == ["/videos"]
        assert app.clipboard == "birefnet-video take.mp4 --alpha take.alpha.mov"
        await pilot.press("r")
        assert isinstance(app.screen, Choice) and app.worked == 0
        await pilot.press("o")
        assert app.worked == 1 and isinstance(app.screen, QueueScreen)
        assert store.records()[-1].source == "take.mp4" and store.records()[-1].overwrites
        assert store.records()[-1].state is RecordState.WAITING

    play(make_app(store, monitor=False), walk)


def test_a_summary_with_room_shows_what_was_made_below_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[tuple[str, bool]] = []

    def note(child: SourceChild, *arguments: object) -> str:
        decoded.append(
            (Path(child._command[child._command.index("show-frames") + 1]).name, "--matte" in child._command)
        )
        return "no [picture]"

    monkeypatch.setattr(SourceChild, "frame", note)
    store = JobStore(tmp_path / "jobs")
    record = store.add(render_request("in.mp4", "out.mov"), folder=tmp_path)
    record = store.update(record.id, state=RecordState.FINISHED, result=SUMMARY.to_json(), ended_at=3.0)
    (tmp_path / "out.mov").touch()

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(record)
        assert await until(pilot, lambda: screen_text(app).count("no [picture]") == 2)
        assert "─ matte ─" in screen_text(app) and set(decoded) == {("in.mp4", False), ("out.mov", True)}

    play(make_app(store, monitor=False), walk, (140, 42))


@pytest.mark.parametrize(("key", "screen"), [("j", QueueScreen), ("escape", QueueScreen), ("n", NewScreen)])
def test_ways_out_of_a_summary(store: JobStore, key: str, screen: type[Screen[None]]) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(store.records()[2])
        assert await until(pilot, lambda: "✖" in screen_text(app) and "moov atom" in screen_text(app))
        await pilot.press(key)
        assert isinstance(app.screen, screen)

    play(make_app(store, monitor=False), walk)


@pytest.mark.parametrize(("size", "no_color"), [((60, 18), True), ((200, 50), False)])
def test_every_key_of_every_screen_at_every_size(
    store: JobStore, size: tuple[int, int], no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.tui.children.FrameChild.render", lambda *arguments: "no frame [here]")
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: None)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for open_screen in (
            lambda: app.show_queue(),
            lambda: app.open_render(next(each for each in store.records() if each.state is RecordState.RUNNING)),
            lambda: app.open_render(next(each for each in store.records() if each.state is RecordState.FAILED)),
            lambda: app.show_form(),
        ):
            open_screen()
            await pilot.pause()
            kind = type(app.screen)
            for binding in kind.BINDINGS:
                assert isinstance(binding, Binding) and binding.id and binding.description
                for key in binding.key.split(","):
                    await pilot.press(key)
                    await until(pilot, lambda: screen_text(app).strip())
                    while isinstance(app.screen, Choice | FilePicker | FrameDialog | HelpScreen | JumpScreen):
                        await pilot.press("escape")
                    if app._exit:
                        pytest.fail(f"{key} ended the program")
                    if type(app.screen) is not kind:
                        store_again(store)
                        open_screen()
                        await pilot.pause()

    def store_again(store: JobStore) -> None:
        states = {record.state for record in store.records()}
        if RecordState.FAILED not in states:
            failed = store.add(render_request("b", "c"), folder=Path("/"))
            store.update(failed.id, state=RecordState.FAILED, error="why")

    app = make_app(store, monitor=False, settings=Settings(theme="ansi-dark" if no_color else "birefnet-light"))
    play(app, walk, size)


def test_the_live_screens_keys(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "me.mp4").write_bytes(b"movie")
    record = store.add(live_request("/dev/video0", "me.mp4"), folder=tmp_path, queued=False)
    record = store.update(record.id, state=RecordState.RUNNING, pid=os.getpid())

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(record)
        for words in ("● LIVE", "/dev/video0", "41 ms", "p95 58", "14.8 fps", "dropped 925", "sees 448x320"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        watch = app.watch_of(record)
        assert isinstance(watch, FakeWatch)
        await pilot.press("space", "2", "m", "h")
        assert watch.orders == [
            "{'do': 'freeze', 'on': True}",
            "{'do': 'background', 'text': 'green'}",
            "{'do': 'mirror', 'on': True}",
            "{'do': 'threshold', 'value': 0.3}",
        ]
        assert await until(
            pilot,
            lambda: "background green" in screen_text(app) and "mirror on   edges hard at 0.3" in screen_text(app),
        )
        await pilot.press("v", "c", "escape", "j")
        assert isinstance(app.screen, QueueScreen)
        app.open_render(record)
        assert await until(pilot, lambda: "● LIVE" in screen_text(app))
        view = app.screen.query_one("#picture", SubjectView)
        assert await until(pilot, lambda: view.grid is not None)
        grid = view.grid
        assert grid is not None
        # This picture is larger than its room, and begins at its upper left.
        await pilot.click(view, offset=(21, 7))
        await pilot.press("e")
        x, y = (100 * (at + 0.5) / size for at, size in zip((21, 7), grid, strict=True))
        assert watch.orders[-2:] == [
            f"{{'do': 'subject', 'text': 'point={round(x, 1):g}%,{round(y, 1):g}%', 'keep': False}}",
            "{'do': 'subject', 'text': '', 'keep': False}",
        ]
        await pilot.press("c", "s")
        assert watch.orders[-1] == "cancel, keep=True"
        assert await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        said = f"recorded {tmp_path / 'me.mp4'}, 5 B"
        for words in (
            said,
            "00:00:52 live",
            "900 of 1 830 pictures shown, 925 dropped",
            "41 ms late, p95 58",
            "was lost: 1",
        ):
            assert await until(pilot, lambda words=words: words in screen_text(app))

    play(make_app(store, monitor=False), walk, (120, 24))


def test_resizing_while_pictures_come(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for size in ((60, 18), (200, 50), (20, 5), (160, 48), (80, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        assert await until(pilot, lambda: "▶ RENDERING" in screen_text(app))
        assert app.screen.query_one("#picture", PictureView).size.width > 30

    play(make_app(store), walk)


def test_the_palette_knows_the_keys(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "monitor: Pause" in titles and "monitor: View" in titles
        next(c for c in app.get_system_commands(app.screen) if c.title == "monitor: Pause").callback()
        assert await until(pilot, lambda: watch_of(app).orders == ["pause"])

    play(make_app(store), walk)


def test_keys_can_be_changed(store: JobStore, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[tui]\ntheme = "birefnet-light"\n[tui.keys]\n"monitor.pause" = "f5,h"\n')

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert app.theme == "birefnet-light"
        await pilot.press("space")
        assert watch_of(app).orders == []
        await pilot.press("h")
        assert watch_of(app).orders == ["pause"]

    play(make_app(store, settings=load_settings(path)), walk)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tui", "config.toml"),
        ("tui = 3", "no table"),
        ('[tui]\ntheme = "pink"', "no theme 'pink'"),
        ("[tui.keys]\na = 3", "table of texts"),
    ],
)
def test_settings_that_make_no_sense_are_told_and_left_out(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    settings = load_settings(path)
    assert settings.theme is None and not settings.keys
    assert words in settings.complaints[0]
    assert load_settings(tmp_path / "none.toml") == Settings(path=tmp_path / "none.toml")


def test_a_fault_in_the_interface_leaves_the_render(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        monkeypatch.setattr(MonitorScreen, "_show_numbers", fail)
        await until(pilot, lambda: failures)

    failures: list[int] = []

    def fail(*arguments: object) -> float:
        failures.append(1)
        return 1 / 0

    app = make_app(store)
    with pytest.raises(ZeroDivisionError):
        play(app, walk)
    assert watch_orders(app) in ([], ["close"])


def test_a_name_that_looks_like_markup_is_shown_as_it_is(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "[red]x.mp4").write_bytes(b"")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.push_screen(NewScreen(FormValues(source=str(tmp_path / "[red]x.mp4"))))
        assert await until(pilot, lambda: "[red]x" in screen_text(app))

    play(make_app(store, monitor=False), walk, (160, 30))


def test_errors_of_the_form_are_beside_their_fields(tmp_path: Path) -> None:
    good = tmp_path / "in.mp4"
    good.write_bytes(b"x")
    (tmp_path / "in.alpha.mov").write_bytes(b"x")
    values = FormValues(
        source=str(good), options={"model": "nonsense", "size": "100", "start": "soon", "duration": "0"}
    )
    problems = values.problems()
    assert set(problems) == {"model", "size", "start", "duration", "output"}
    assert "exists" in problems["output"] and "multiple of 32" in problems["size"]
    assert set(FormValues(source=str(good), output=str(good), options={"overwrite": True}).problems()) == {"output"}
    assert "must end in" in FormValues(source=str(good), output="x.avi").problems()["output"]
    composite = FormValues(source=str(good), kind="composite", options={"background": "nowhere.png"}).problems()
    assert set(composite) == {"background"}
    assert FormValues(source=str(good), options={"overwrite": True}).problems() == {}
    with pytest.raises(UsageError):
        FormValues(source="")._check_source()


def test_a_folder_means_its_videos_but_not_what_was_made_of_them(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mov", "a.alpha.mov", "b.partial.mov", "c.green.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    values = FormValues(source=str(tmp_path), options={"overwrite": True})
    assert [path.name for path in values.sources] == ["a.mp4", "b.mov"]
    assert values.problems() == {}
    assert "exists" in FormValues(source=str(tmp_path)).problems()["output"]
    (tmp_path / "a.mkv").write_bytes(b"x")
    assert "both become a.alpha.mov" in values.problems()["output"]


def test_who_is_where_needs_subjects(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    values = FormValues(source=str(tmp_path / "in.mp4"), kind="id-mask")
    assert "whose colours?" in values.problems()["subject"]
    said = replace(values, options={"subject": "anna:point=1,2; ben:point=3,4"})
    assert said.problems() == {} and said.request().spec.outputs[0].whose == ("anna", "ben")
    assert said.request().spec.outputs[0].path == tmp_path / "in.ids.mkv"
    assert "must end in .mkv, .png, .exr" in replace(said, output=str(tmp_path / "ids.mp4")).problems()["output"]
    file = replace(values, options={"subjects": str(tmp_path / "none.json")})
    assert "none.json" in file.problems()["subjects"]


def test_what_a_form_says_is_what_the_program_reads(tmp_path: Path) -> None:
    values = FormValues(
        source=str(tmp_path / "-odd name.mp4"),
        kind="composite",
        options={
            "model": "lite",
            "size": "512x288",
            "engine": "eager",
            "background": "blur:20",
            "smooth": "live",
            "quality": "best",
            "start": "1:02",
            "duration": "3.5",
            "no_audio": True,
            "overwrite": True,
            "refine": False,
            "mask_offset": "-3",
            "max_duration": "1:00:00",
        },
    )
    request = asked(*values.request().arguments)
    assert request == values.request()
    spec = request.spec
    assert spec.source == tmp_path / "-odd name.mp4" and spec.outputs[0].path == tmp_path / "-odd name.composite.mp4"
    assert (spec.backend.model, spec.backend.size, spec.backend.engine) == ("lite", (288, 512), "eager")
    assert (spec.input.start, float(spec.input.duration)) == (62, 3.5)
    assert spec.writing.no_audio and spec.writing.overwrite
    assert spec.matte.smooth == "live" and spec.outputs[0].quality == "best"
    assert (spec.matte.refine, spec.matte.mask_offset, spec.input.max_duration) == (False, -3, 3600)
    assert FormValues(source="webcam").request().arguments[0] == "./webcam"


def test_paused_and_running_have_different_signs() -> None:
    from birefnet_video.tui.render_lines import MARKS

    assert len(set(MARKS.values())) == len(JobState)


def _last_line(app: FakeApp) -> str:
    return next(reversed(screen_text(app).rstrip().splitlines()), "")


class SlowWatch(FakeWatch):
    """Does what it is asked for later."""

    def pause(self) -> None:
        self.view = replace(self.view, asked="pause")

    def cancel(self, *, keep: bool) -> None:
        self.view = replace(self.view, asked="cancel")


@pytest.mark.parametrize(("keys", "words"), [(("space",), "PAUSING"), (("c", "k"), "STOPPING")])
def test_what_was_asked_stands_there_before_it_is_done(keys: tuple[str, ...], words: str, store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        for key in keys:
            await pilot.press(key)
        # No timer is waited for.
        await pilot.pause()
        assert words in screen_text(app)

    app = make_app(store)
    app.start_watch = SlowWatch  # type: ignore[method-assign,assignment]
    play(app, walk)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("screen", ["monitor", "queue", "summary", "live", "new"])
def test_no_footer_loses_the_way_out(screen: str, width: int, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    live = store.add(live_request("cam"), folder=tmp_path)
    store.update(live.id, state=RecordState.RUNNING, pid=os.getpid())

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        if screen == "summary":
            app.open_render(store.records()[3])
        elif screen == "live":
            app.open_render(store.records()[-1])
        elif screen == "new":
            app.show_form()
        words = ("f1 Help", "esc Back") if screen == "new" else ("q Quit", "? Help")
        assert await until(pilot, lambda: all(word in _last_line(app) for word in words))

    play(make_app(store, monitor=screen == "monitor"), walk, (width, 24))


def test_rows_of_ended_renders_are_true(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    stopped = store.add(render_request("long.mp4", "long.alpha.mov"), folder=tmp_path)
    result = replace(SUMMARY, state="cancelled", frames=75, total=1500, outputs=("long.alpha.partial-2.mov",)).to_json()
    store.update(stopped.id, state=RecordState.CANCELLED, result=result, ended_at=1.0)
    vanished = store.add(render_request("gone.mp4", "gone.mov"), folder=tmp_path)
    store.update(vanished.id, state=RecordState.FAILED, error="killed", written=30, frames=120, ended_at=1.0)
    live = store.add(live_request("camera", "me.mp4"), folder=tmp_path)
    store.update(live.id, state=RecordState.FINISHED, ended_at=1.0)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "75/1 500" in screen_text(app))
        rows = screen_text(app).splitlines()
        (row,) = (each for each in rows if "long.mp4" in each and "stopped" in each)
        assert "5%" in row and "long.alpha.partial-2.mov" in row
        (row,) = (each for each in rows if "gone.mp4" in each and "failed" in each)
        assert "30/120" in row and "25%" in row
        (row,) = (each for each in rows if "camera" in each and "done" in each)
        assert "%" not in row

    play(make_app(store, monitor=False), walk, (200, 24))


def test_a_live_session_shows_what_it_sends() -> None:
    rgb = np.full((4, 6, 3), 10, np.uint8)
    sent = np.full((4, 6, 3), 200, np.uint8)
    seen = Picture(0, 0.0, rgb, np.full((4, 6), 255, np.uint8), sent)
    assert (paint(seen, View.SENT) == 200).all()
    assert View.SENT in {View.GREEN.following(with_sent=True)} and View.GREEN.following() is View.COMPOSITE


def test_a_screenshot_says_where_it_is_or_why_not(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert app.deliver_screenshot() is not None
        assert list(tmp_path.glob("*.svg"))
        assert app.deliver_screenshot(path="/proc/nowhere") is None

    play(make_app(store), walk)


def test_unknown_keys_of_the_settings_are_told(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert any("did you mean monitor.pause" in each for each in app.notes)

    play(make_app(store, settings=Settings(theme="birefnet-dark", keys={"monitor.pauze": "x"})), walk, (120, 30))
