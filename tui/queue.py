"""The screen of all renders: those that wait, run or have ended."""

from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.dialogs import Choice
from birefnet_video.tui.inks import inks_of
from birefnet_video.tui.keys import ways_out
from birefnet_video.tui.queue_detail import DetailPane
from birefnet_video.tui.queue_rows import BY_COLUMN, ORDERS, Progress, cells, chosen_of, columns_for, progress_of
from birefnet_video.tui.queue_table import RenderTable
from birefnet_video.tui.queue_title import queue_title
from birefnet_video.tui.render_lines import in_short
from birefnet_video.tui.seen import is_seen
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from birefnet_video.events import JobState
from birefnet_video.renders.record import Forgotten, JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_TICK_S = 1.0


class QueueScreen(Screen[None]):
    """The queue, which outlives the program."""

    app: "BirefnetApp"
    AUTO_FOCUS = "#renders"

    BINDINGS: ClassVar[list[BindingType]] = [
        *ways_out("queue"),
        Binding("n,a", "new", "Add", id="queue.new", tooltip="A new render"),
        Binding("enter", "open", "Open", id="queue.open", tooltip="Watch it, or see how it ended"),
        Binding("space", "pause", "Pause", id="queue.pause", tooltip="Pause it or go on; one that waits is held"),
        Binding("e", "edit", "Edit", id="queue.edit", tooltip="Change a render that waits"),
        Binding("d,delete", "remove", "Remove", id="queue.remove", tooltip="Stop it, or forget it; files stay"),
        Binding("u", "undo", "Undo", id="queue.undo", tooltip="Bring back what was removed last"),
        Binding("slash", "filter", "Filter", key_display="/", id="queue.filter", tooltip="Only rows with these words"),
        Binding("s", "sort", "Sort", id="queue.sort", tooltip="By queue, state, name, start, size of the result"),
        Binding("m,insert", "mark", "Mark", id="queue.mark", tooltip="Mean several: keys are about all marked ones"),
        Binding("M", "mark_all", "Mark all", show=False, id="queue.mark_all", tooltip="All that are shown, or none"),
        Binding("K,shift+up", "move(-1)", "Earlier", id="queue.earlier"),
        Binding("J,shift+down", "move(1)", "Later", id="queue.later"),
        Binding("r", "retry", "Retry", id="queue.retry", tooltip="Put it back into the queue"),
        Binding("x", "clear", "Clear ended", id="queue.clear", tooltip="Forget all that have ended; files stay"),
        Binding("escape", "plain", "All rows", show=False, id="queue.plain", tooltip="No filter, no marks"),
    ]

    def __init__(self, store: JobStore) -> None:
        """
        Args:
            store: of the records.
        """
        super().__init__()
        self._store = store
        self._records: list[JobRecord] = []
        self._table, self._shown = RenderTable(), list[str]()
        self._order = "queue"
        self._words = ""
        self._marked: set[str] = set()
        self._forgotten: list[list[Forgotten]] = []

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield Static(id="title")
        with Horizontal(id="queue-panes"):
            with Vertical(classes="pane", id="queue-pane"):
                yield self._table
                yield Input(placeholder="words of name, state or model", compact=True, id="filter")
            yield DetailPane()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#queue-pane").border_title = "renders"
        self.query_one("#filter").display = False
        self.set_interval(_TICK_S, self.look)
        self.look()

    def on_resize(self) -> None:
        """See Textual."""
        self.call_after_refresh(self.look)

    def on_screen_resume(self) -> None:
        """See Textual."""
        if self.is_mounted:
            self.look()

    def on_screen_suspend(self) -> None:
        """See Textual."""
        if self.query(DetailPane):
            self.query_one(DetailPane).rest()

    def choose(self, record_id: str) -> None:
        """Have the cursor on this render, once it has a row."""
        self._table.choose(record_id)

    def look(self) -> None:
        """Show the records as they are now."""
        if not is_seen(self):
            return
        self._records = self._store.records()
        self._marked &= {record.id for record in self._records}
        rows = {record.id: self._row(record) for record in chosen_of(self._records, self._words, self._order)}
        self._shown = list(rows)
        self._table.show(rows, columns_for(self.size.width))
        subtitle = f"{len(self._marked)} marked" if self._marked else ""
        self.query_one("#queue-pane").border_subtitle = subtitle
        self._show_title()
        self._show_detail()

    @property
    def chosen(self) -> JobRecord | None:
        """The record under the cursor."""
        chosen = self._table.chosen
        return next((record for record in self._records if record.id == chosen), None)

    @property
    def meant(self) -> list[JobRecord]:
        """All marked ones, or the one under the cursor."""
        marked = [record for record in self._records if record.id in self._marked]
        return marked or ([self.chosen] if self.chosen is not None else [])

    def on_data_table_row_highlighted(self) -> None:
        """See Textual."""
        self._show_detail()

    def on_data_table_row_selected(self) -> None:
        """See Textual."""
        self.action_open()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """See Textual."""
        self._order = BY_COLUMN.get(str(event.column_key.value), "queue")
        self.look()

    def _watch_of(self, record: JobRecord) -> Watch | None:
        return self.app.watch_of(record) if record.state is RecordState.RUNNING else None

    def _far(self, record: JobRecord) -> Progress:
        watch = self._watch_of(record)
        return progress_of(record, watch.view if watch is not None else None)

    def _row(self, record: JobRecord) -> dict[str, Text]:
        is_marked = record.id in self._marked
        return cells(record, self._far(record), self.size.width, inks_of(self.app), is_marked=is_marked)

    def _show_title(self) -> None:
        watches = [watch for record in self._records if (watch := self._watch_of(record)) is not None]
        snapshots = [watch.view.snapshot for watch in watches]
        shown = f"sorted by {self._order}" if self._order != "queue" else ""
        found = f"{len(self._shown)} with “{self._words}”" if self._words else ""
        extra = [words for words in (found, shown) if words]
        self.query_one("#title", Static).update(queue_title(self._records, snapshots, extra, inks_of(self.app)))

    def _show_detail(self) -> None:
        if not is_seen(self):  # It must not ask for small pictures of what is watched meanwhile.
            return
        record = self.chosen
        far = self._far(record) if record is not None else None
        self.query_one(DetailPane).show(record, far, self._watch_of(record) if record is not None else None)

    def action_new(self) -> None:
        """Begin a new render."""
        self.app.show_form()

    def action_open(self) -> None:
        """Watch a render, or see how it ended."""
        if self.chosen is not None:
            self.app.open_render(self.chosen)

    def action_edit(self) -> None:
        """Change a render that waits."""
        if self.chosen is None or self.chosen.state is not RecordState.WAITING:
            self.notify("only a render that waits can be edited; r puts one that has ended back")
            return
        self.app.asking.edit(self.chosen)

    @on(Input.Changed, "#filter")
    def _on_filter(self, event: Input.Changed) -> None:
        self._words = event.value
        self.look()

    @on(Input.Submitted, "#filter")
    def _after_filter(self) -> None:
        self.query_one("#filter").display = bool(self._words)
        self._table.focus()

    def action_filter(self) -> None:
        """Show only rows with some words."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_plain(self) -> None:
        """Show all rows, mean one."""
        field = self.query_one("#filter", Input)
        field.value, field.display = "", False
        self._words, self._marked = "", set()
        self._table.focus()
        self.look()

    def action_sort(self) -> None:
        """Sort by the next thing."""
        names = list(ORDERS)
        self._order = names[(names.index(self._order) + 1) % len(names)]
        self.look()

    def action_mark(self) -> None:
        """Mean this one, too, and go on to the next."""
        if self.chosen is not None:
            self._marked ^= {self.chosen.id}
            self._table.action_cursor_down()
            self.look()

    def action_mark_all(self) -> None:
        """Mean all that are shown, or none."""
        self._marked = set(self._shown) - self._marked and set(self._shown)
        self.look()

    def action_pause(self) -> None:
        """Pause renders, or go on; the turn of one that waits passes by."""
        meant = [each for each in self.meant if each.state in (RecordState.RUNNING, RecordState.WAITING)]
        if not meant:
            self.notify("only a render that runs or waits can be paused")
        for record in meant:
            watch = self._watch_of(record)
            if watch is None:
                self.app.attempt(lambda record=record: self._store.hold(record.id, held=not record.held))  # type: ignore[misc]
                if record.held:
                    self.app.start_queue()
            elif watch.view.snapshot.state is JobState.PAUSED:
                watch.resume()
            else:
                watch.pause()
        self.look()

    def action_move(self, steps: int) -> None:
        """Move renders that wait."""
        self._order = "queue"
        meant = self.meant
        for record in reversed(meant) if steps > 0 else meant:
            self.app.attempt(lambda record=record: self._store.move(record.id, steps))  # type: ignore[misc]
        self.look()

    def action_retry(self) -> None:
        """Put renders that have ended back into the queue."""
        self.app.asking.retry([record for record in self.meant if record.state.is_over])
        self.look()

    def action_remove(self) -> None:
        """Stop renders that run, and forget those that do not."""
        running = [watch for record in self.meant if (watch := self._watch_of(record)) is not None]
        self._forget([record for record in self.meant if record.state is not RecordState.RUNNING])
        if running:
            question = "Stop this render?" if len(running) == 1 else f"Stop {len(running)} renders?"
            answers = {"keep": ("k", "Stop, keep the part"), "discard": ("d", "Stop, remove it")}
            dialog = Choice(question, answers, lambda: in_short(running[0].view, inks_of(self.app)))
            self.app.push_screen(dialog, lambda answer: self._stop(running, answer))

    def _stop(self, watches: list[Watch], answer: str | None) -> None:
        for watch in watches if answer is not None else ():
            watch.cancel(keep=answer == "keep")
        self.call_after_refresh(self.look)

    def action_clear(self) -> None:
        """Forget all renders that have ended; their files stay."""
        self._forget([record for record in self._records if record.state.is_over])

    def _forget(self, records: list[JobRecord]) -> None:
        gone: list[Forgotten | None] = []
        for record in records:
            self.app.attempt(lambda record=record: gone.append(self._store.remove(record.id)))  # type: ignore[misc]
        if found := [each for each in gone if each is not None]:
            self._forgotten.append(found)
            self.notify(f"{len(found)} forgotten, their files stay; u brings back")
        self.look()

    def action_undo(self) -> None:
        """Bring back what was removed last."""
        for each in self._forgotten.pop() if self._forgotten else ():
            self.app.attempt(lambda each=each: self._store.put_back(each))  # type: ignore[misc]
            self.choose(each.record.id)
        self.app.start_queue()
        self.look()

    async def action_leave(self) -> None:
        """Leave the program."""
        await self.app.action_quit()
