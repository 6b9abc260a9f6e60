"""The terminal interface: one application, its screens, and the renders that it watches.

A screen is imported when it is first shown: the first one is there the sooner.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui import themes
from birefnet_video.tui.asides import WithAsides
from birefnet_video.tui.endings import Endings
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.garbage import look_again
from birefnet_video.tui.history import History
from birefnet_video.tui.quitting import Quitting
from birefnet_video.tui.settings import Settings, default_path
from birefnet_video.tui.telemetry import Telemetry
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.renders.process import ensure_worker, launch
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import Watch, Watcher

if TYPE_CHECKING:
    from birefnet_video.tui.asking import Asking
    from birefnet_video.tui.queue import QueueScreen

#: Seconds from one look for ends of renders to the next.
_LOOK_S = 1.0
#: Seconds after which all that is shown first is there.
_STANDS_S = 2.0


class BirefnetApp(WithAsides):
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
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit", tooltip="From anywhere"),
    ]

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        *,
        form: FormValues | None = None,
        blank: FormValues = FormValues(),  # noqa: B008 - it is frozen
        home: bool = False,
    ) -> None:
        """
        Args:
            store: of the records.
            settings: of the user.
            form: begin with a new render of these values.
            blank: that any other new render begins with.
            home: begin with the clips of the folder.
        """
        super().__init__(store.folder.parent)
        self.store = store
        self._settings = settings
        self._form, self._home = form, home
        self._blank = blank
        self._first: JobRecord | None = None
        #: The render that was started together with the interface.
        self.own_render: JobRecord | None = None
        self._endings = Endings(self)
        self._quitting = Quitting(self)
        self._watches: dict[str, Watch] = {}
        self._histories: dict[str, History] = {}

    def begin_with(self, record: JobRecord, *, own: bool) -> None:
        """Show this render first.

        Args:
            record: of the render.
            own: it was started together with the interface, and ends if that is terminated.
        """
        self._first, self.own_render = record, record if own else None

    def get_default_screen(self) -> Screen[object]:
        """See Textual."""
        return self._home_screen() if self._home else self.queue  # type: ignore[return-value]

    @cached_property
    def queue(self) -> "QueueScreen":
        """The screen of all renders, which is the lowest one but for the clips that the program begins with."""
        from birefnet_video.tui.queue import QueueScreen

        return QueueScreen(self.store)

    @cached_property
    def telemetry(self) -> Telemetry:
        """What the machine does, from the first call on."""
        telemetry = Telemetry()
        telemetry.start()
        return telemetry

    @cached_property
    def asking(self) -> "Asking":
        """What forms are turned into."""
        from birefnet_video.tui.asking import Asking

        return Asking(self)

    @property
    def config_path(self) -> Path:
        """The file of settings and presets."""
        return self._settings.path or default_path()

    @property
    def fixed_theme(self) -> str | None:
        """That the user's file names, if it names one."""
        return self._settings.theme

    def on_mount(self) -> None:
        """See Textual."""
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        self.theme = self._settings.theme or self.preferences.theme or themes.suited(self.console.color_system)
        self.set_keymap(dict(self._settings.keys))
        for complaint in (*self._settings.complaints, *self._unknown_keys()):
            self.notify(complaint, title="settings", severity="warning", markup=False)
        self.set_interval(_LOOK_S, lambda: self._endings.look(self._watches))
        self.set_timer(_STANDS_S, look_again)
        self._quitting.obey_signals()
        if self._first is not None:
            self.open_render(self._first)
        elif self._form is not None:
            self._push_form(self._form)

    def _unknown_keys(self) -> list[str]:
        if not self._settings.keys:
            return []
        from birefnet_video.tui.keyed import HOMES
        from birefnet_video.tui.keys import unknown_keys

        return unknown_keys(self._settings.keys, (BirefnetApp, *HOMES))

    def on_unmount(self) -> None:
        """See Textual."""
        if "telemetry" in self.__dict__:
            self.telemetry.close()
        for watch in self._watches.values():
            watch.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """See Textual: what keys do can also be searched."""
        from birefnet_video.tui.palette import palette

        return palette(self, screen)

    def watch_of(self, record: JobRecord) -> Watch:
        """The watch of a render; it is begun at the first call."""
        watch = self._watches.get(record.id)
        if watch is None or (watch.view.is_over and not record.state.is_over):
            watch = self._watches[record.id] = self.start_watch(record)
        return watch

    def forget_watch(self, record_id: str) -> None:
        """Look no longer at a render, which is to be made again."""
        if (watch := self._watches.pop(record_id, None)) is not None:
            watch.close()

    def start_watch(self, record: JobRecord) -> Watch:
        """Begin to watch a render."""
        return Watcher(self.store, record)

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

    def open_render(self, record: JobRecord) -> None:
        """Watch a render, or see how it ended."""
        watch = self.watch_of(record)
        if record.state.is_over:
            self.show_summary(watch)
        elif record.is_live:
            from birefnet_video.tui.live import LiveScreen

            self.push_screen(LiveScreen(watch, self.telemetry))
        else:
            from birefnet_video.tui.monitor import MonitorScreen

            history = self._histories.setdefault(record.id, History())
            self.push_screen(MonitorScreen(watch, self.telemetry, history))

    def show_summary(self, watch: Watch) -> None:
        """Show how a render ended, in place of its monitor."""
        from birefnet_video.tui.dialogs import Choice
        from birefnet_video.tui.live import LiveScreen
        from birefnet_video.tui.monitor import MonitorScreen
        from birefnet_video.tui.summary import SummaryScreen

        # A question about a render that has ended needs no answer any more.
        while isinstance(self.screen, Choice):
            self.pop_screen()
        if isinstance(self.screen, MonitorScreen | LiveScreen):
            self.switch_screen(SummaryScreen(watch.view))
        else:
            self.push_screen(SummaryScreen(watch.view))

    def show_queue(self, record: JobRecord | None = None) -> None:
        """Show the queue, with the cursor on a render."""
        if record is not None:
            self.queue.choose(record.id)
        while self.screen is not self.queue and len(self.screen_stack) > 1:
            self.pop_screen()
        if self.screen is not self.queue:
            self.push_screen(self.queue)

    def show_form(self, source: str = "") -> None:
        """Describe a new render.

        Args:
            source: its input.
        """
        self.show_queue()
        self._push_form(replace(self._blank, source=source) if source else self._blank)

    def _push_form(self, values: FormValues) -> None:
        from birefnet_video.tui.new import NewScreen

        self.push_screen(NewScreen(values))

    def show_home(self) -> None:
        """Show the clips of the folder, what runs and recent renders."""
        self.show_queue()
        self.push_screen(self._home_screen())

    def _home_screen(self) -> Screen[None]:
        from birefnet_video.tui.home import HomeScreen

        return HomeScreen(Path.cwd())

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

    async def action_quit(self) -> None:
        """See :class:`Quitting`: this is where all doors lead."""
        self._quitting.ask()

    def exit_status(self) -> int:
        """Of the program: that of the render it was started with, as far as it has ended."""
        watch = self._watches.get(self.own_render.id) if self.own_render is not None else None
        if watch is None or not watch.view.is_over:
            return 0
        return watch.view.summary.exit_code if watch.view.summary is not None else 1
