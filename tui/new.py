"""The screen on which a render is described."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.children import Facts, probe
from birefnet_video.tui.dialogs import FilePicker, Question
from birefnet_video.tui.fetching import fetch_first
from birefnet_video.tui.folded_group import FoldedGroup
from birefnet_video.tui.form import FormValues
from birefnet_video.tui.form_pane import NO_PRESET, FormPane
from birefnet_video.tui.kinds import expanded
from birefnet_video.tui.marks import texts_of
from birefnet_video.tui.one_frame import FramePane
from birefnet_video.tui.presets import Values, check_name, presets, save_preset
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.subjects import Place, subjects_of
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Button, Checkbox, Footer, Input, Select, Static

from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.options.prompts import Prompt
from birefnet_video.renders.record import PROGRAM, JobRecord

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

#: Seconds of rest after a key, before a file is looked into.
_REST_S = 0.4
#: Options of one clip, which no preset keeps.
_NO_PRESET = ("subject", "exclude", "subjects", "start", "duration", "end", "overwrite")


class NewScreen(Screen[None]):
    """A form whose every field is checked as it is typed."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        # A question mark is typed into fields.
        Binding("f1", "app.help", "Help", id="new.help", tooltip="All keys of this screen"),
        Binding("ctrl+q", "app.quit", "Quit", id="app.quit", priority=True),
        Binding("escape", "back", "Back", id="new.back"),
        Binding("ctrl+o", "browse", "Browse", id="new.browse", priority=True),
        Binding("ctrl+t", "subject", "Subject", id="new.subject", priority=True, tooltip="Point at it on a frame"),
        Binding("ctrl+s", "start", "Start", id="new.start", priority=True),
        Binding("ctrl+r", "preview", "One frame", id="new.preview", tooltip="Render the first frame of the part"),
        Binding("ctrl+a", "enqueue", "Add to queue", id="new.queue", priority=True),
        Binding("ctrl+y", "copy", "Copy command", id="new.copy"),
        Binding("ctrl+l", "keep", "Keep as preset", id="new.keep", priority=True, tooltip="A profile in config.toml"),
    ]

    def __init__(
        self, values: FormValues, places: tuple[Place, ...] | None = None, *, edited: JobRecord | None = None
    ) -> None:
        """
        Args:
            values: that the fields begin with.
            places: where subjects are to be corrected, which is the first thing that is shown; ``None``: nowhere.
            edited: a render that waits and is to be what the form describes.
        """
        super().__init__()
        self._edited = edited
        self._first, self._places = values, places or ()
        self._is_to_choose = places is not None
        self._facts: Facts | None = None
        self._probed = ""
        self._presets: Mapping[str, Values] = {}

    def compose(self) -> ComposeResult:
        """See Textual."""
        try:
            self._presets = presets(self.app.config_path)
        except BirefnetVideoError as error:
            self.notify(str(error), title="no presets", severity="warning", markup=False)
        yield Static(Text(" EDIT A RENDER THAT WAITS" if self._edited else " NEW RENDER", "bold"), id="title")
        with Horizontal():
            yield FormPane(self._first, self._presets)
            yield FramePane()
        yield Static(id="command")
        with Horizontal(classes="buttons"):
            yield Button(Text("Save [^s]" if self._edited else "Start [^s]"), id="go", compact=True, variant="primary")
            if self._edited is None:
                yield Button(Text("Add to queue [^a]"), id="add", compact=True)
            yield Static(id="count")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#source").focus()
        self._check()
        self._look_into_source()

    @property
    def values(self) -> FormValues:
        """The fields as they are."""
        return self.query_one(FormPane).values

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    @on(FoldedGroup.Made)
    def _on_change(self) -> None:
        self._check()

    @on(Input.Changed, "#source")
    def _on_source(self) -> None:
        self.set_timer(_REST_S, self._look_into_source)

    @on(Select.Changed, "#preset")
    def _on_preset(self, event: Select.Changed) -> None:
        chosen = str(event.value)
        if chosen != NO_PRESET:
            self.query_one(FormPane).fill(self._presets[chosen])
            self._check()
            self.notify(f"{chosen}: {len(self._presets[chosen])} options set", markup=False)

    def _check(self) -> None:
        values = self.values
        problems = values.problems()
        # Nobody has done anything wrong in an empty form.
        begins = not values.source and set(problems) == {"source"}
        self.query_one(FormPane).show_problems({} if begins else problems, values)
        for button in self.query("#go, #add").results(Button):
            button.disabled = bool(problems)
        first = next(iter(problems.values()), "")
        command = self.query_one("#command", Static)
        if begins:
            command.update(Text("Type the input's path, → takes what is offered in grey; or ^o looks for it."))
        elif problems:
            command.update(Text(f"✖ {next(iter(problems))}: {first}"))
        else:
            command.update(Text(self._command(values)))
        command.set_class(bool(problems) and not begins, "-wrong")
        files = values.sources if "source" not in problems and values.source else []
        left = "" if begins else f"✖ {len(problems)} left" if problems else "ready"
        more = f", {len(files)} videos" if len(files) > 1 else ""
        if not problems and (row := values.to_fetch) is not None:
            more += f"; {row.name} ({row.amount}) is fetched first"
        self.query_one("#count", Static).update(Text(f"  {left}{more}"))

    def _command(self, values: FormValues) -> str:
        import shlex

        return f"= {shlex.join([PROGRAM, *values.request().arguments])}"

    def _look_into_source(self) -> None:
        source = self.query_one("#source", Input).value.strip()
        if source == self._probed:
            return
        self._probed, self._facts = source, None
        values = self.values
        if "source" not in values.problems() and not expanded(source).is_dir():
            self.query_one("#facts", Static).update(Text("looking into it …"))
            self._probe(source)
        else:
            self.query_one("#facts", Static).update(Text(""))

    @work(thread=True, exclusive=True, group="probe", exit_on_error=False)
    def _probe(self, source: str) -> None:
        facts = probe(expanded(source))
        # The screen may have gone meanwhile.
        with suppress(RuntimeError):
            self.app.call_from_thread(self._show_facts, source, facts)

    def _show_facts(self, source: str, facts: Facts) -> None:
        if source != self._probed or not self.is_mounted:
            return
        self._facts = facts if facts.error is None else None
        self.query_one("#facts", Static).update(Text(facts.line))
        self.query_one(FramePane).know(self._facts, expanded(source).absolute())
        if self._facts is not None and self._is_to_choose and self.is_current:
            self._is_to_choose = False
            self.action_subject()

    def action_browse(self) -> None:
        """Choose the input, or the background if that is where the cursor is."""
        field = self.focused.id if self.focused is not None and self.focused.id == "background" else "source"
        try:
            typed = expanded(self.query_one(f"#{field}", Input).value or ".")
            start = typed if typed.is_dir() else typed.parent if typed.parent.is_dir() else Path.cwd()
        except UsageError:
            start = Path.cwd()

        def take(path: Path | None) -> None:
            if path is not None:
                self.query_one(f"#{field}", Input).value = str(path)

        if field == "source":
            self.app.push_screen(FilePicker(start.resolve()), take)
        else:
            suffixes = (".png", ".jpg", ".jpeg", ".webp", ".mp4", ".mov", ".mkv", ".webm")
            self.app.push_screen(FilePicker(start.resolve(), suffixes, with_folders=False), take)

    def action_preview(self) -> None:
        """Render one frame and show it."""
        values = self.values
        problems = {name: text for name, text in values.problems().items() if name != "output"}
        if problems or self._facts is None:
            self.notify(next(iter(problems.values()), "the input has not been looked into yet"), markup=False)
            return
        if fetch_first(self.app, values.to_fetch, self.action_preview):
            return
        self.query_one(FramePane).begin(values, self._facts)

    def action_subject(self) -> None:
        """Mark the subject on frames of the input."""
        values = self.values
        try:
            subjects = subjects_of(values, self._facts, self._places)
        except UsageError as error:
            self.notify(str(error), title="subject", severity="error", markup=False)
            return

        def take(marked: tuple[Prompt, ...] | None) -> None:
            if marked is not None and marked != subjects.said:
                self.query_one(FormPane).fill(texts_of(marked))
                self._check()

        self.app.push_screen(SubjectScreen(subjects), take)

    @on(Button.Pressed, "#go")
    def action_start(self) -> None:
        """Begin now."""
        self._begin(queued=False)

    @on(Button.Pressed, "#add")
    def action_enqueue(self) -> None:
        """Begin when its turn comes."""
        self._begin(queued=True)

    def _begin(self, *, queued: bool) -> None:
        values = self.values
        problems = values.problems()
        if problems:
            field, message = next(iter(problems.items()))
            self.query_one(FormPane).focus_on(field)
            self.notify(message, title=field, severity="error", markup=False)
            return
        if fetch_first(self.app, values.to_fetch, lambda: self._begin(queued=queued)):
            return
        if self._edited is not None:
            self.app.asking.change(self._edited, values, self._facts)
        else:
            self.app.asking.begin(values, self._facts, queued=queued)

    def action_keep(self) -> None:
        """Keep the options as a preset."""
        try:
            path = self.app.config_path
        except OutputRefused as error:
            self.notify(str(error), severity="error", markup=False)
            return
        values = self.values.options
        options = {name: value for name, value in values.items() if name not in _NO_PRESET}
        if not options:
            self.notify("all options have their defaults: there is nothing to keep")
            return

        def keep(name: str | None) -> None:
            if name is not None and self.app.attempt(lambda: save_preset(path, name, options)):
                self._presets = {**self._presets, name: options}
                self.notify(f"{name}: {', '.join(options)}; also --profile {name}", title="kept", markup=False)

        self.app.push_screen(Question("Name of the preset:", "", lambda name: check_name(path, name)), keep)

    def action_copy(self) -> None:
        """Put the command into the terminal's clipboard."""
        values = self.values
        if values.problems().keys() - {"output"}:
            self.notify("there is no command yet")
            return
        command = self._command(values).removeprefix("= ")
        self.app.copy_to_clipboard(command)
        self.notify(command, title="copied, if the terminal allows it", markup=False)

    def action_back(self) -> None:
        """Leave the form."""
        self.app.show_queue()
