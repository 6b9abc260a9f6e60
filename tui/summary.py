"""The screen of a render that has ended."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.again import is_guided
from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.render_lines import MARKS, ink_of
from birefnet_video.tui.session_text import recordings
from birefnet_video.tui.source_picture import SourcePicture
from birefnet_video.tui.summary_text import summary_text
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from birefnet_video.errors import UsageError
from birefnet_video.events import JobState
from birefnet_video.options.input import InputSpec
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.watcher import JobView

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp


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
        self._result = _result_of(view.record)

    @property
    def record(self) -> JobRecord:
        """Of the render."""
        return self._ended.record

    def compose(self) -> ComposeResult:
        """See Textual."""
        state = JobState(str(self.record.state))
        mark = (f" {MARKS[state]}   ", f"bold {ink_of(state, inks_of(self.app))}")
        yield Static(Text.assemble(mark, self.record.source), id="title")
        inks = inks_of(self.app)
        with Horizontal(id="summary-panes"):
            with Vertical(classes="pane", id="summary-pane") as pane:
                pane.border_title = "summary"
                with VerticalScroll():
                    yield Static(summary_text(self._ended, inks), id="summary")
            with Vertical(id="summary-pictures"):
                with Vertical(classes="pane", id="summary-picture-pane") as pane:
                    pane.border_title = "recording" if self.record.is_live else "input"
                    yield SourcePicture(id="summary-picture")
                if self._result is not None:
                    with Vertical(classes="pane", id="summary-result-pane") as pane:
                        pane.border_title = "matte" if self._result[1] else "result"
                        yield SourcePicture(id="summary-result")
        yield Static(Text(_report_line(self._ended)), id="report")
        yield Footer(show_command_palette=False)

    def on_resize(self) -> None:
        """See Textual."""
        self.call_after_refresh(self._show_picture)

    def _show_picture(self) -> None:
        try:
            request = self.record.asked()
        except UsageError:
            return
        picture = self.query_one("#summary-picture", SourcePicture)
        if isinstance(request, RenderRequest):
            picture.show_frame_of(Path(self.record.folder) / request.spec.source, request.spec.input)
            if self._result is not None:
                path, is_matte = self._result
                self.query_one("#summary-result", SourcePicture).show_frame_of(path, InputSpec(), matte=is_matte)
        elif recorded := recordings(self.record):
            picture.show_frame_of(recorded[0], InputSpec())

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
        self.app.asking.retry([self.record])

    def action_jobs(self) -> None:
        """Show the queue."""
        self.app.show_queue(self.record)

    def action_new(self) -> None:
        """Begin another render."""
        self.app.show_form()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()


def _result_of(record: JobRecord) -> tuple[Path, bool] | None:
    """The first file of a render that is there, and whether it is a matte."""
    try:
        request = record.asked()
    except UsageError:
        return None
    if not isinstance(request, RenderRequest):
        return None
    files = ((Path(record.folder) / output.path, output.kind in ("alpha", "mask")) for output in request.spec.outputs)
    return next((found for found in files if found[0].is_file()), None)


def _folder(record: JobRecord) -> Path:
    first = Path(record.outputs[0]) if record.outputs else Path()
    return (Path(record.folder) / first.parent).resolve()


def _report_line(view: JobView) -> str:
    if view.record.state is RecordState.FINISHED and view.record.outputs and not view.record.is_live:
        stem = Path(view.record.outputs[0]).stem.partition("%")[0].rstrip("_-. ") or "pictures"
        return f"  report: {_folder(view.record) / f'{stem}.run.json'}"
    return ""
