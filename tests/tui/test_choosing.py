"""The walk: open the interface, click the person on the left, render, correct at one place."""

import asyncio
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from birefnet_video.tui.app import BirefnetApp
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subject_view import SubjectView
from birefnet_video.tui.summary import SummaryScreen
from fake_watch import screen_text, settle, until
from guided import SeesFigures
from guided_clips import HEIGHT, RATE, WIDTH, Clip, Pose, Scenario, drawn_figures, drawn_scene, make_clip
from textual.pilot import Pilot

from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.serving import serve
from birefnet_video.renders.store import JobStore

#: Seconds at which the person on the left goes away, and comes back in other clothes.
GONE_S, BACK_S = 0.8, 1.4


def changing_clothes() -> Clip:
    """Two persons, of whom the left one is away for a while and looks otherwise then."""
    left = Pose(0.25, 0.58, 0.75)
    scenario = Scenario(
        "clothes",
        (
            ("other", 1, lambda time: Pose(0.75, 0.58, 0.75)),
            ("subject", 0, lambda time: left if time < GONE_S else None),
            ("subject", 3, lambda time: left if time >= BACK_S else None),
        ),
        seconds=2.6,
    )
    return make_clip(scenario, drawn_figures(), [drawn_scene(0)])


def write(clip: Clip, path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "8"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, picture in enumerate(clip.frames):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def mattes(path: Path) -> np.ndarray:
    """float32 (N, H, W)."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.float32) / 255


class ThreadApp(BirefnetApp):
    """Renders on threads, with a network that sees all figures."""

    def __init__(self, store: JobStore, form: FormValues) -> None:
        super().__init__(store, Settings(theme="birefnet-dark"), form=form)
        self.renders: list[threading.Thread] = []

    def launch(self, record: JobRecord) -> JobRecord:
        request = record.asked()
        assert isinstance(request, RenderRequest)
        job = Job(request.spec, open_backend=lambda spec, info, tell: SeesFigures(batch_size=2))

        def run(job: Job) -> int:
            job.start()
            return 0 if job.wait() is JobState.FINISHED else 1

        self.renders.append(threading.Thread(target=serve, args=(job, self.store, record.id, run)))
        self.renders[-1].start()
        return self.store.update(record.id, state=RecordState.RUNNING)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.chdir(tmp_path)
    yield


async def click_the_person(app: ThreadApp, pilot: Pilot[int]) -> None:
    """On the left, in the frame that is shown."""
    await settle(pilot)
    view = app.screen.query_one(SubjectView)
    assert view.grid is not None
    column, line = int(0.25 * view.grid.columns), int(0.5 * view.grid.lines)
    await pilot.click(SubjectView, offset=(view._left + column, view._top + line))
    assert await until(pilot, lambda: "● subject" in screen_text(app))


async def render(app: ThreadApp, pilot: Pilot[int]) -> None:
    await pilot.press("escape")
    assert await until(pilot, lambda: isinstance(app.screen, NewScreen))
    await pilot.press("ctrl+s")
    assert await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
    app.renders[-1].join()


def shown(app: ThreadApp) -> float | None:
    """When the frame begins that is shown."""
    frame = app.screen._frame if isinstance(app.screen, SubjectScreen) else None
    return float(frame.time) if frame is not None else None


def test_choose_render_and_correct(tmp_path: Path) -> None:
    clip = changing_clothes()
    write(clip, tmp_path / "in.mp4")
    store = JobStore(tmp_path / "jobs")
    form = FormValues(
        source="in.mp4",
        kind="mask",
        output="out.mkv",
        options={"smooth": "off", "refine": False, "decontaminate": "off"},
    )
    left, back = slice(0, WIDTH // 2), slice(round(2.2 * RATE), None)

    async def walk(app: ThreadApp, pilot: Pilot[int]) -> None:
        assert await until(pilot, lambda: "480x270" in screen_text(app))
        await pilot.press("ctrl+t")
        assert await until(pilot, lambda: shown(app) == 0)
        await click_the_person(app, pilot)
        await render(app, pilot)
        assert await until(pilot, lambda: "1 to look at, c corrects" in screen_text(app))
        assert "━!━" in screen_text(app) and "subject: lost: not seen any more" in screen_text(app)
        first = mattes(tmp_path / "out.mkv")
        assert first[:, :, WIDTH // 2 :].mean() < 0.001 and first[back, :, left].mean() < 0.001

        await pilot.press("c")
        assert await until(pilot, lambda: shown(app) is not None)
        lost = shown(app)
        assert lost is not None and GONE_S < lost < BACK_S
        assert "look at" in screen_text(app)
        await pilot.press("right_square_bracket")
        assert await until(pilot, lambda: shown(app) == pytest.approx(lost + 1, abs=0.02))
        await click_the_person(app, pilot)
        await render(app, pilot)

    async def run() -> None:
        app = ThreadApp(store, form)
        async with app.run_test(size=(120, 40)) as pilot:
            await walk(app, pilot)
            for thread in app.renders:
                thread.join()

    asyncio.run(run())
    before, after = (record.asked().spec.matte.prompts() for record in store.records())  # type: ignore[union-attr]
    assert after[0] == before[0] and len(after) == 2 and after[1].time is not None
    found = mattes(tmp_path / "out.mkv")
    expected = clip.subject[back] > 0.5
    both = (found[back] > 0.5) & expected
    assert both.sum() / ((found[back] > 0.5) | expected).sum() > 0.9
    assert found[:, :, WIDTH // 2 :].mean() < 0.001
