"""The queue: rows that say what is so, several at once, and what was removed comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.queue import QueueScreen
from birefnet_video.tui.queue_rows import ORDERS, chosen_of, columns_for
from fake_watch import SUMMARY, FakeApp, FakeWatch, make_app, make_store, screen_text, source_frame, until
from specs import render_request
from textual.pilot import Pilot
from textual.widgets import Input

from birefnet_video.errors import UsageError
from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    """Four renders in four states, and three more that wait."""
    store = make_store(tmp_path)
    for name, model in (("a.mp4", "tiny"), ("b.mp4", "general"), ("c.mp4", "tiny")):
        store.add(render_request(name, f"{name[0]}.mov", model=model), folder=tmp_path)
    return store


def play(app: FakeApp, walk: Walk, size: tuple[int, int] = (120, 35)) -> None:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            assert await until(pilot, lambda: "c.mp4" in screen_text(app))
            await walk(app, pilot)

    asyncio.run(run())


def sources(store: JobStore) -> list[str]:
    return [record.source for record in store.records()]


def test_several_are_marked_moved_and_removed_at_once_and_come_back(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        before = sources(store)
        await pilot.press("ctrl+end", "up", "m", "m")
        assert await until(pilot, lambda: "2 marked" in screen_text(app) and screen_text(app).count("● ·") == 2)
        await pilot.press("K", "K")
        assert sources(store) == ["interview.mp4", "b.mp4", "a[1].avi", "take.mp4", "c.mp4", "drone.mov", "a.mp4"]
        await pilot.press("J", "J")
        assert sources(store) == before
        await pilot.press("space")
        assert [record.source for record in store.records() if record.held] == ["b.mp4", "c.mp4"]
        await pilot.press("space", "d")
        assert sources(store) == before[:-2]
        await pilot.press("x")
        assert sources(store) == ["interview.mp4", "drone.mov", "a.mp4"]
        await pilot.press("u")
        assert sources(store) == before[:-2]
        await pilot.press("u", "u")
        assert sources(store) == before
        assert store.records()[3].state is RecordState.FINISHED and store.records()[3].result is not None

    play(make_app(store, monitor=False), walk)


def test_several_that_are_done_are_asked_about_once(store: JobStore) -> None:
    for name in ("a.mp4", "b.mp4"):
        record = next(each for each in store.records() if each.source == name)
        store.update(record.id, state=RecordState.FINISHED, result=SUMMARY.to_json(), ended_at=4.0)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("M", "r")
        assert isinstance(app.screen, Choice) and app.screen_stack[-2] is app.queue
        assert await until(pilot, lambda: "Outputs are there: take.alpha.mov, a.mov, b.mov" in screen_text(app))
        states = {record.source: record.state for record in store.records()}
        assert states["a[1].avi"] is RecordState.WAITING and states["take.mp4"] is RecordState.FINISHED
        await pilot.press("o")
        assert app.screen is app.queue
        assert not [record for record in store.records() if record.state.is_over]

    play(make_app(store, monitor=False), walk)


def test_rows_are_filtered_and_sorted(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        await pilot.press("slash", *"waits tiny")
        assert await until(pilot, lambda: "drone.mov" in screen_text(app) and "take.mp4" not in screen_text(app))
        await pilot.press("enter", "M", "d")
        assert sources(store) == ["interview.mp4", "a[1].avi", "take.mp4", "b.mp4"]
        await pilot.press("escape", "u")
        assert await until(pilot, lambda: "drone.mov" in screen_text(app) and "take.mp4" in screen_text(app))
        await pilot.press("s", "s")
        assert await until(pilot, lambda: "sorted by name" in screen_text(app))
        text = screen_text(app)
        assert text.index(" a.mp4") < text.index(" b.mp4") < text.index(" drone.mov") < text.index(" take.mp4")

    play(make_app(store, monitor=False), walk)


def test_one_that_waits_is_edited_and_keeps_its_place(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        before = store.records()[4]
        assert isinstance(app.screen, QueueScreen)
        app.screen.choose(before.id)
        app.screen.look()
        await pilot.press("e")
        assert isinstance(app.screen, NewScreen) and "EDIT A RENDER" in screen_text(app)
        assert app.screen.query_one("#source", Input).value == str(tmp_path / "a.mp4")
        app.screen.query_one("#size", Input).value = "256"
        await pilot.press("ctrl+s")
        assert await until(pilot, lambda: isinstance(app.screen, QueueScreen))
        after = store.records()[4]
        assert after.id == before.id and after.position == before.position and "--size 256" in after.command
        assert app.screen.chosen is not None and app.screen.chosen.id == before.id
        await pilot.press("ctrl+home", "e")
        assert isinstance(app.screen, QueueScreen) and "only a render that waits" in app.notes[-1]

    play(make_app(store, monitor=False), walk)


def test_one_that_runs_by_now_is_not_changed(store: JobStore) -> None:
    running = store.records()[0]
    with pytest.raises(UsageError, match="does not wait any more"):
        store.change(running.id, render_request("x.mp4", "x.mov"))
    waiting = store.records()[1]
    changed = store.change(waiting.id, render_request("x.mp4", "x.mov"), frames=3)
    assert (changed.source, changed.outputs, changed.frames) == ("x.mp4", ("x.mov",), 3)


def test_what_is_put_back_has_its_log(store: JobStore) -> None:
    record = store.records()[3]
    store.log_path(record.id).write_text("said\n")
    forgotten = store.remove(record.id)
    assert forgotten is not None and not store.log_path(record.id).exists() and store.remove(record.id) is None
    store.put_back(forgotten)
    assert store.get(record.id) == record and store.log_path(record.id).read_text() == "said\n"


def test_the_pane_of_the_chosen_one_has_its_picture_and_facts(store: JobStore) -> None:
    clip = {"width": 1280, "height": 720, "rate": 25.0, "pixel_format": "yuv420p", "frames": 250}
    waiting = store.records()[4]
    store.update(waiting.id, clip=clip, frames=250)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        assert isinstance(app.screen, QueueScreen)
        app.screen.choose(waiting.id)
        app.screen.look()
        for words in ("1280x720 at 25 fps", "frames   250", "e edits it"):
            assert await until(pilot, lambda words=words: words in screen_text(app))
        picture = app.screen.query_one("#detail-picture")
        assert await until(pilot, lambda: picture._shown is not None)  # type: ignore[attr-defined]
        assert any("1280x720" in line and "00:10" in line for line in screen_text(app).splitlines())

    play(make_app(store, monitor=False), walk, (160, 48))


def test_the_render_that_one_comes_from_is_the_one_under_the_cursor(store: JobStore) -> None:
    last = store.add(render_request("late.mp4", "late.mov"), folder=Path("/"))
    store.update(last.id, state=RecordState.FINISHED, result=replace(SUMMARY).to_json(), ended_at=9.0)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(store.records()[-1])
        await pilot.pause()
        await pilot.press("escape")
        assert isinstance(app.screen, QueueScreen)
        assert await until(pilot, lambda: app.screen.chosen is not None and app.screen.chosen.id == last.id)  # type: ignore[attr-defined]

    play(make_app(store, monitor=False), walk)


def test_no_screen_has_more_columns_than_it_has_room_for() -> None:
    assert len({columns_for(width) for width in (60, 80, 120, 160, 200)}) == 5
    assert all(columns_for(width)[:2] == ("state", "input") for width in (1, 60, 200))
    assert chosen_of([], "word", "name") == [] and set(ORDERS) >= {"queue", "name", "state"}


def test_a_queue_that_nobody_sees_asks_for_no_pictures(store: JobStore) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        queue = app.screen
        assert isinstance(queue, QueueScreen)
        await pilot.press("enter")
        watch = app.watch_of(store.records()[0])
        assert isinstance(watch, FakeWatch)
        assert await until(pilot, lambda: watch.wishes and watch.wishes[-1] is not None)
        large = watch.wishes[-1]
        queue.on_data_table_row_highlighted()
        assert watch.wishes[-1] == large

    play(make_app(store, monitor=False), walk)
