"""The pane of the render under the queue's cursor: its picture and all that is known of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.pictures import View, paint
from birefnet_video.tui.queue_rows import Progress, files_of, model_of, when
from birefnet_video.tui.render_lines import ink_of
from birefnet_video.tui.source_picture import SourcePicture
from birefnet_video.tui.text import clock, count, pace, size
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from birefnet_video.errors import UsageError
from birefnet_video.options.request import RenderRequest
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.watcher import Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_EMPTY = "No render yet.\n\nn   makes one\nEscape in the form leads back here"


class DetailPane(Horizontal):
    """Shows one record."""

    app: "BirefnetApp"

    def __init__(self) -> None:
        super().__init__(id="detail-pane", classes="pane")
        self.border_title = "this one"
        self._shown: object = None
        self._watch: Watch | None = None

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield SourcePicture(id="detail-picture")
        yield Static(id="detail")

    def show(self, record: JobRecord | None, far: Progress | None, watch: Watch | None) -> None:
        """
        Args:
            record: under the cursor.
            far: how far it is.
            watch: of one that runs.
        """
        detail = self.query_one("#detail", Static)
        if record is None or far is None:
            detail.update(Text(_EMPTY))
            self._look_at(None)
            return
        detail.update(self._words(record, far))
        self._look_at(watch)
        if watch is not None:
            self._show_running(watch)
        else:
            self._show_source(record)

    def rest(self) -> None:
        """No pictures for a screen that nobody sees."""
        self._look_at(None)

    def _look_at(self, watch: Watch | None) -> None:
        """Have pictures of this render only."""
        view = self.query_one(SourcePicture)
        wish = view.wish(every_s=2.0) if watch is not None and view.is_on_screen else None
        if self._watch is not None and self._watch is not watch:
            self._watch.want(None)
        if watch is not None:
            # Again and again: a monitor that is being closed asks for none, and may do so later.
            watch.want(wish)
        self._watch = watch if wish is not None else None

    def _show_running(self, watch: Watch) -> None:
        picture = watch.view.picture
        view = self.query_one(SourcePicture)
        key = (watch.view.record.id, picture and picture.index, view.size)
        if picture is None or key == self._shown or not view.is_on_screen:
            return
        self._shown = key
        view.forget_frame()
        view.show_small(paint(picture, View.COMPOSITE))

    def _show_source(self, record: JobRecord) -> None:
        view = self.query_one(SourcePicture)
        self._shown = None
        try:
            request = record.asked()
        except UsageError as error:
            view.clear(str(error))
            return
        if isinstance(request, RenderRequest):
            view.show_frame_of(Path(record.folder) / request.spec.source, request.spec.input)
        else:
            view.forget_frame()
            view.clear("a camera")

    def _words(self, record: JobRecord, far: Progress) -> Text:
        inks = inks_of(self.app)
        text = Text()
        for name, words in _facts(record, far):
            ink = ink_of(far.state, inks) if name == "state" else inks.bad if name == "error" else ""
            text.append(f"{name:<9}", inks.quiet)
            text.append(f"{words}\n", ink)
        return text


def _facts(record: JobRecord, far: Progress) -> list[tuple[str, str]]:
    """All that is known, in lines: a name and words."""
    found = [("state", far.mark)]
    if record.error:
        found.append(("error", record.error))
    found += [("input", record.source), *(("result", path) for path in files_of(record))]
    if record.clip:
        found.append(("picture", f"{record.clip['width']}x{record.clip['height']} at {record.clip['rate']:.4g} fps"))
    if far.total or far.done:
        is_part = bool(far.total and far.done and far.done != far.total)
        done = f"{count(far.done)} of {count(far.total or 0)}" if is_part else count(far.total or far.done)
        found.append(("frames", done))
    if model_of(record):
        found.append(("model", model_of(record)))
    if far.fps:
        found.append(("speed", pace(far.fps) + (f", ETA {far.eta}" if far.eta else "")))
    if record.started_at:
        found.append(("started", when(record.started_at) + _took(record)))
    if octets := (record.result or {}).get("bytes_written"):
        found.append(("size", size(octets)))
    if record.state is RecordState.WAITING:
        found.append(("next", "e edits it, J K move it, space holds it"))
    return [*found, ("command", record.command)]


def _took(record: JobRecord) -> str:
    return f", took {clock(record.ended_at - record.started_at)}" if record.ended_at and record.started_at else ""
