"""What a render says of itself in a row of the queue, and in which order and selection rows stand."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birefnet_video.tui.inks import Inks
from birefnet_video.tui.render_lines import ink_of
from birefnet_video.tui.text import clock, count, progress, shortened, size
from rich.text import Text

from birefnet_video.events import JobState
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.watcher import JobView

_MARKS = {
    RecordState.WAITING: "· waits",
    RecordState.RUNNING: "▶ runs",
    RecordState.FINISHED: "✔ done",
    RecordState.FAILED: "✖ failed",
    RecordState.CANCELLED: "■ stopped",
}
#: The same while it was asked for something that takes time.
_ASKED = {"pause": "‖ pausing", "resume": "▶ going on", "cancel": "■ stopping"}
#: Columns of a screen, and the columns of the table that it has room for.
_COLUMNS = (
    (
        190,
        (
            *("state", "input", "output", "picture", "length", "model", "frames"),
            *("progress", "fps", "ETA", "result", "started"),
        ),
    ),
    (150, ("state", "input", "picture", "length", "model", "progress", "ETA", "result", "started")),
    (110, ("state", "input", "output", "length", "model", "frames", "progress", "fps", "ETA")),
    (76, ("state", "input", "model", "frames", "progress", "ETA")),
    (0, ("state", "input", "progress", "ETA")),
)
#: By name: what the table can be sorted by.
ORDERS: dict[str, Callable[[JobRecord], Any]] = {
    "queue": lambda record: (record.position, record.id),
    "state": lambda record: (list(RecordState).index(record.state), record.position),
    "name": lambda record: (Path(record.source).name.lower(), record.position),
    "started": lambda record: -(record.started_at or 0.0),
    "result": lambda record: -((record.result or {}).get("bytes_written") or 0),
}
#: The column that says by what the table is sorted, and the order that a click on a column means.
BY_COLUMN = {"state": "state", "input": "name", "result": "result", "started": "started"}


def columns_for(width: int) -> tuple[str, ...]:
    """Columns of the table on a screen of that many columns."""
    return next(names for least, names in _COLUMNS if width >= least)


def chosen_of(records: Sequence[JobRecord], words: str, order: str) -> list[JobRecord]:
    """Those that all ``words`` are found in, sorted.

    Args:
        records: in the order of the queue.
        words: looked for in name, outputs, state and model.
        order: one of :data:`ORDERS`.
    """
    wanted = words.lower().split()
    return sorted((each for each in records if all(word in _searched(each) for word in wanted)), key=ORDERS[order])


def _searched(record: JobRecord) -> str:
    return " ".join((record.source, *record.outputs, _MARKS[record.state], model_of(record))).lower()


def model_of(record: JobRecord) -> str:
    """The network that was asked for."""
    model = record.request.get("spec", {}).get("backend", {}).get("model") or ""
    return Path(str(model)).name


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a render is."""

    mark: str
    state: str
    """Names the colour of the mark."""
    done: int
    total: int | None
    fps: float
    eta: str

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.done / self.total if self.total else 0.0


def progress_of(record: JobRecord, view: JobView | None) -> Progress:
    """
    Args:
        record: of the render.
        view: of one that runs.
    """
    mark, state = _MARKS[record.state], str(record.state)
    done, total, fps, eta = record.written or 0, record.frames, 0.0, ""
    if view is not None and record.state is RecordState.RUNNING:
        snapshot = view.snapshot
        done, total, fps = snapshot.written, snapshot.total, snapshot.fps
        eta = clock(snapshot.eta_s) if snapshot.eta_s is not None else ""
        if snapshot.state is JobState.PAUSED:
            mark, state = "‖ paused", "paused"
        if view.asked:
            mark, state = _ASKED[view.asked], "paused"
    elif record.held and record.state is RecordState.WAITING:
        mark = "‖ held"
    elif record.result is not None:
        done, fps = record.result.get("frames", 0), record.result.get("fps", 0.0)
        total = done if record.state is RecordState.FINISHED else record.result.get("total") or total
    return Progress(mark, state, done, total, fps, eta)


def cells(record: JobRecord, far: Progress, width: int, inks: Inks, *, is_marked: bool) -> dict[str, Text]:
    """All that a row can say, by column.

    Args:
        record: of the render.
        far: how far it is.
        width: of the screen.
        inks: colours.
        is_marked: it is one of several that are meant.
    """
    room = 26 if width >= 190 else 20 if width >= 110 else 16
    names = ", ".join(Path(path).name for path in files_of(record))
    ink = ink_of(far.state, inks)
    found = {
        "state": Text(("● " if is_marked else "") + far.mark, f"bold {ink}" if ink != inks.quiet else ""),
        "input": Text(shortened(Path(record.source).name, room), f"bold {inks.accent}" if is_marked else ""),
        "output": Text(shortened(names, room)),
        "model": Text(shortened(model_of(record), 10)),
        "picture": Text(_picture(record)),
        "length": Text(_length(record)),
        "result": Text(_result(record)),
        "started": Text(when(record.started_at)),
    }
    if record.is_live:
        # A camera has no end to be a share of.
        return found | {name: Text("") for name in ("frames", "progress", "fps", "ETA")}
    is_over = record.state.is_over
    known = bool(far.total or far.done)
    bar = progress(far.share, 10)
    full = int(min(far.share, 1.0) * 10)
    return found | {
        "frames": Text(_of(far.done if is_over else 0, far.total)),
        "progress": Text.assemble((bar[:full], ink), (bar[full:], inks.quiet), f" {far.share:4.0%}")
        if known
        else Text(""),
        "fps": Text(f"{far.fps:.1f}" if far.fps else ""),
        "ETA": Text(far.eta.removeprefix("00:")),
    }


def files_of(record: JobRecord) -> list[str]:
    """Outputs, or what is left of them."""
    kept = (record.result or {}).get("outputs", [])
    return kept if record.state.is_over and kept else list(record.outputs)


def when(at: float | None) -> str:
    """A moment of today as its time, another one with its day."""
    if at is None:
        return ""
    moment, today = time.localtime(at), time.localtime()
    is_today = (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M" if is_today else "%d %b %H:%M", moment)


def _picture(record: JobRecord) -> str:
    return f"{record.clip['width']}x{record.clip['height']}" if record.clip else ""


def _length(record: JobRecord) -> str:
    rate = (record.clip or {}).get("rate")
    return clock(record.frames / rate).removeprefix("00:") if rate and record.frames else ""


def _result(record: JobRecord) -> str:
    octets = (record.result or {}).get("bytes_written")
    return size(octets) if octets else ""


def _of(done: int, total: int | None) -> str:
    if total is None or done == total:
        return count(done) if done else ""
    return f"{count(done)}/{count(total)}" if done else count(total)
