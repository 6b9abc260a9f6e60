"""The screen of all renders: those that wait, run or have ended."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.text import bar, clock, count, shortened
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from birefnet_video.events import JobState
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_TICK_S = 1.0
_MARKS = {
    RecordState.WAITING: "· waits",
    RecordState.RUNNING: "▶ runs",
    RecordState.FINISHED: "✔ done",
    RecordState.FAILED: "✖ failed",
    RecordState.CANCELLED: "■ stopped",
}
#: The same while it was asked for something that takes time.
_ASKED = {"pause": "‖ pausing", "resume": "▶ going on", "cancel": "■ stopping"}
#: Columns from which names of files have more room.
_BROAD = 100
_COLUMNS = ("state", "input", "output", "frames", "progress", "fps", "ETA")


class QueueScreen(Screen[None]):
    """The queue, which outlives the program."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("queue"),
        Binding("n,a", "new", "Add", id="queue.new", tooltip="A new render"),
        Binding("enter", "open", "Open", id="queue.open", tooltip="Watch it, or see how it ended"),
        Binding("space", "pause", "Pause", id="queue.pause"),
        Binding("K,shift+up", "move(-1)", "Earlier", id="queue.earlier"),
        Binding("J,shift+down", "move(1)", "Later", id="queue.later"),
        Binding("r", "retry", "Retry", id="queue.retry"),
        Binding("d,delete", "remove", "Remove", id="queue.remove", tooltip="Stop it, or forget it; files stay"),
        Binding("x", "clear", "Clear ended", id="queue.clear"),
    ]

    def __init__(self, store: JobStore) -> None:
        """
        Args:
            store: of the records.
        """
        super().__init__()
        self._store = store
        self._records: list[JobRecord] = []
        self._rows: dict[str, tuple[str, ...]] = {}

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Static(id="title")
        with Vertical(classes="pane", id="queue-pane"):
            yield DataTable(id="renders", cursor_type="row", zebra_stripes=True)
        with Vertical(classes="pane", id="detail-pane"):
            yield Static(id="detail")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#queue-pane").border_title = "renders"
        self.query_one("#detail-pane").border_title = "this one"
        table = self.query_one(DataTable)
        for column in _COLUMNS:
            table.add_column(column, key=column)
        self.set_interval(_TICK_S, self.look)
        self.look()

    def on_screen_resume(self) -> None:
        """See Textual."""
        if self.is_mounted and self.query(DataTable):
            self.look()

    def look(self) -> None:
        """Show the records as they are now."""
        if not self.is_active:
            return
        self._records = self._store.records()
        rows = {record.id: self._row(record) for record in self._records}
        table = self.query_one(DataTable)
        if list(rows) != list(self._rows):
            chosen, row_before = self.chosen, table.cursor_row
            table.clear()
            for record_id, row in rows.items():
                table.add_row(*(Text(cell) for cell in row), key=record_id)
            stays = chosen is not None and chosen.id in rows
            table.move_cursor(row=list(rows).index(chosen.id) if chosen and stays else row_before)
        else:
            for record_id, row in rows.items():
                for column, old, new in zip(_COLUMNS, self._rows[record_id], row, strict=True):
                    if old != new:
                        table.update_cell(record_id, column, Text(new), update_width=True)
        self._rows = rows
        self._show_title()
        self._show_detail()

    @property
    def chosen(self) -> JobRecord | None:
        """The record under the cursor."""
        table = self.query_one(DataTable)
        keys = list(self._rows)
        if not 0 <= table.cursor_row < len(keys):
            return None
        found = [record for record in self._records if record.id == keys[table.cursor_row]]
        return found[0] if found else None

    def on_data_table_row_highlighted(self) -> None:
        """See Textual."""
        self._show_detail()

    def on_data_table_row_selected(self) -> None:
        """See Textual."""
        self.action_open()

    def _row(self, record: JobRecord) -> tuple[str, ...]:
        source, output = Path(record.source).name, ", ".join(Path(path).name for path in _files(record))
        room = 24 if self.size.width >= _BROAD else 16
        names = (shortened(source, room), shortened(output, room))
        mark = _MARKS[record.state]
        done, total, fps, eta = record.written or 0, record.frames, 0.0, ""
        if record.state is RecordState.RUNNING:
            view = self.app.watch_of(record).view
            snapshot = view.snapshot
            done, total, fps = snapshot.written, snapshot.total, snapshot.fps
            eta = clock(snapshot.eta_s) if snapshot.eta_s is not None else ""
            mark = "‖ paused" if snapshot.state is JobState.PAUSED else mark
            mark = _ASKED.get(view.asked or "", mark)
        elif record.held and record.state is RecordState.WAITING:
            mark = "‖ held"
        elif record.result is not None:
            done, fps = record.result.get("frames", 0), record.result.get("fps", 0.0)
            total = done if record.state is RecordState.FINISHED else record.result.get("total") or total
        if record.is_live:
            # A camera has no end to be a share of.
            return mark, *names, "", "", "", ""
        share = done / total if total else 0.0
        known = f"{bar(share, 6)} {share:4.0%}" if total or done else ""
        is_over = record.state.is_over
        return mark, *names, _of(done if is_over else 0, total), known, f"{fps:.1f}" if fps else "", eta

    def _show_title(self) -> None:
        counts = [
            f"{sum(record.state is state for record in self._records)} {word}"
            for state, word in (
                (RecordState.RUNNING, "running"),
                (RecordState.WAITING, "waiting"),
                (RecordState.FAILED, "failed"),
                (RecordState.FINISHED, "done"),
            )
        ]
        total = self._total_eta()
        eta = f"   total ETA {clock(total)}" if total is not None else ""
        self.query_one("#title", Static).update(Text.assemble((" RENDERS   ", "bold"), " · ".join(counts), eta))

    def _total_eta(self) -> float | None:
        """What runs, and what waits at the pace of what runs, as long as its length is known from an earlier run."""
        running = [record for record in self._records if record.state is RecordState.RUNNING]
        if not running:
            return None
        snapshots = [self.app.watch_of(record).view.snapshot for record in running]
        if any(snapshot.eta_s is None for snapshot in snapshots):
            return None
        left = max(snapshot.eta_s or 0.0 for snapshot in snapshots)
        pace = max(snapshot.fps for snapshot in snapshots)
        for record in self._records:
            if record.waits_for_its_turn:
                if record.frames is None or pace <= 0:
                    return None
                left += record.frames / pace
        return left

    def _show_detail(self) -> None:
        record = self.chosen
        detail = self.query_one("#detail", Static)
        if record is None:
            detail.update(Text("nothing here yet: n adds a render"))
            return
        lines = [record.command]
        if record.error:
            lines.insert(0, f"✖ {record.error}")
        detail.update(Text("\n".join(lines)))

    def action_new(self) -> None:
        """Begin a new render."""
        self.app.show_form()

    def action_open(self) -> None:
        """Watch a render, or see how it ended."""
        if self.chosen is not None:
            self.app.open_render(self.chosen)

    def action_pause(self) -> None:
        """Pause a render, or go on; the turn of one that waits passes by."""
        record = self.chosen
        if record is not None and record.state is RecordState.WAITING:
            self.app.attempt(lambda: self._store.hold(record.id, held=not record.held))
            if record.held:
                self.app.start_queue()
            self.look()
            return
        if record is None or record.state is not RecordState.RUNNING:
            self.notify("only a render that runs or waits can be paused")
            return
        watch = self.app.watch_of(record)
        if watch.view.snapshot.state is JobState.PAUSED:
            watch.resume()
        else:
            watch.pause()
        self.look()

    def action_move(self, steps: int) -> None:
        """Move a render that waits."""
        if self.chosen is not None:
            chosen = self.chosen
            self.app.attempt(lambda: self._store.move(chosen.id, steps))
            self.look()

    def action_retry(self) -> None:
        """Put a render that has ended back into the queue."""
        if self.chosen is not None and self.chosen.state.is_over:
            self.app.retry(self.chosen)
            self.look()

    def action_remove(self) -> None:
        """Stop a render that runs, or forget one that does not."""
        record = self.chosen
        if record is None:
            return
        if record.state is not RecordState.RUNNING:
            self.app.attempt(lambda: self._store.remove(record.id))
            self.look()
            return
        watch = self.app.watch_of(record)
        answers = {"keep": ("k", "Stop, keep the part"), "discard": ("d", "Stop, remove it")}
        self.app.push_screen(Choice("Stop this render?", answers), lambda answer: self._stop(watch, answer))

    def _stop(self, watch: Watch, answer: str | None) -> None:
        if answer is not None:
            watch.cancel(keep=answer == "keep")
            self.call_after_refresh(self.look)

    def action_clear(self) -> None:
        """Forget all renders that have ended; their files stay."""
        for record in self._records:
            if record.state.is_over:
                self.app.attempt(lambda record=record: self._store.remove(record.id))  # type: ignore[misc]
        self.look()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()


def _files(record: JobRecord) -> list[str]:
    """Outputs, or what is left of them."""
    kept = (record.result or {}).get("outputs", [])
    return kept if record.state.is_over and kept else list(record.outputs)


def _of(done: int, total: int | None) -> str:
    if total is None or done == total:
        return count(done) if done else ""
    return f"{count(done)}/{count(total)}" if done else count(total)
