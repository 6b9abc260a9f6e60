"""What each of several workers does, a line each."""

from collections.abc import Sequence

from birefnet_video.tui.inks import Inks
from birefnet_video.tui.text import progress, shortened
from rich.text import Text

from birefnet_video.events import WorkerSnapshot

#: States with their signs: never by colour alone.
_SIGNS = {"loading": "…", "waiting": "·", "working": "▶", "lost": "✖"}
#: Columns of a name at most.
_NAME = 24


def worker_lines(workers: Sequence[WorkerSnapshot], width: int, inks: Inks) -> list[Text]:
    """A line for each, and one about all.

    Args:
        workers: of a render.
        width: in columns.
        inks: colours.
    """
    working = sum(each.state == "working" for each in workers)
    room = min(_NAME, max(len(each.name) for each in workers), max(8, width - 24))
    lines = [_line(each, width, room, inks) for each in workers]
    return [*lines, Text(f"{working} of {len(workers)} workers at work", f"bold {inks.accent}".strip(), no_wrap=True)]


def _line(worker: WorkerSnapshot, width: int, room: int, inks: Inks) -> Text:
    ink = {"working": inks.good, "lost": inks.bad}.get(worker.state, inks.quiet)
    name = f"{_SIGNS[worker.state]} {shortened(worker.name, room):<{room}}"
    if worker.segment is None:
        return Text.assemble((name, ink), f" {worker.state}", no_wrap=True)
    words = f" segment {worker.segment + 1}  {worker.stored}/{worker.frames}"
    left = max(0, width - len(name) - len(words) - 1)
    share = worker.stored / worker.frames if worker.frames else 0.0
    bar = f" {progress(share, left)}" if left > 1 else ""
    return Text.assemble((name, ink), bar, words, no_wrap=True)
