"""The views of the terminal interface as pictures show them: renders that stand still, and how each view is opened."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from birefnet_video.tui.children import Facts
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.one_frame import FramePane
from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.source_frames import SourceChild, SourceFrame
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subjects import Place, Subjects
from birefnet_video.tui.telemetry import Reading
from fake_watch import SNAPSHOT, STAGES, SUMMARY, FakeApp, FakeWatch, settle
from PIL import Image
from specs import live_request, render_request
from textual.pilot import Pilot

from birefnet_video.options.input import InputSpec
from birefnet_video.options.prompts import parse_prompt
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import PictureWish
from birefnet_video.renders.wire import Clip, LogLine, Picture

ROOT = Path(__file__).parents[2]
#: The same at every run.
_NOW = 1_790_000_000.0
FACTS = Facts(width=1920, height=1080, rate=29.97, frames=6581, seconds=219.6, pixel_format="yuv420p", audio_tracks=1)
#: Seconds of history of a render that is watched.
_HISTORY = 240
_LINES = (
    (62.0, "info", "model: tiny at 512x288, openvino on cpu, fp32, batch 1"),
    (58.0, "note", "decoding in software: no NVDEC on this machine"),
    (41.0, "info", "a new shot begins at 52.30 s"),
    (22.0, "info", "a new shot begins at 98.12 s"),
    (4.0, "note", "the encoder takes 8 bits of 10: --codec prores keeps them"),
)


def _material() -> tuple[Image.Image, Image.Image]:
    """A picture and its matte, of 16 to 9."""
    folder = ROOT / "model" / "weights"
    rgb, alpha = Image.open(folder / "evidence_fur.jpg"), Image.open(folder / "evidence_fur_matte.png").convert("L")
    width, height = rgb.size
    lines = width * 9 // 16
    box = (0, (height - lines) // 2, width, (height - lines) // 2 + lines)
    return rgb.convert("RGB").crop(box), alpha.crop(box)


def picture(width: int, height: int) -> Picture:
    """The picture that fits."""
    lines = min(height, width * 9 // 16) // 2 * 2
    size = (max(2, lines * 16 // 9), max(2, lines))
    rgb, alpha = (np.asarray(each.resize(size, Image.Resampling.BOX)) for each in _material())
    return Picture(4212, 140.5, rgb, alpha)


def source_frame(
    child: SourceChild, at: Fraction, size: tuple[int, int], is_wanted: Callable[[], bool] = lambda: True
) -> SourceFrame:
    """In place of :meth:`SourceChild.frame`."""
    shown = picture(*size)
    is_matte = "--matte" in child._command
    return SourceFrame(np.repeat(shown.alpha[..., None], 3, axis=2) if is_matte else shown.rgb, max(at, Fraction(0)))


class StillWatch(FakeWatch):
    """Gives pictures of the size that is wanted."""

    def __init__(self, record: JobRecord) -> None:
        super().__init__(record)
        lines = tuple(LogLine(_NOW - ago, level, text) for ago, level, text in _LINES)  # type: ignore[arg-type]
        self.view = replace(
            self.view,
            lines=lines,
            picture=None,
            advice={"infer": ("-m lite, a smaller network", "--size, a smaller input of the network")},
        )

    def want(self, wish: PictureWish | None) -> None:
        super().want(wish)
        if wish is not None:
            self.view = replace(self.view, picture=picture(wish.width, wish.height))

    def step(self, second: int) -> None:
        """The render as it is so many seconds later."""
        wave = 1 + 0.12 * np.sin(second / 9) + 0.05 * np.sin(second * 1.7)
        shares = (0.18, 0.22, 0.97, 0.31, 0.42, 0.36)
        stages = tuple(
            replace(stage, busy_s=stage.busy_s + share * wave, items=stage.items + 60, queued=queued)
            for stage, share, queued in zip(self.view.snapshot.stages, shares, (4, 4, 1, 0, 1, 0), strict=True)
        )
        passed = self.view.snapshot.elapsed_s + 1
        self.set(stages=stages, elapsed_s=passed, fps=61.3 * float(wave))


class StillApp(FakeApp):
    """Its renders stand still."""

    def start_watch(self, record: JobRecord) -> FakeWatch:
        return StillWatch(record)


def fill(store: JobStore, folder: Path, *, live: bool) -> None:
    """Ten renders in all states."""

    def add(name: str, model: str, **changes: object) -> JobRecord:
        stem = Path(name).stem
        request = render_request(name, f"{stem}.alpha.mov", model=model)
        clip = asdict(Clip(1920, 1080, 29.97, "yuv420p", None)) if "error" not in changes else None
        frames = int(changes.pop("frames", 0)) or None  # type: ignore[call-overload]
        record = store.add(request, folder=folder, frames=frames, clip=clip)
        return store.update(record.id, created_at=_NOW, **changes)

    def done(frames: int, octets: int, state: str = "finished", **changes: object) -> dict[str, object]:
        summary = replace(SUMMARY, frames=frames, bytes_written=octets, state=state, **changes)  # type: ignore[arg-type]
        return summary.to_json()

    running = {"state": RecordState.RUNNING, "pid": os.getpid(), "started_at": _NOW - 69}
    ended = {"started_at": _NOW - 4000, "ended_at": _NOW - 3000}
    add("interview.mp4", "tiny", frames=6581, **running)
    add("drone_over_the_bay.mov", "general", frames=12400)
    add("plates_%05d.exr", "matting", frames=2400)
    add("dancer.mp4", "hr", frames=1820, held=True)
    add("broken.avi", "lite", state=RecordState.FAILED, error="broken.avi: moov atom not found", exit_code=66, **ended)
    add("take_01.mp4", "tiny", frames=1800, state=RecordState.FINISHED, result=done(1800, 345_000_000), **ended)
    add("take_02.mp4", "tiny", frames=2210, state=RecordState.FINISHED, result=done(2210, 420_000_000), **ended)
    stopped = done(900, 120_000_000, "cancelled", total=4100, outputs=("walk.alpha.partial.mov",))
    add("walk.mp4", "general", frames=4100, state=RecordState.CANCELLED, result=stopped, **ended)
    add("portrait.mov", "portrait", frames=640)
    if live:
        record = store.add(live_request("/dev/video0"), folder=folder, queued=False)
        store.update(record.id, created_at=_NOW, **running)


def new_app(folder: Path, theme: str, *, live: bool = False) -> StillApp:
    """An application with renders of a folder."""
    store = JobStore(folder / "jobs")
    if live is not None:
        fill(store, folder, live=live)
    return StillApp(store, Settings(theme=theme))


def _record(app: StillApp, source: str) -> JobRecord:
    return next(each for each in app.store.records() if each.source == source)


async def _monitor(app: StillApp, pilot: Pilot[int]) -> None:
    record = _record(app, "interview.mp4")
    watch = app.watch_of(record)
    assert isinstance(watch, StillWatch)
    watch.set(stages=STAGES, total=6581, state=SNAPSHOT.state)
    app.open_render(record)
    await settle(pilot)
    began = time.monotonic()
    for second in range(_HISTORY):
        watch.step(second)
        load = 1.6 + 0.3 * np.sin(second / 13)
        app.telemetry.latest = Reading(
            float(load),
            8,
            3_100_000_000 + 2_000_000 * second,
            None,
            "figures of a GPU need the extra gpu",
            16_000_000_000,
        )
        app.screen._history.remember(watch.view.snapshot, app.telemetry.latest, began + second)  # type: ignore[attr-defined]
    watch.set(fps=61.3)
    app.screen._tick()  # type: ignore[attr-defined]


async def _wipe(app: StillApp, pilot: Pilot[int]) -> None:
    await _monitor(app, pilot)
    await pilot.press("w")


async def _stopping(app: StillApp, pilot: Pilot[int]) -> None:
    await _monitor(app, pilot)
    await pilot.press("c")


async def _queue(app: StillApp, pilot: Pilot[int]) -> None:
    app.show_queue()


async def _home(app: StillApp, pilot: Pilot[int]) -> None:
    for index, name in enumerate(("dancer.mp4", "drone_over_the_bay.mov", "interview.mp4", "take_01.mp4", "walk.mp4")):
        path = Path(name)
        path.write_bytes(b"")
        os.truncate(path, (345 + 97 * index) * 10**6)
        os.utime(path, (_NOW - 5000 * index, _NOW - 5000 * index))
    app.show_home()


async def _jump(app: StillApp, pilot: Pilot[int]) -> None:
    await _new(app, pilot)
    await settle(pilot)
    await pilot.press("ctrl+g")


async def _failed(app: StillApp, pilot: Pilot[int]) -> None:
    app.open_render(_record(app, "broken.avi"))


async def _summary(app: StillApp, pilot: Pilot[int]) -> None:
    Path("take_01.alpha.mov").write_bytes(b"")
    app.open_render(_record(app, "take_01.mp4"))


async def _new(app: StillApp, pilot: Pilot[int]) -> None:
    Path("dancer.mp4").write_bytes(b"")
    app.push_screen(NewScreen(FormValues(source="dancer.mp4", also={"mask": "+"})))
    await settle(pilot)
    await _frame(app, pilot)


async def _frame(app: StillApp, pilot: Pilot[int]) -> None:
    """A frame in the form's pane, where there is room for it."""
    pane = app.screen.query_one(FramePane)
    view = pane.query_one(PictureView)
    if not view.is_on_screen:
        return
    pane._set_time(62.5)
    pane._show(picture(view.size.width, 2 * view.size.height), "tiny")


