"""Graphs in braille, what they are drawn from, and that they say what is so."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from birefnet_video.tui.graph import braille, nice
from birefnet_video.tui.history import History
from birefnet_video.tui.inks import PLAIN, inks_of
from birefnet_video.tui.stage_table import StageTable
from birefnet_video.tui.telemetry import Gpu, Reading
from birefnet_video.tui.worker_lines import worker_lines
from fake_watch import SNAPSHOT, FakeWatch, make_app, make_store, screen_text, settle, until

from birefnet_video.events import WorkerSnapshot

#: Seconds of history: more than a graph is wide.
_LONG = 130


def dots(line: str) -> int:
    return sum((ord(cell) - 0x2800).bit_count() for cell in line)


def test_a_value_has_as_many_dots_as_it_is_high() -> None:
    assert braille([4.0, 8.0], 1, 2, 8.0) == ["⢸", "⣿"]
    assert braille([], 2, 1, 1.0) == ["⠀⠀"]
    assert [dots(line) for line in braille([1.0] * 6, 3, 2, 1.0)] == [24, 24]
    # What is not nothing can be seen, and what is too high stays in the picture.
    assert dots("".join(braille([0.001], 1, 2, 1.0))) == 1 and dots("".join(braille([9.0], 1, 2, 1.0))) == 8


def test_the_latest_values_are_at_the_right() -> None:
    (line,) = braille([0.0] * 9 + [1.0], 3, 1, 1.0)
    assert [dots(cell) for cell in line] == [0, 0, 4]


@pytest.mark.parametrize(("top", "rounded"), [(0, 1), (0.07, 0.08), (1.0, 1.0), (67.4, 80), (301, 500), (1000, 1000)])
def test_scales_end_at_round_numbers(top: float, rounded: float) -> None:
    assert nice(top) == pytest.approx(rounded)


def past(busy: dict[str, float], seconds: int = _LONG) -> History:
    """Of a render whose stages were busy for these shares."""
    history, snapshot = History(), SNAPSHOT
    for second in range(seconds):
        stages = tuple(replace(s, busy_s=s.busy_s + busy.get(s.name, 0.1)) for s in snapshot.stages)
        snapshot = replace(snapshot, stages=stages, elapsed_s=snapshot.elapsed_s + 1)
        history.remember(snapshot, Reading(1.5, 8, 3 * 10**9, None, "none", 16 * 10**9), float(second))
    return history


def test_a_history_has_a_value_a_second_and_names_the_limit() -> None:
    history = past({"infer": 0.97})
    assert len(history.fps) == len(history.readings) == _LONG
    assert history.limit() == "infer" and history.of_stage("infer")[-1] == pytest.approx(0.97)
    history.remember(SNAPSHOT, None, _LONG - 0.5)
    assert len(history.fps) == _LONG
    assert past({}).limit() is None and History().limit() is None


@pytest.mark.parametrize(("size", "advice"), [((80, 24), "faster: -m lite, a smaller"), ((160, 48), "or --size 256")])
def test_the_monitor_draws_them_and_says_what_helps(tmp_path: Path, size: tuple[int, int], advice: str) -> None:
    app = make_app(make_store(tmp_path))

    async def walk() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            watch = app.screen._render_watch
            assert isinstance(watch, FakeWatch)
            watch.view = replace(watch.view, advice={"infer": ("-m lite, a smaller network", "--size 256")})
            app.telemetry.close()
            app.telemetry.latest = None
            app.screen._history = past({"infer": 0.97})
            app.screen._tick()
            assert await until(pilot, lambda: advice in screen_text(app))
            seen = screen_text(app)
            assert "limit: infer (97% busy)" in seen and "1.5 of 8" in seen
            assert "80 " in seen and "⣿" in seen
            inks = inks_of(app)
            assert inks.load(0.0) == inks.steps[0] and inks.load(7.0) == inks.steps[-1]

    asyncio.run(walk())


def test_a_gpu_comes_first_and_has_its_memory(tmp_path: Path) -> None:
    app = make_app(make_store(tmp_path))

    async def walk() -> None:
        async with app.run_test(size=(160, 48)) as pilot:
            await settle(pilot)
            watch = app.screen._render_watch
            assert isinstance(watch, FakeWatch)
            gpu = Gpu("H200", 0.97, 10 * 10**9, 40 * 10**9, 71, 320.0)
            app.telemetry.latest = Reading(1.0, 8, 10**9, gpu, "", 16 * 10**9)
            watch.set(gpu_share=0.72)
            app.screen._history = History()
            app.screen._tick()
            for words in ("GPU  97%", "71°C 320 W", "VRAM 10.00 GB of 40.00 GB", "mattes: 72% of the GPU's time"):
                assert await until(pilot, lambda words=words: words in screen_text(app))

    asyncio.run(walk())


def test_a_shared_render_shows_its_workers(tmp_path: Path) -> None:
    app = make_app(make_store(tmp_path))

    async def walk() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            watch = app.screen._render_watch
            assert isinstance(watch, FakeWatch)
            watch.set(workers=(WorkerSnapshot(name="worker 1", state="working", segment=1, stored=3, frames=9),))
            app.screen._tick()
            for words in ("▶ worker 1", "segment 2  3/9", "1 of 1 workers at work"):
                assert await until(pilot, lambda words=words: words in screen_text(app))

    asyncio.run(walk())


def test_nothing_is_drawn_without_room() -> None:
    table = StageTable()
    table.show_job(SNAPSHOT, History())
    assert table._lines == []


def test_each_worker_has_a_line() -> None:
    workers = (
        WorkerSnapshot(name="worker 1", state="working", segment=4, stored=60, frames=120),
        WorkerSnapshot(name="worker 2 on a machine with a long name", state="lost"),
        WorkerSnapshot(name="worker 3", state="loading"),
    )
    for width in (32, 60, 120):
        lines = [line.plain for line in worker_lines(workers, width, PLAIN)]
        assert "segment 5  60/120" in lines[0] and all(len(line) <= max(width, 32) for line in lines)
        assert lines[1].startswith("✖ work") and "loading" in lines[2]
        assert lines[3] == "1 of 3 workers at work"
