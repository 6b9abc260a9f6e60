"""The terminal interface: one application, its screens, and the renders that it watches."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from birefnet_video.tui import themes
from birefnet_video.tui.again import values_again
from birefnet_video.tui.dialogs import Choice, FilePicker, FrameDialog, Question
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.history import History
from birefnet_video.tui.keys import unknown_keys
from birefnet_video.tui.live import LiveScreen
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.queue import QueueScreen
from birefnet_video.tui.quitting import Quitting
from birefnet_video.tui.settings import Settings
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subjects import Place
from birefnet_video.tui.summary import SummaryScreen
from birefnet_video.tui.telemetry import Telemetry
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.renders.process import ensure_worker, launch
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import JobView, Watch, Watcher

#: What has keys that a user's settings can change, beside the application.
_HOMES = (
    *(QueueScreen, MonitorScreen, LiveScreen, SummaryScreen, NewScreen, SubjectScreen),
    *(Choice, FilePicker, FrameDialog, Question),
)


class BirefnetApp(App[int]):
    """Knows renders by their records; each runs in a process of its own, which no fault in here can reach."""

    TITLE = "birefnet-video"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (76, "-middle"),
        (110, "-broad"),
        (130, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-short"),
        (22, "-medium"),
        (40, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", show=False, id="app.help", tooltip="All keys of this screen"),
        Binding("t", "next_theme", "Theme", show=False, id="app.theme"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit"),
    ]

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        *,
        form: FormValues | None = None,
        blank: FormValues = FormValues(),  # noqa: B008 - it is frozen
    ) -> None:
        """
        Args:
            store: of the records.
            settings: of the user.
            form: begin with a new render of these values.
            blank: that any other new render begins with.
        """
        super().__init__()
        self.store = store
        self._settings = settings
        self._form = form
        self._blank = blank
        self._first: JobRecord | None = None
        #: The render that was started together with the interface.
        self.own_render: JobRecord | None = None
        self._quitting = Quitting(self)
        self._watches: dict[str, Watch] = {}
        self._histories: dict[str, History] = {}
        self.telemetry = Telemetry()

    def begin_with(self, record: JobRecord, *, own: bool) -> None:
        """Show this render first.

        Args:
            record: of the render.
            own: it was started together with the interface, and ends if that is terminated.
        """
        self._first, self.own_render = record, record if own else None

    def get_default_screen(self) -> Screen[object]:
        """See Textual."""
        return QueueScreen(self.store)  # type: ignore[return-value]

    def on_mount(self) -> None:
        """See Textual."""
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        self.theme = self._settings.theme or themes.suited(self.console.color_system)
        self.set_keymap(dict(self._settings.keys))
        for complaint in (*self._settings.complaints, *unknown_keys(self._settings.keys, (BirefnetApp, *_HOMES))):
            self.notify(complaint, title="settings", severity="warning", markup=False)
        self.telemetry.start()
        self._quitting.obey_signals()
        if self._first is not None:
            self.open_render(self._first)
        elif self._form is not None:
            self.push_screen(NewScreen(self._form))

    def on_unmount(self) -> None:
        """See Textual."""
        self.telemetry.close()
        for watch in self._watches.values():
            watch.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """See Textual: what keys do can also be searched."""
        yield from super().get_system_commands(screen)
        for active in screen.active_bindings.values():
            binding = active.binding
            if active.node is screen and binding.description and active.enabled:
                action = binding.action
                yield SystemCommand(
                    f"{type(screen).__name__.removesuffix('Screen').lower()}: {binding.description}",
                    binding.tooltip or f"key {binding.key}",
                    lambda action=action: self.call_later(screen.run_action, action),  # type: ignore[misc]
                )

    def watch_of(self, record: JobRecord) -> Watch:
        """The watch of a render; it is begun at the first call."""
        watch = self._watches.get(record.id)
        if watch is None or (watch.view.is_over and not record.state.is_over):
            watch = self._watches[record.id] = self.start_watch(record)
        return watch

    def start_watch(self, record: JobRecord) -> Watch:
        """Begin to watch a render."""
        return Watcher(self.store, record)

    def begin(self, values: FormValues, frames: int | None, *, queued: bool) -> None:
        """Start what a form describes, or put it into the queue.

        Args:
            values: without a problem.
            frames: of the input, if known.
            queued: wait for its turn.
        """
        records: list[JobRecord] = []
        if not self.attempt(lambda: records.extend(self._add(values, frames, queued=queued))):
            return
        if records[0].queued:
            self.start_queue()
            self.notify(f"{len(records)} in the queue" if len(records) > 1 else "in the queue")
            self.show_queue()
        else:
            self.show_queue()
            self.attempt(lambda: self.open_render(self.launch(records[0])))

    def _add(self, values: FormValues, frames: int | None, *, queued: bool) -> list[JobRecord]:
        sources = values.sources
        return [
            self.store.add(
                values.request(source),
                folder=Path.cwd(),
                frames=frames,
                # Several take turns, or they would take each other's time.
                queued=queued or len(sources) > 1,
            )
            for source in sources
        ]

    def launch(self, record: JobRecord) -> JobRecord:
        """Start the process of a render."""
        return launch(self.store, record)

    def start_queue(self) -> None:
        """Have what waits rendered."""
        ensure_worker(self.store)

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do something to the store; tell what is in the way, such as another program that was faster."""
        try:
            action()
        except BirefnetVideoError as error:
            self.notify(str(error), severity="error", markup=False)
            return False
        except OSError as error:
            self.notify(f"{error.filename}: {error.strerror}", severity="error", markup=False)
            return False
        return True

    def retry(self, record: JobRecord) -> None:
        """Put a render that has ended back into the queue; ask first if that replaces what it has made."""
        if record.state is not RecordState.FINISHED or record.overwrites:
            self._retry(record.id, overwrite=False)
            return
        question = f"Its outputs are there: {', '.join(record.outputs)}"
        answers = {"replace": ("o", "Replace them")}

        def replace(answer: str | None) -> None:
            if answer is not None:
                self._retry(record.id, overwrite=True)

        self.push_screen(Choice(question, answers), replace)

    def _retry(self, record_id: str, *, overwrite: bool) -> None:
        if self.attempt(lambda: self.store.retry(record_id, overwrite=overwrite)):
            if (watch := self._watches.pop(record_id, None)) is not None:
                watch.close()
            self.start_queue()
            self.show_queue()

    def open_render(self, record: JobRecord) -> None:
        """Watch a render, or see how it ended."""
        watch = self.watch_of(record)
        if record.state.is_over:
            self.show_summary(watch)
        else:
            history = self._histories.setdefault(record.id, History())
            self.push_screen(
                LiveScreen(watch, self.telemetry) if record.is_live else MonitorScreen(watch, self.telemetry, history)
            )

    def show_summary(self, watch: Watch) -> None:
        """Show how a render ended, in place of its monitor."""
        # A question about a render that has ended needs no answer any more.
        while isinstance(self.screen, Choice):
            self.pop_screen()
        if isinstance(self.screen, MonitorScreen):
            self.switch_screen(SummaryScreen(watch.view))
        else:
            self.push_screen(SummaryScreen(watch.view))
        self.bell()

    def show_queue(self) -> None:
        """Show the queue."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def show_form(self) -> None:
        """Describe a new render."""
        self.show_queue()
        self.push_screen(NewScreen(self._blank))

    def correct(self, view: JobView) -> None:
        """Describe a render that has ended once more, and mark its subject where it was lost."""
        values: list[FormValues] = []
        if not self.attempt(lambda: values.append(values_again(view.record))):
            return
        places = tuple(Place(noted.time_s, noted.words) for noted in view.subjects if noted.counts)
        self.show_queue()
        self.push_screen(NewScreen(values[0], places))
        if len(view.record.outputs) > 1:
            self.notify(f"a form has one result: {view.record.outputs[0]}", severity="warning", markup=False)

    def action_help(self) -> None:
        """Show all keys, or hide them."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """See Textual; into the folder that the program was started in, and where that is not writable it says so."""
        folder = path or str(Path.cwd())
        try:
            saved = self.save_screenshot(filename, folder, time_format)
        except OSError as error:
            self.notify(f"{folder}: {error.strerror}", title="no screenshot", severity="error", markup=False)
            return None
        self.notify(saved, title="screenshot", markup=False)
        return saved

    def action_next_theme(self) -> None:
        """Go on to the next theme."""
        names = themes.NAMES
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.notify(self.theme)

    async def action_quit(self) -> None:
        """See :class:`Quitting`: this is where all doors lead."""
        self._quitting.ask()

    def exit_status(self) -> int:
        """Of the program: that of the render it was started with, as far as it has ended."""
        watch = self._watches.get(self.own_render.id) if self.own_render is not None else None
        if watch is None or not watch.view.is_over:
            return 0
        return watch.view.summary.exit_code if watch.view.summary is not None else 1
