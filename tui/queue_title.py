"""The line above the queue: how many renders are in which state, and when all of them are done."""

from collections.abc import Sequence

from birefnet_video.tui.inks import Inks
from birefnet_video.tui.render_lines import ink_of
from birefnet_video.tui.text import clock
from rich.text import Text

from birefnet_video.events import JobSnapshot
from birefnet_video.renders.record import JobRecord, RecordState

_COUNTED = (
    (RecordState.RUNNING, "▶", "running"),
    (RecordState.WAITING, "·", "waiting"),
    (RecordState.FAILED, "✖", "failed"),
    (RecordState.CANCELLED, "■", "stopped"),
    (RecordState.FINISHED, "✔", "done"),
)


def queue_title(records: Sequence[JobRecord], running: Sequence[JobSnapshot], extra: Sequence[str], inks: Inks) -> Text:
    """
    Args:
        records: all of the queue.
        running: snapshots of those that run.
        extra: what else is to be said.
        inks: colours.
    """
    text = Text(" RENDERS  ", "bold", no_wrap=True)
    total = total_eta(records, running)
    if total is not None:
        text.append(f"{clock(total)} left ", "not bold")
    for state, sign, word in _COUNTED:
        if number := sum(record.state is state for record in records):
            text.append(f" {sign} {number} {word} ", f"not bold {ink_of(str(state), inks)}")
    for words in extra:
        text.append(f"  {words}", "not bold")
    return text


def total_eta(records: Sequence[JobRecord], running: Sequence[JobSnapshot]) -> float | None:
    """What runs, and what waits at the pace of what runs, as long as its length is known from an earlier run."""
    if not running or any(snapshot.eta_s is None for snapshot in running):
        return None
    left = max(snapshot.eta_s or 0.0 for snapshot in running)
    pace = max(snapshot.fps for snapshot in running)
    for record in records:
        if record.waits_for_its_turn:
            if record.frames is None or pace <= 0:
                return None
            left += record.frames / pace
    return left