async def _empty_form(app: StillApp, pilot: Pilot[int]) -> None:
    app.push_screen(NewScreen(FormValues()))


async def _subject(app: StillApp, pilot: Pilot[int]) -> None:
    said = (parse_prompt("box=20%,10%,60%,90%"), parse_prompt("12.4:point=50%,50%"))
    places = (Place(0.0, "0.00 s: subject: not sure"), Place(12.4, "12.40 s: subject: lost"))
    subjects = Subjects(
        source=Path("in.mp4"), read=InputSpec(), said=said, places=places, size=(1920, 1080), seconds=219.6
    )
    app.push_screen(SubjectScreen(subjects))


async def _live(app: StillApp, pilot: Pilot[int]) -> None:
    app.open_render(next(each for each in app.store.records() if each.is_live))


async def _help(app: StillApp, pilot: Pilot[int]) -> None:
    await _monitor(app, pilot)
    await pilot.press("question_mark")


async def _options(app: StillApp, pilot: Pilot[int]) -> None:
    await _queue(app, pilot)
    await pilot.press("f2")


async def _palette(app: StillApp, pilot: Pilot[int]) -> None:
    await _monitor(app, pilot)
    await pilot.press("ctrl+p")


async def _themes(app: StillApp, pilot: Pilot[int]) -> None:
    await _monitor(app, pilot)
    await pilot.press("T")


