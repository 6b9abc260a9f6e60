"""The screen of a render that has ended."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.again import is_guided
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.render_lines import MARKS, marked
from birefnet_video.tui.text import clock, count, pace, shortened, size
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from birefnet_video.events import JobState
from birefnet_video.renders.record import JobRecord, RecordState, left_behind
from birefnet_video.renders.summary import RunSummary
from birefnet_video.renders.watcher import JobView

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp


#: Columns of a time line, and findings about subjects that are listed.
_TIME_LINE, _MOST_NOTED = 60, 40


class SummaryScreen(Screen[None]):
    """What a render did, where its time went, and how to do it again."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("summary"),
        Binding("o", "folder", "Open folder", id="summary.folder"),
        Binding("y", "copy", "Copy command", id="summary.copy"),
        Binding("c", "correct", "Correct", id="summary.correct", tooltip="Mark the subject where it was lost"),
        Binding("r", "again", "Run again", id="summary.again"),
        Binding("j,escape", "jobs", "Queue", id="summary.jobs"),
        Binding("n,enter", "new", "New render", id="summary.new"),
    ]

    def __init__(self, view: JobView) -> None:
        """
        Args:
            view: of a render that is over.
        """
        super().__init__()
        self._ended = view

    @property
    def record(self) -> JobRecord:
        """Of the render."""
        return self._ended.record

    def compose(self) -> ComposeResult:
        """See Textual."""
        state = JobState(str(self.record.state))
        yield Static(Text.assemble((f" {MARKS[state]}   ", "bold"), self.record.source), id="title")
        with Vertical(classes="pane", id="summary-pane") as pane:
            pane.border_title = "summary"
            with VerticalScroll():
                yield Static(summary_text(self._ended), id="summary")
        yield Static(Text(_report_line(self._ended)), id="report")
        yield Footer(show_command_palette=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See Textual."""
        return is_guided(self.record) if action == "correct" else True

    def action_correct(self) -> None:
        """Ask for the render again, and mark the subject where it was lost."""
        self.app.asking.correct(self._ended)

    def action_folder(self) -> None:
        """Open the folder of the first output in the system's file manager."""
        folder = _folder(self.record)
        opener = {"darwin": "open", "win32": "explorer"}.get(sys.platform, "xdg-open")
        try:
            subprocess.Popen(
                [opener, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            self.notify(str(folder), title="opened", markup=False)
        except OSError:
            self.notify(str(folder), title="no file manager here; the folder is", markup=False)

    def action_copy(self) -> None:
        """Put the command into the terminal's clipboard."""
        self.app.copy_to_clipboard(self.record.command)
        self.notify(self.record.command, title="copied, if the terminal allows it", markup=False)

    def action_again(self) -> None:
        """Put the render back into the queue."""
        self.app.asking.retry(self.record)

    def action_jobs(self) -> None:
        """Show the queue."""
        self.app.show_queue(self.record)

    def action_new(self) -> None:
        """Begin another render."""
        self.app.show_form()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()


def _folder(record: JobRecord) -> Path:
    first = Path(record.outputs[0]) if record.outputs else Path()
    return (Path(record.folder) / first.parent).resolve()


def _report_line(view: JobView) -> str:
    if view.record.state is RecordState.FINISHED and view.record.outputs:
        stem = Path(view.record.outputs[0]).stem.partition("%")[0].rstrip("_-. ") or "pictures"
        return f"  report: {_folder(view.record) / f'{stem}.run.json'}"
    return ""


def summary_text(view: JobView) -> Text:
    """What a render did, in lines."""
    record, summary = view.record, view.summary
    if summary is None and record.is_live and record.error is None:
        return Text(f"✔ the session has ended\n\nsame again:  {record.command}")
    if summary is None:
        lines = [f"✖ {record.error or 'it was removed, or has left no report'}"]
        if record.written:
            of = f" of {count(record.frames)}" if record.frames else ""
            lines.append(f"  {count(record.written)}{of} frames were written")
        lines += [f"  left: {path}" for path in left_behind(record)]
        return Text("\n".join([*lines, "", f"same run:  {record.command}"]))
    text = Text()
    for paragraph in (
        *(_outcome(summary), _figures(summary), _subjects(summary)),
        *(_stages(summary), _findings(summary)),
    ):
        if paragraph:
            text.append("\n".join(paragraph) + "\n\n")
    text.append(f"same run:  {summary.command}")
    return text


def _outcome(summary: RunSummary) -> list[str]:
    if summary.state == JobState.FAILED:
        lines = [f"✖ exit {summary.exit_code}   {summary.error}"]
        lines += [f"  what to do: {summary.hint}"] if summary.hint else []
    elif summary.state == JobState.CANCELLED:
        lines = ["■ stopped"]
    else:
        lines = [f"✔ finished{', as far as the input could be read' if summary.exit_code else ''}"]
    kept = "" if summary.state == JobState.FINISHED else "kept what was written so far: "
    return lines + [f"  {kept}{path}" for path in summary.outputs]


def _figures(summary: RunSummary) -> list[str]:
    realtime = f"   {summary.realtime:.2f}x realtime" if summary.realtime else ""
    memory = f"   peak memory {size(summary.peak_memory)}" if summary.peak_memory else ""
    share = summary.gpu_share
    computed = "" if share is None else f"   the GPU computed mattes for {share:.0%} of the time"
    of = f" of {count(summary.total)}" if summary.total and summary.total != summary.frames else ""
    loading = f", loading {clock(summary.loading)}" if summary.loading else ""
    return [
        f"{count(summary.frames)}{of} frames in {clock(summary.seconds)}{loading}   {pace(summary.fps)}{realtime}",
        f"{size(summary.bytes_written)} written{memory}{computed}",
        *([summary.plan] if summary.plan else []),
    ]


def _subjects(summary: RunSummary) -> list[str]:
    """What became of subjects, and where on the time line."""
    if not summary.subjects:
        return []
    places = sum(noted.counts for noted in summary.subjects)
    lines = ["subjects: " + (f"{places} to look at, c corrects" if places else "nobody was lost")]
    lines += [marked("━" * _TIME_LINE, summary.subjects, summary.frames)] if places else []
    lines += [f"{'!' if noted.counts else ' '} {noted.words}" for noted in summary.subjects[:_MOST_NOTED]]
    more = len(summary.subjects) - _MOST_NOTED
    return [*lines, *([f"  and {count(more)} more"] if more > 0 else [])]


def _stages(summary: RunSummary) -> list[str]:
    if not summary.stages:
        return []
    lines = ["stage      busy   waits in   waits out      p50      p95"]
    for stage in summary.stages:
        total = max(1e-9, stage.busy_s + stage.waited_in_s + stage.waited_out_s)
        mark = "   ◀ limit" if stage.name == summary.limit else ""
        lines.append(
            f"{stage.name:<8}{stage.busy_s / total:>7.0%}{stage.waited_in_s / total:>11.0%}"
            f"{stage.waited_out_s / total:>12.0%}{1000 * stage.median_s:>9.1f}{1000 * stage.slow_s:>9.1f} ms{mark}"
        )
    return lines


def _findings(summary: RunSummary) -> list[str]:
    lines = []
    if summary.flicker:
        before, after = summary.flicker
        lines.append(f"flicker {before:.2f} before smoothing, {after:.2f} after   scene cuts {summary.cuts}")
    lines += [f"! {shortened(warning, 400)}" for warning in summary.warnings]
    lines += [f"faster: {each}" for each in summary.advice]
    return lines
