"""Two people at the interface: one who reads nothing, and one who knows it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from birefnet_video.tui.children import Facts
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.home import HomeScreen
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.one_frame import FramePane
from birefnet_video.tui.queue import QueueScreen
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.summary import SummaryScreen
from fake_watch import SUMMARY, FakeApp, FakeWatch, make_app, picture, screen_text, source_frame, until
from textual.pilot import Pilot
from textual.widgets import Input, Select

from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.zoo.known import known_models

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]
FACTS = Facts(width=1920, height=1080, rate=25.0, frames=250, seconds=10.0, pixel_format="yuv420p")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[object, float | None]]:
    """Inputs are known and frames come at once; what was asked of them."""
    made: list[tuple[object, float | None]] = []

    def render(child: object, values: FormValues, facts: Facts, width: int, height: int, at: float | None) -> object:
        made.append((values.options.get("model", "tiny"), at))
        return picture(size=(64, 36))

    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    monkeypatch.setattr("birefnet_video.tui.children.FrameChild.render", render)
    monkeypatch.setattr("birefnet_video.tui.new.probe", lambda source: FACTS)
    # All weights are here.
    monkeypatch.setattr("birefnet_video.tui.form.find_weights", lambda row: Path("weights"))
    monkeypatch.chdir(tmp_path)
    return made


def play(app: FakeApp, walk: Walk) -> None:
    async def run() -> None:
        async with app.run_test(size=(160, 48)) as pilot:
            app.show_home()
            assert await until(pilot, lambda: isinstance(app.screen, HomeScreen) and "Quit" in screen_text(app))
            await walk(app, pilot)

    asyncio.run(run())


def test_a_newcomer_finds_the_clip_looks_chooses_renders_and_finds_the_file(
    tmp_path: Path, still: list[tuple[object, float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "birefnet_video.tui.summary.subprocess.Popen", lambda command, **rest: opened.append(command[-1])
    )
    (tmp_path / "holiday.mp4").write_bytes(b"x")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        # The clip is there: enter takes it. What else is needed stands in the footer.
        assert await until(pilot, lambda: "holiday.mp4" in screen_text(app))
        await pilot.press("enter")
        assert await until(pilot, lambda: "250 frames" in screen_text(app) and "^r One frame" in screen_text(app))
        await pilot.press("ctrl+r")
        assert await until(pilot, lambda: "composite: tiny" in screen_text(app))
        better = next(row.name for row in known_models().values() if not row.by_path and row.name != "tiny")
        app.screen.query_one("#model", Select).value = better
        await pilot.press("ctrl+r")
        assert await until(pilot, lambda: f"composite: {better}" in screen_text(app))
        assert still == [("tiny", None), (better, None)]
        await pilot.press("ctrl+s")
        assert await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        assert await until(pilot, lambda: "▶ RENDERING" in screen_text(app) and "64%" in screen_text(app))
        watch = app.screen._render_watch  # type: ignore[attr-defined]
        assert isinstance(watch, FakeWatch)
        watch.end(RecordState.FINISHED)
        assert await until(pilot, lambda: isinstance(app.screen, SummaryScreen) and "✔ DONE" in screen_text(app))
        await pilot.press("o")
        assert opened == [str(tmp_path)]

    play(make_app(JobStore(tmp_path / "state" / "jobs"), monitor=False), walk)


def test_an_expert_queues_ten_moves_edits_corrects_and_compares(
    tmp_path: Path, still: list[tuple[object, float | None]]
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(10):
        (folder / f"shot_{number}.mp4").write_bytes(b"x")
    store = JobStore(tmp_path / "state" / "jobs")

    def order() -> list[str]:
        return [Path(record.source).stem[-1] for record in store.records()]

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("n", *"sho")
        assert await until(pilot, lambda: app.screen.query_one("#source", Input)._suggestion == "shots/")
        await pilot.press("right")
        assert await until(pilot, lambda: "10 videos" in screen_text(app))
        await pilot.press("ctrl+a")
        assert isinstance(app.screen, QueueScreen) and order() == list("0123456789")
        assert await until(pilot, lambda: "shot_9.mp4" in screen_text(app))
        # The last two go to the front.
        await pilot.press("ctrl+end", "up", "m", "m", *["K"] * 8, "escape")
        assert order() == list("8901234567")
        # One of them is made with other options, and its subject is pointed at.
        app.screen.choose(next(record.id for record in store.records() if "shot_3" in record.source))
        app.screen.look()
        await pilot.press("e")
        assert await until(pilot, lambda: isinstance(app.screen, NewScreen) and "250 frames" in screen_text(app))
        form = app.screen
        form.query_one("#size", Input).value = "256"
        await pilot.press("ctrl+t")
        assert isinstance(app.screen, SubjectScreen)
        assert await until(pilot, lambda: app.screen.query_one(SubjectView).grid)
        await pilot.press("shift+right", "enter", "escape")
        assert await until(pilot, lambda: app.screen is form and "point=" in form.query_one("#subject", Input).value)
        # Two sizes on one frame, before it is kept.
        pane = form.query_one(FramePane)
        pane.focus()
        await pilot.press("]", "]", "enter")
        assert await until(pilot, lambda: "composite: tiny at 256" in screen_text(app))
        await pilot.press("a")
        form.query_one("#model", Select).value = "lite"
        await pilot.press("enter")
        assert await until(pilot, lambda: "A tiny at 256 │ B lite at 256" in screen_text(app))
        assert still == [("tiny", 2.0), ("lite", 2.0)]
        await pilot.press("ctrl+s")
        assert await until(pilot, lambda: isinstance(app.screen, QueueScreen))
        edited = next(record for record in store.records() if "shot_3" in record.source)
        assert order() == list("8901234567") and "-m lite" in edited.command.replace("--model", "-m")
        assert "--size 256" in edited.command and "point=" in edited.command
        # What was lost in one that has ended is corrected from its summary.
        done = store.records()[0]
        result = replace(SUMMARY, state="cancelled").to_json()
        store.update(done.id, state=RecordState.CANCELLED, result=result, ended_at=9.0, pid=os.getpid())
        await pilot.press("slash", *"stopped", "enter", "r", "escape")
        assert next(each for each in store.records() if each.id == done.id).state is RecordState.WAITING

    play(make_app(store, monitor=False), walk)