async def _completion(app: StillApp, pilot: Pilot[int]) -> None:
    Path("clips").mkdir()
    for name in ("clip_01.mp4", "clip_02.mov", "clip_03.mp4"):
        Path(name).write_bytes(b"")
    app.push_screen(NewScreen(FormValues()))
    await settle(pilot)
    await pilot.press(*"cl", "down")


async def _session(app: StillApp, pilot: Pilot[int]) -> None:
    """A live session that has ended."""
    Path("me.mp4").write_bytes(bytes(2_400_000))
    record = app.store.add(live_request("/dev/video0", "me.mp4"), folder=Path.cwd(), queued=False)
    app.open_render(app.store.update(record.id, state=RecordState.FINISHED, started_at=_NOW, ended_at=_NOW + 61))


Opening = Callable[[StillApp, Pilot[int]], Awaitable[None]]
VIEWS: dict[str, Opening] = {
    "home": _home,
    "monitor": _monitor,
    "wipe": _wipe,
    "stopping": _stopping,
    "queue": _queue,
    "failed": _failed,
    "summary": _summary,
    "new": _new,
    "empty-form": _empty_form,
    "subject": _subject,
    "live": _live,
    "help": _help,
    "palette": _palette,
    "options": _options,
    "jump": _jump,
    "themes": _themes,
    "completion": _completion,
    "session": _session,
}


def stand_still() -> None:
    """Nothing moves, decodes or asks the machine any more."""
    import birefnet_video.tui.new as new
    import birefnet_video.tui.render_lines as render_lines
    from birefnet_video.tui.telemetry import Telemetry

    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    Telemetry.start = lambda self: None  # type: ignore[method-assign]
    SourceChild.frame = source_frame  # type: ignore[method-assign]
    new.probe = lambda source: FACTS
    render_lines.time.localtime = lambda at=None: time.gmtime(0 if at is None else at)  # type: ignore[assignment]
