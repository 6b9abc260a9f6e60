"""What screens look like, as text: BV_UPDATE_SNAPSHOTS=1 writes them anew."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from birefnet_video.tui.app import BirefnetApp
from birefnet_video.tui.children import Facts
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.home import HomeScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.subjects import Place, Subjects
from fake_watch import make_app, make_store, screen_text, settle, source_frame, until
from specs import live_request
from textual.pilot import Pilot
from textual.widgets import Input

from birefnet_video.options.input import InputSpec
from birefnet_video.options.prompts import parse_prompt
from birefnet_video.renders.record import RecordState

FOLDER = Path(__file__).parent / "snapshots"
SIZES = {"small": (60, 18), "usual": (80, 24), "large": (160, 48)}


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.telemetry.Telemetry.start", lambda self: None)
    monkeypatch.setattr("birefnet_video.tui.render_lines.time.localtime", lambda at=None: time.gmtime(0))
    # However long it takes, a graph has one value.
    monkeypatch.setattr("birefnet_video.tui.history._EVERY_S", 1e9)
    facts = Facts(
        width=1920, height=1080, rate=29.97, frames=6581, seconds=219.6, pixel_format="yuv420p", audio_tracks=1
    )
    monkeypatch.setattr("birefnet_video.tui.new.probe", lambda source: facts)
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    monkeypatch.chdir(tmp_path)
    yield


def expected(name: str, seen: str) -> str:
    """What a screen looked like; with BV_UPDATE_SNAPSHOTS=1, what it looks like now."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("BV_UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(seen, encoding="utf-8")
    return path.read_text(encoding="utf-8")


async def mark(app: BirefnetApp, pilot: Pilot[int]) -> None:
    """A point, a box and what is not meant, and two places to look at."""
    said = (parse_prompt("box=10%,10%,30%,60%"), parse_prompt("12.4:point=50%,50%"))
    places = (Place(0.0, "0.00 s: subject: not sure"), Place(12.4, "12.40 s: subject: lost"))
    subjects = Subjects(
        source=Path("in.mp4"), read=InputSpec(), said=said, places=places, size=(1920, 1080), seconds=219.6
    )
    await app.push_screen(SubjectScreen(subjects))
    assert await until(pilot, lambda: app.screen.query_one(SubjectView).grid)
    await settle(pilot)
    await pilot.press("shift+right", "enter", "n", *"anna", "enter", "x", "up", "up", "b", "shift+right", "up", "b")


#: Views that are one column wider or narrower elsewhere, and how they are opened.
ONE_SIZE = {
    "home": (),
    "stopping": ("c",),
    "jump": ("ctrl+g",),
}
#: What stands above the queue, and its keys.
ABOVE = {"help": "question_mark", "options": "f2", "palette": "ctrl+p", "themes": "T"}


def test_what_stands_above_a_screen_looks_as_it_did(tmp_path: Path) -> None:
    async def look() -> dict[str, str]:
        app, seen = make_app(make_store(tmp_path), monitor=False), {}
        async with app.run_test(size=SIZES["usual"]) as pilot:
            for name, key in ABOVE.items():
                await pilot.press(key)
                await settle(pilot)
                for field in app.screen.query(Input):
                    field.cursor_blink = False
                seen[name] = screen_text(app) + "\n"
                await pilot.press("escape")
        return seen

    for name, seen in asyncio.run(look()).items():
        # How many looks the bars of a session hold depends on how long the machine has taken.
        seen = seen.replace("█", " ")
        assert seen == expected(name, seen)


@pytest.mark.parametrize("screen", ONE_SIZE)
def test_smaller_views_look_as_they_did(screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.mp4", "b.mov"):
        (clips / name).write_bytes(b"x")
        os.utime(clips / name, (0, 0))
    monkeypatch.setattr("birefnet_video.tui.queue_rows.time.localtime", lambda at=None: time.gmtime(0))

    async def look() -> str:
        store = make_store(tmp_path)
        live = store.add(live_request("/dev/video0"), folder=tmp_path, queued=False)
        store.update(live.id, state=RecordState.RUNNING, pid=os.getpid())
        app = make_app(store, monitor=screen == "stopping")
        async with app.run_test(size=SIZES["usual"]) as pilot:
            await settle(pilot)
            if screen == "home":
                app.push_screen(HomeScreen(Path("clips")))
            elif screen == "jump":
                (tmp_path / "in.mp4").write_bytes(b"")
                app.push_screen(NewScreen(FormValues(source="in.mp4", output="in.mov")))
                await settle(pilot)
                app.screen.query_one("#source", Input).cursor_blink = False
            await pilot.press(*ONE_SIZE[screen])
            await settle(pilot)
            return screen_text(app) + "\n"

    seen = asyncio.run(look())
    assert seen == expected(screen, seen)


def test_a_live_session_and_names_to_complete_look_as_they_did(tmp_path: Path) -> None:
    for name in ("clips", "clip one"):
        (tmp_path / name).mkdir()
    for name in ("climb.mp4", "clip.mov", "clip_of_a_walk_by_the_sea_that_has_a_long_name.mp4"):
        (tmp_path / name).write_bytes(b"")

    async def look() -> dict[str, str]:
        store, seen = make_store(tmp_path / "state"), {}
        live = store.add(live_request("/dev/video0"), folder=tmp_path, queued=False)
        live = store.update(live.id, state=RecordState.RUNNING, pid=os.getpid())
        app = make_app(store, monitor=False)
        async with app.run_test(size=SIZES["usual"]) as pilot:
            for screen in ("live", "completion"):
                if screen == "live":
                    app.open_render(live)
                else:
                    app.show_form()
                    await settle(pilot)
                    app.screen.query_one("#source", Input).cursor_blink = False
                    await pilot.press(*"cli")
                for size in ("usual", "large"):
                    await pilot.resize_terminal(*SIZES[size])
                    await settle(pilot)
                    seen[f"{screen}-{size}"] = screen_text(app) + "\n"
                await pilot.resize_terminal(*SIZES["usual"])
        return seen

    for name, seen in asyncio.run(look()).items():
        # How many looks the bars of a session hold depends on how long the machine has taken.
        seen = seen.replace("█", " ")
        assert seen == expected(name, seen)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", ["monitor", "queue", "summary", "new", "new-subject"])
def test_it_looks_as_it_did(screen: str, size: str, tmp_path: Path) -> None:
    async def look() -> str:
        store = make_store(tmp_path)
        app = make_app(store, monitor=screen == "monitor")
        async with app.run_test(size=SIZES[size]) as pilot:
            await settle(pilot)
            if screen == "summary":
                app.open_render(store.records()[3])
            elif screen == "new":
                (tmp_path / "in.mp4").write_bytes(b"")
                values = FormValues(source="in.mp4", output="in.mov", options={"size": "100"})
                app.push_screen(NewScreen(values))
                await pilot.pause()
                app.screen.query_one("#source", Input).cursor_blink = False
            elif screen == "new-subject":
                await mark(app, pilot)
            await settle(pilot)
            seen = screen_text(app) + "\n"
            await until(pilot, lambda: screen_text(app) + "\n" == expected(f"{screen}-{size}", seen))
            return screen_text(app) + "\n"

    seen = asyncio.run(look())
    assert seen == expected(f"{screen}-{size}", seen)
