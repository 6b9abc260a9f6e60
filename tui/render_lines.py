"""What a render says of itself, a line each: its state, how far it is, how long it takes."""

import time
from collections.abc import Sequence

from birefnet_video.tui.inks import PLAIN, Inks
from birefnet_video.tui.text import clock, pace, progress, shortened, size
from rich.text import Text

from birefnet_video.events import JobSnapshot, JobState
from birefnet_video.renders.watcher import JobView
from birefnet_video.renders.wire import Noted

#: How a render's state is shown: never by colour alone.
MARKS = {
    JobState.WAITING: "· WAITING",
    JobState.LOADING: "… LOADING",
    JobState.RUNNING: "▶ RENDERING",
    JobState.PAUSED: "‖ PAUSED",
    JobState.VERIFYING: "… CHECKING",
    JobState.FINISHED: "✔ DONE",
    JobState.CANCELLED: "■ STOPPED",
    JobState.FAILED: "✖ FAILED",
}
#: Share of a render from which its size can be told.
_KNOWN = 0.05
#: The same while it was asked for something that takes time.
_ASKED = {"pause": "‖ PAUSING", "resume": "▶ GOING ON", "cancel": "■ STOPPING"}


def ink_of(state: JobState | str, inks: Inks) -> str:
    """The colour of a state, beside its sign."""
    name = str(state)
    if name in ("failed", "cancelled"):
        return inks.bad
    if name in ("running", "finished"):
        return inks.good
    return inks.warn if name in ("paused", "loading", "verifying") else inks.quiet


def heading(view: JobView, width: int, inks: Inks) -> Text:
    """State, input and outputs, and what the input is, for that many columns."""
    state = view.snapshot.state if not view.is_over else JobState(view.record.state)
    right = ""
    if view.clip is not None:
        right = f"{view.clip.width}x{view.clip.height}  input {view.clip.rate:.4g} fps "
    left = f" {_ASKED.get(view.asked or '', MARKS[state])}   "
    what = f"{_base(view.record.source)} → {', '.join(_base(path) for path in view.record.outputs)}"
    room = width - len(left) - len(right) - 2
    what = shortened(what, max(0, room))
    ink = inks.warn if view.asked else ink_of(state, inks)
    return Text.assemble((left, f"bold {ink}"), what, " " * max(1, room - len(what) + 1), right, no_wrap=True)


def how_far(snapshot: JobSnapshot, width: int, noted: Sequence[Noted] = (), inks: Inks = PLAIN) -> Text:
    """A bar and the frames that are written, for that many columns, with the places where subjects were lost."""
    share = snapshot.written / snapshot.total if snapshot.total else 0.0
    words = f"  {share:4.0%}  {snapshot.written}/{snapshot.total}" if snapshot.total else f"  {snapshot.written} frames"
    room = max(10, width - 2) - len(words)
    line = marked(progress(share, room), noted, snapshot.total)
    full = int(min(share, 1.0) * room)
    text = Text.assemble((line[:full], f"bold {inks.good}".strip()), (line[full:], inks.quiet), words)
    for place, sign in enumerate(line):
        if sign == "!":
            text.stylize(f"bold {inks.warn}".strip(), place, place + 1)
    return text


def marked(line: str, noted: Sequence[Noted], total: int | None) -> str:
    """A time line with a ``!`` at each place to look at.

    Args:
        line: from the first frame to the last.
        noted: what became of subjects.
        total: number of frames, if known.
    """
    cells = list(line)
    for each in noted:
        if each.counts and total and cells:
            cells[min(len(cells) - 1, each.frame * len(cells) // total)] = "!"
    return "".join(cells)


def in_short(view: JobView, inks: Inks) -> Text:
    """A render in three lines, for dialogs about it."""
    name, snapshot = _base(view.record.source), view.snapshot
    mark = _ASKED.get(view.asked or "", MARKS[snapshot.state])
    text = Text.assemble((mark, f"bold {ink_of(snapshot.state, inks)}"), f"  {shortened(name, 36)}\n")
    text.append_text(how_far(snapshot, 56, view.subjects, inks))
    eta = f", {clock(snapshot.eta_s)} left" if snapshot.eta_s is not None else ""
    return text.append(f"\n{pace(snapshot.fps)}, {size(snapshot.bytes_written)} written{eta}\n")


def how_long(snapshot: JobSnapshot, width: int) -> Text:
    """What has passed and what is left, of time and of octets, for that many columns."""
    written = size(snapshot.bytes_written)
    expected = ""
    # Encoders hold their first frames back: what is written by then says nothing of the whole.
    if snapshot.total and snapshot.written >= _KNOWN * snapshot.total and snapshot.state is JobState.RUNNING:
        expected = f" → ~{size(snapshot.bytes_written * snapshot.total / snapshot.written)}"
    finish = ""
    if snapshot.eta_s is not None and snapshot.state is JobState.RUNNING and width >= 76:
        finish = f" (finishes {time.strftime('%H:%M:%S', time.localtime(time.time() + snapshot.eta_s))})"
    eta = clock(snapshot.eta_s) if snapshot.state is not JobState.PAUSED else "paused"
    speed = f"   {pace(snapshot.fps)}" if width >= 100 else ""
    # If it were cut off now, so many would not be made again.
    safe = f"   {snapshot.kept} frames safe" if snapshot.kept and width >= 120 else ""
    line = f" elapsed {clock(snapshot.elapsed_s)}   ETA {eta}{finish}   out {written}{expected}{speed}{safe}"
    return Text(line, no_wrap=True)


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2] or path
