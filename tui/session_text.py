"""How a live session went, in lines."""

from pathlib import Path

from birefnet_video.tui.inks import PLAIN, Inks
from birefnet_video.tui.text import clock, count, pace, size
from rich.text import Text

from birefnet_video.events import LiveSnapshot
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.watcher import JobView


def session_text(view: JobView, inks: Inks = PLAIN) -> Text:
    """
    Args:
        view: of a session that is over.
        inks: colours.
    """
    record, live = view.record, view.live
    lines = [
        Text(f"✖ {record.error}", f"bold {inks.bad}".strip())
        if record.error
        else Text("✔ the session has ended", f"bold {inks.good}".strip())
    ]
    lines += [Text(f"  {words}") for words in _recordings(record)] or [Text("  nothing was recorded")]
    if live is not None:
        lines += [Text(""), *map(Text, _figures(live))]
    notes = [line for line in view.lines if line.level != "info"]
    lines += [Text(""), *(Text(f"! {line.text}", inks.warn) for line in notes)] if notes else []
    return Text("\n").join([*lines, Text(""), Text(f"same again:  {record.command}")])


def recordings(record: JobRecord) -> list[Path]:
    """Files that a session was to write, and that are there."""
    return [path for output in record.outputs if (path := Path(record.folder) / output).is_file()]


def _recordings(record: JobRecord) -> list[str]:
    return [f"recorded {path}, {size(path.stat().st_size)}" for path in recordings(record)]


def _figures(live: LiveSnapshot) -> list[str]:
    sees = f" at {live.size[1]}x{live.size[0]}" if live.size else ""
    lines = [
        f"{clock(live.live_s)} live, {clock(max(0.0, live.elapsed_s - live.live_s))} of loading and closing beside it",
        f"{count(live.shown)} of {count(live.taken)} pictures shown, {count(live.dropped)} dropped, "
        f"{count(live.reused)} unchanged   {pace(live.fps)}",
        f"{1000 * live.latency_p50_s:.0f} ms late, p95 {1000 * live.latency_p95_s:.0f}, longest "
        f"{1000 * live.latency_max_s:.0f}; the network {1000 * live.network_s:.0f} ms{sees}",
    ]
    lines += [f"times the camera was lost: {count(live.reconnects)}"] if live.reconnects else []
    return [*lines, *(f"{name}: {state}" for name, state in live.subjects.items())]
