"""The fields of a form, in groups of which most are folded away."""

from collections.abc import Iterable, Mapping

from birefnet_video.tui.completing import PathSuggester
from birefnet_video.tui.fields import Tick, default_text, option_field, typed
from birefnet_video.tui.form import FIRST, FormValues, folded, form_options
from birefnet_video.tui.kinds import ALSO, KINDS
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Checkbox, Collapsible, Input, Select, Static

from birefnet_video.many.folders import VIDEO_SUFFIXES, is_source

#: In the place of a preset's name.
NO_PRESET = "none"
_BACKGROUNDS = (".png", ".jpg", ".jpeg", ".webp", *VIDEO_SUFFIXES)
_ALSO_TIP = "A path, or + for the usual name beside the input. Empty: this is not written."


class FormPane(VerticalScroll):
    """Holds what is typed; says beside each field what is wrong with it."""

    def __init__(self, first: FormValues, presets: Iterable[str]) -> None:
        """
        Args:
            first: what the fields begin with.
            presets: names that can be chosen.
        """
        super().__init__(classes="pane", id="fields")
        self._first, self._presets = first, tuple(presets)
        self._complaints: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """See Textual."""
        first = self._first
        source = Input(
            first.source, placeholder="video or folder", compact=True, id="source", suggester=PathSuggester(is_source)
        )
        source.tooltip = "The input: a video, a pattern of pictures such as shot_%04d.png, or a folder of videos"
        yield from _row("input", source)
        yield Static(id="facts")
        yield from self._rows("subject", "model", "size", "engine")
        kinds = [(kind.label, name) for name, kind in KINDS.items()]
        yield from _row("result", Select(kinds, value=first.kind, allow_blank=False, compact=True, id="kind"))
        yield from self._rows("background")
        output = Input(
            first.output,
            placeholder="beside the input",
            compact=True,
            id="output",
            suggester=PathSuggester(lambda path: False),
        )
        output.tooltip = "Where the result goes. Empty: beside the input, under the name in grey"
        yield from _row("file", output)
        yield from self._rows(*FIRST[FIRST.index("overwrite") :])
        if self._presets:
            names = [(name, name) for name in (NO_PRESET, *self._presets)]
            yield from _row("preset", Select(names, value=NO_PRESET, allow_blank=False, compact=True, id="preset"))
        with Collapsible(title="more results of the same pass", collapsed=not any(first.also.values()), classes="more"):
            for name, kind in ALSO.items():
                field = Input(first.also.get(name, ""), placeholder="none", compact=True, id=name)
                field.tooltip = f"{kind.label}. {_ALSO_TIP}"
                yield from _row(name.replace("_", " "), field)
        for head, options in folded().items():
            is_used = any(first.options.get(name, "") != "" for name in options)
            with Collapsible(title=head, collapsed=not is_used, classes="more"):
                yield from self._rows(*options)

    def _rows(self, *names: str) -> ComposeResult:
        for name in names:
            field = option_field(form_options()[name], self._first.options.get(name, ""))
            if name == "background" and isinstance(field, Input):
                field.suggester = PathSuggester(lambda path: path.suffix.lower() in _BACKGROUNDS)
            yield from _row("" if isinstance(field, Tick) else name.replace("_", " "), field)

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#subject", Input).placeholder = "everybody; ^t points at one"

    @property
    def values(self) -> FormValues:
        """The fields as they are."""
        return FormValues(
            source=self.query_one("#source", Input).value.strip(),
            kind=str(self.query_one("#kind", Select).value),
            output=self.query_one("#output", Input).value.strip(),
            also={name: text for name in ALSO if (text := self.query_one(f"#{name}", Input).value.strip())},
            options={
                name: value
                for name, option in form_options().items()
                if (value := typed(self.query_one(f"#{name}"))) != default_text(option)
            },
            usual=self._first.usual,
            no_config=self._first.no_config,
        )

    def fill(self, options: Mapping[str, str | bool]) -> None:
        """Set fields of options, by their names; the others stay."""
        for name, value in options.items():
            field = self.query_one(f"#{name}")
            if isinstance(field, Checkbox):
                field.value = bool(value)
            elif isinstance(field, Input | Select):
                field.value = str(value)

    def show_problems(self, problems: Mapping[str, str], values: FormValues) -> None:
        """Say what is wrong, each beside its field.

        Args:
            problems: by field.
            values: of the form.
        """
        for complaint in self.query(".complaint").results(Static):
            field = (complaint.id or "").removeprefix("complaint-")
            message = problems.get(field, "")
            if message == self._complaints.get(field, ""):
                continue
            complaint.update(Text(f"✖ {message}" if message else ""))
            complaint.set_class(bool(message), "-wrong")
            if message:
                self._unfold(complaint)
        self._complaints = dict(problems)
        has_composite = values.kind == "composite" or bool(values.also.get("composite"))
        self.query_one("#background").parent.display = has_composite  # type: ignore[union-attr]
        files = values.sources if "source" not in problems and values.source else []
        self.query_one("#output", Input).placeholder = str(values.output_of(files[0])) if files else "beside the input"

    def _unfold(self, widget: Widget) -> None:
        """Show a group in which something is wrong."""
        for above in widget.ancestors:
            if isinstance(above, Collapsible):
                above.collapsed = False


def _row(label: str, field: Widget) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Static(label, classes="label")
        yield field
        yield Static("", classes="complaint", id=f"complaint-{field.id}")
