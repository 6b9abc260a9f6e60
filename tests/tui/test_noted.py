"""What became of subjects: on the time line, in the log and in the summary, from where it is corrected."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from birefnet_video.tui.children import Facts
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.render_lines import how_far, how_long, marked
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.summary import SummaryScreen
from birefnet_video.tui.summary_text import summary_text
from fake_watch import LINES, SNAPSHOT, SUMMARY, FakeApp, FakeWatch, make_app, make_store, screen_text, source_frame
from fake_watch import until as wait
from specs import asked
from textual.pilot import Pilot

from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import JobView
from birefnet_video.renders.wire import LogLine, Noted

Walk = Callable[[FakeApp, Pilot[int]], Awaitable[None]]
NOTED = (
    Noted(0, 0.0, "anna", "unsure", True, "0.00 s: anna: not sure: found again, but others look alike"),
    Noted(3290, 109.78, "anna", "lost", True, "109.78 s: anna: lost: hidden behind others"),
    Noted(6580, 219.55, "anna", "left", False, "219.55 s: anna: gone: left the picture"),
)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    facts = Facts(width=1920, height=1080, rate=29.97, frames=6581, seconds=219.6)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("birefnet_video.tui.new.probe", lambda source: facts)
    monkeypatch.setattr("birefnet_video.tui.source_frames.SourceChild.frame", source_frame)
    yield


def play(app: FakeApp, walk: Walk, size: tuple[int, int] = (100, 40)) -> None:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await walk(app, pilot)

    asyncio.run(run())


def test_places_to_look_at_are_marked_on_a_time_line() -> None:
    assert marked("━━━━━╺────", NOTED, 6581) == "!━━━!╺────"
    assert marked("━━━", NOTED, None) == "━━━" and marked("", NOTED, 6581) == ""
    assert "!" in how_far(SNAPSHOT, 80, NOTED).plain and "!" not in how_far(SNAPSHOT, 80).plain


def test_the_monitor_marks_and_says_them(tmp_path: Path) -> None:
    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        watch = app.screen._render_watch  # type: ignore[attr-defined]
        said = tuple(LogLine(0.0, "note", f"subject: {noted.words}", noted) for noted in NOTED[:2])
        watch.view = replace(watch.view, lines=(*LINES, *said))
        assert await wait(pilot, lambda: "! subject: 109.78 s: anna: lost: hidden behind" in screen_text(app))
        line = next(each for each in screen_text(app).splitlines() if "4212/6581" in each)
        assert line.lstrip().startswith("!━") and line.count("!") == 2

    play(make_app(make_store(tmp_path)), walk)


def view_of(record: JobRecord, noted: tuple[Noted, ...]) -> JobView:
    return JobView(record=record, summary=replace(SUMMARY, subjects=noted))


def test_the_summary_lists_them(tmp_path: Path) -> None:
    record = make_store(tmp_path).records()[3]
    text = summary_text(view_of(record, NOTED)).plain
    assert "subjects: 2 to look at, c corrects\n!━" in text
    for words in ("! 109.78 s: anna: lost", "  219.55 s: anna: gone", "! 0.00 s: anna: not sure"):
        assert words in text
    assert "nobody was lost" in summary_text(view_of(record, NOTED[2:])).plain
    assert "subjects" not in summary_text(view_of(record, ())).plain
    assert "  and 60 more" in summary_text(view_of(record, NOTED[1:2] * 100)).plain


def ended(folder: Path, *arguments: str) -> tuple[FakeApp, JobRecord]:
    """An application whose only render is over, with a watch that has its summary."""
    (folder / "in.mp4").write_bytes(b"x")
    (folder / "out.mov").write_bytes(b"x")
    store = JobStore(folder / "jobs")
    record = store.add(asked("in.mp4", "--alpha", "out.mov", *arguments), folder=folder)
    record = store.update(record.id, state=RecordState.FINISHED, ended_at=1.0)

    def watch(record: JobRecord) -> FakeWatch:
        each = FakeWatch(record)
        each.view = replace(each.view, summary=replace(SUMMARY, subjects=NOTED))
        return each

    app = make_app(store, monitor=False)
    app.start_watch = watch  # type: ignore[method-assign]
    return app, record


def test_correcting_begins_at_the_first_loss_with_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, record = ended(tmp_path, "--subject", "point=1,2", "--size", "512x288", "--smooth", "high")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(record)
        assert await wait(pilot, lambda: isinstance(app.screen, SummaryScreen) and "c Correct" in screen_text(app))
        await pilot.press("c")
        assert await wait(pilot, lambda: isinstance(app.screen, SubjectScreen) and app.screen._frame is not None)
        await pilot.press("l", "enter")
        assert await wait(pilot, lambda: "109.78:point=" in screen_text(app))
        await pilot.press("escape")
        assert await wait(pilot, lambda: isinstance(app.screen, NewScreen))
        values = app.screen.values  # type: ignore[attr-defined]
        assert values.problems() == {} and values.output == "out.mov"
        first, second = values.request().spec.matte.prompts()
        assert str(first) == "point=1,2" and str(second).startswith("109.78:point=")
        assert (values.options["size"], values.options["smooth"]) == ("512x288", "high")

    play(app, walk)


def test_who_followed_nobody_has_nothing_to_correct(tmp_path: Path) -> None:
    app, record = ended(tmp_path)

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(record)
        assert await wait(pilot, lambda: isinstance(app.screen, SummaryScreen) and "n New" in screen_text(app))
        assert "Correct" not in screen_text(app)
        await pilot.press("c")
        assert isinstance(app.screen, SummaryScreen)

    play(app, walk)


def test_of_several_results_all_are_made_again(tmp_path: Path) -> None:
    app, record = ended(tmp_path, "--mask", "m.mkv", "--subject", "auto")

    async def walk(app: FakeApp, pilot: Pilot[int]) -> None:
        app.open_render(record)
        assert await wait(pilot, lambda: isinstance(app.screen, SummaryScreen))
        await pilot.press("c")
        assert await wait(pilot, lambda: isinstance(app.screen_stack[1], NewScreen) and app.screen_stack[1].is_mounted)
        form = app.screen_stack[1]
        assert isinstance(form, NewScreen)
        assert await wait(pilot, lambda: form.query("#mask") and Path(form.values.also["mask"]).name == "m.mkv")

    play(app, walk)


def test_frames_that_a_cut_would_not_cost_are_counted_where_there_is_room() -> None:
    kept = replace(SNAPSHOT, kept=1440)
    assert "1440 frames safe" in how_long(kept, 140).plain
    assert "safe" not in how_long(kept, 80).plain and "safe" not in how_long(SNAPSHOT, 140).plain
