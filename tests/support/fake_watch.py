"""A render for the terminal interface that stands still, and an application whose renders are such."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from birefnet_video.tui.app import BirefnetApp
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.source_frames import SourceChild, SourceFrame
from specs import render_request
from textual.pilot import Pilot
from wait import Patience

from birefnet_video.events import JobSnapshot, JobState, LiveSnapshot, LiveState, StageSnapshot
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import RunSummary
from birefnet_video.renders.watcher import JobView, PictureWish
from birefnet_video.renders.wire import Clip, LogLine, Picture

_BUSY = {"decode": 0.3, "prepare": 0.4, "infer": 60.0, "smooth": 8.0, "compose": 12.0, "encode": 9.0}
_VIDEOS = Path("/videos")
#: Seconds from one look at the screen to the next, and how many must see the same until it is taken to stand still.
_LOOK_S, _STILL_LOOKS = 0.05, 12
STAGES = tuple(
    StageSnapshot(
        name=name,
        items=4212,
        busy_s=busy,
        queued=1,
        capacity=4,
        waited_in_s=1.0,
        waited_out_s=68.0 - busy,
        median_s=busy / 4212,
        slow_s=2 * busy / 4212,
    )
    for name, busy in _BUSY.items()
)
SNAPSHOT = JobSnapshot(
    state=JobState.RUNNING,
    decoded=4300,
    written=4212,
    total=6581,
    elapsed_s=69.0,
    fps=61.3,
    eta_s=39.0,
    stages=STAGES,
    bytes_written=812_000_000,
)
LINES = (
    LogLine(0.0, "info", "model: tiny at 512x288"),
    LogLine(0.0, "note", "decoding in [software], not on the GPU"),
)
LIVE = LiveSnapshot(
    state=LiveState.LIVE,
    elapsed_s=61.0,
    taken=1830,
    shown=900,
    dropped=925,
    reused=5,
    fps=14.8,
    latency_p50_s=0.041,
    latency_p95_s=0.058,
    latency_max_s=0.112,
    network_s=0.022,
    size=(320, 448),
    reconnects=1,
    live_s=52.0,
)
SUMMARY = RunSummary(
    state="finished",
    exit_code=0,
    source="interview.mp4",
    outputs=("interview.alpha.mov",),
    bytes_written=1_270_000_000,
    frames=6581,
    total=6581,
    seconds=108.0,
    loading=4.0,
    fps=60.9,
    realtime=2.03,
    plan="tiny at 512x288, openvino on cpu, fp32, batch 1",
    stages=STAGES,
    limit="infer",
    advice=("-m lite, a smaller network",),
    flicker=(8.32, 5.27),
    cuts=3,
    warnings=("holds 8 bits [of 10]",),
    error=None,
    hint=None,
    command="birefnet-video interview.mp4 --alpha interview.alpha.mov",
    peak_memory=3_100_000_000,
)


def picture(index: int = 4212, size: tuple[int, int] = (88, 50)) -> Picture:
    """A soft disc before a gradient; width and height in ``size``."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot((rows - height / 2) / (0.3 * height), (columns - width / 2) / (0.25 * width))
    alpha = np.clip(255 * (1.4 - away), 0, 255).astype(np.uint8)
    rgb = np.stack([columns * 255 // width, rows * 255 // height, 255 - columns * 255 // width], -1).astype(np.uint8)
    return Picture(index, index / 30, rgb, alpha)


class FakeWatch:
    """See :class:`birefnet_video.renders.watcher.Watch`."""

    def __init__(self, record: JobRecord) -> None:
        clip = Clip(1920, 1080, 29.97, "yuv420p", 6581)
        summary = SUMMARY if record.state is RecordState.FINISHED else None
        live = LIVE if record.is_live else None
        self.view = JobView(
            record=record,
            snapshot=SNAPSHOT,
            clip=clip,
            plan=SUMMARY.plan,
            lines=LINES,
            picture=picture(),
            summary=summary,
            live=live,
        )
        self.wishes: list[PictureWish | None] = []
        self.orders: list[str] = []

    def want(self, wish: PictureWish | None) -> None:
        self.wishes.append(wish)

    def pause(self) -> None:
        self.orders.append("pause")
        self.set(state=JobState.PAUSED)

    def resume(self) -> None:
        self.orders.append("resume")
        self.set(state=JobState.RUNNING)

    def cancel(self, *, keep: bool) -> None:
        self.orders.append(f"cancel, keep={keep}")
        self.end(RecordState.CANCELLED)

    def tell(self, order: dict[str, object]) -> None:
        self.orders.append(str(order))
        names = {"mirror": ("mirror", "on"), "threshold": ("threshold", "value")}
        if order["do"] in names and self.view.live is not None:
            field, key = names[str(order["do"])]
            self.view = replace(self.view, live=replace(self.view.live, **{field: order[key]}))  # type: ignore[arg-type]

    def close(self) -> None:
        self.orders.append("close")

    def set(self, **changes: object) -> None:
        """Change the snapshot."""
        self.view = replace(self.view, snapshot=replace(self.view.snapshot, **changes))  # type: ignore[arg-type]

    def end(self, state: RecordState, **changes: object) -> None:
        """The render is over."""
        code = {RecordState.FINISHED: 0, RecordState.CANCELLED: 130}.get(state, 1)
        summary = replace(SUMMARY, state=str(state), exit_code=code, **changes)  # type: ignore[arg-type]
        self.view = replace(self.view, record=replace(self.view.record, state=state), summary=summary)


class FakeApp(BirefnetApp):
    """Starts nothing."""

    launched: list[str]
    worked = 0
    notes: tuple[str, ...] = ()
    """What it has told its user."""

    def notify(self, message: str, **options: Any) -> None:
        """Keep it: on a screen it goes away again, however long this machine takes to look."""
        self.notes = (*self.notes, message)
        super().notify(message, **options)

    def start_watch(self, record: JobRecord) -> FakeWatch:
        return FakeWatch(record)

    def launch(self, record: JobRecord) -> JobRecord:
        self.launched = [*getattr(self, "launched", []), record.id]
        return self.store.update(record.id, state=RecordState.RUNNING, pid=os.getpid())

    def start_queue(self) -> None:
        self.worked += 1


def make_store(folder: Path) -> JobStore:
    """A store with one render that runs, one that waits and two that have ended."""
    store = JobStore(folder / "jobs")
    running = store.add(render_request("interview.mp4", "interview.alpha.mov"), folder=_VIDEOS)
    store.update(running.id, state=RecordState.RUNNING, pid=os.getpid())
    store.add(render_request("drone.mov", "drone.alpha.mov"), folder=_VIDEOS, frames=613)
    failed = store.add(render_request("a[1].avi", "a.mov"), folder=_VIDEOS)
    store.update(failed.id, state=RecordState.FAILED, error="a[1].avi: moov atom not found", ended_at=2.0)
    done = store.add(render_request("take.mp4", "take.alpha.mov"), folder=_VIDEOS)
    store.update(done.id, state=RecordState.FINISHED, result=SUMMARY.to_json(), ended_at=3.0)
    return store


def make_app(store: JobStore, *, monitor: bool = True, own: bool = False, settings: Settings | None = None) -> FakeApp:
    """An application over ``store``, on the monitor of the render that runs or on the queue."""
    app = FakeApp(store, settings or Settings(theme="birefnet-dark"))
    if monitor:
        running = next(record for record in store.records() if record.state is RecordState.RUNNING)
        app.begin_with(running, own=own)
    return app


def screen_text(app: BirefnetApp) -> str:
    """What is on the screen, line by line."""
    lines = ("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())
    return "\n".join(line.rstrip() for line in lines)


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> bool:
    """Let the interface go on until something is so, which takes as long as the machine does; whether it became so."""
    patience = Patience()
    while not condition():
        if patience.is_over:
            print(screen_text(pilot.app))
            return False
        await pilot.pause(_LOOK_S)
    return True


async def settle(pilot: Pilot[int]) -> None:
    """Let the interface go on until nothing on the screen changes any more."""
    looks = [""]

    def is_still() -> bool:
        looks.append(screen_text(pilot.app))
        return len(looks) > _STILL_LOOKS and len(set(looks[-_STILL_LOOKS:])) == 1

    assert await until(pilot, is_still)


def source_frame(
    child: SourceChild, time: Fraction, size: tuple[int, int], is_wanted: Callable[[], bool] = lambda: True
) -> SourceFrame:
    """In place of :meth:`SourceChild.frame`: a picture of 16 to 9 that is there at every time."""
    lines = 2 * max(1, min(size[1], size[0] * 9 // 16) // 2)
    return SourceFrame(picture(size=(min(size[0], lines * 16 // 9), lines)).rgb, max(time, Fraction(0)))
