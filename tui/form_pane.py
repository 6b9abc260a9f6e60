"""The fields of a form, in groups of which most are folded away."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from birefnet_video.tui.fields import Tick, default_text, option_field, typed
from birefnet_video.tui.folded_group import FoldedGroup, row
from birefnet_video.tui.form import FIRST, FormValues, folded, form_options
from birefnet_video.tui.kinds import ALSO, KINDS
from birefnet_video.tui.path_input import PathInput
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

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
        self._held: dict[str, str | bool] = {**first.options, **first.also}
        self._fields: dict[str, Widget] = {}
        self._groups: dict[str, FoldedGroup] = {}

    def compose(self) -> ComposeResult:
        """See Textual."""
        first = self._first
        source = PathInput(first.source, is_source, placeholder="video or folder", id="source")
        source.tooltip = "The input: a video, a pattern of pictures such as shot_%04d.png, or a folder of videos"
        yield row("input", source)
        yield Static(id="facts")
        yield from self._rows("subject", "model", "size", "engine")
        kinds = [(kind.label, name) for name, kind in KINDS.items()]
        yield row("result", Select(kinds, value=first.kind, allow_blank=False, compact=True, id="kind"))
        yield from self._rows("background")
        output = PathInput(first.output, lambda path: False, placeholder="beside the input", id="output")
        output.tooltip = "Where the result goes. Empty: beside the input, under the name in grey"
        yield row("file", output)
        yield from self._rows(*FIRST[FIRST.index("overwrite") :])
        if self._presets:
            names = [(name, name) for name in (NO_PRESET, *self._presets)]
            yield row("preset", Select(names, value=NO_PRESET, allow_blank=False, compact=True, id="preset"))
        yield self._group("more results of the same pass", tuple(ALSO), self._also_rows)
        for head, options in folded().items():
            yield self._group(head, options, partial(self._rows, *options))

    def _group(self, head: str, names: tuple[str, ...], rows: Callable[[], list[Widget]]) -> FoldedGroup:
        group = FoldedGroup(head, rows, unfolded=any(self._held.get(name, "") != "" for name in names))
        self._groups |= dict.fromkeys(names, group)
        return group

    def _also_rows(self) -> list[Widget]:
        for name, kind in ALSO.items():
            field = Input(str(self._held.get(name, "")), placeholder="none", compact=True, id=name)
            field.tooltip = f"{kind.label}. {_ALSO_TIP}"
            self._fields[name] = field
        return [row(name.replace("_", " "), self._fields[name]) for name in ALSO]

    def _rows(self, *names: str) -> list[Widget]:
        for name in names:
            field = option_field(form_options()[name], self._held.get(name, ""))
            if name == "background" and isinstance(field, Input):
                usual, tip = field.placeholder, field.tooltip
                field = PathInput(field.value, _is_background, placeholder=usual, id=name)
                field.tooltip = tip
            self._fields[name] = field
        fields = [self._fields[name] for name in names]
        return [row("" if isinstance(each, Tick) else str(each.id).replace("_", " "), each) for each in fields]

    def on_mount(self) -> None:
        """See Textual."""
        self.query_one("#subject", Input).placeholder = "everybody; ^t points at one"

    def _text_of(self, name: str) -> str | bool:
        """What a field holds, or will when it is there: a list has no value before."""
        field = self._fields.get(name)
        if field is not None and field.is_mounted:
            return typed(field)
        text = self._held.get(name, "")
        return default_text(form_options()[name]) if text == "" and name in form_options() else text

    @property
    def values(self) -> FormValues:
        """The fields as they are."""
        return FormValues(
            source=self.query_one("#source", Input).value.strip(),
            kind=str(self.query_one("#kind", Select).value),
            output=self.query_one("#output", Input).value.strip(),
            also={name: text for name in ALSO if (text := str(self._text_of(name)))},
            options={
                name: value
                for name, option in form_options().items()
                if (value := self._text_of(name)) != default_text(option)
            },
            usual=self._first.usual,
            no_config=self._first.no_config,
        )

    def fill(self, options: Mapping[str, str | bool]) -> None:
        """Set fields of options, by their names; the others stay."""
        for name, value in options.items():
            self._held[name] = value
            field = self._fields.get(name)
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
            if complaint.has_class("-wrong") == bool(message) and message == self._complaints.get(field, ""):
                continue
            complaint.update(Text(f"✖ {message}" if message else ""))
            complaint.set_class(bool(message), "-wrong")
        for name in (problems.keys() - self._complaints.keys()) & self._groups.keys():
            self._groups[name].collapsed = False
        self._complaints = dict(problems)
        has_composite = values.kind == "composite" or bool(values.also.get("composite"))
        self.query_one("#background").parent.display = has_composite  # type: ignore[union-attr]
        files = values.sources if "source" not in problems and values.source else []
        self.query_one("#output", Input).placeholder = str(values.output_of(files[0])) if files else "beside the input"

    def focus_on(self, name: str) -> None:
        """Have the cursor in a field."""
        if name in self._groups:
            self._groups[name].collapsed = False
        self.call_after_refresh(lambda: [field.focus() for field in self.query(f"#{name}")])


def _is_background(path: Path) -> bool:
    return path.suffix.lower() in _BACKGROUNDS
