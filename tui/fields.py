"""A field of a form for each option, whatever its kind."""

from birefnet_video.tui.form import model_labels
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select

from birefnet_video.options.group import Option, text_of


class Tick(Checkbox):
    """A box that shows by its sign, not by a colour, whether it is ticked."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """See Textual."""
        self.BUTTON_INNER = "✔" if self.value else " "
        super().watch_value()


def option_field(option: Option, value: str | bool) -> Widget:
    """A field that holds the value of an option.

    Args:
        option: of a group.
        value: as it was typed; empty: its default.
    """
    begin = value if value != "" else default_text(option)
    if isinstance(option.default, bool):
        field: Widget = Tick(option.name.replace("_", " "), bool(begin), compact=True, id=option.name)
    elif option.name == "model":
        labels = model_labels()
        labels += [] if begin in dict(labels).values() else [(str(begin), str(begin))]
        field = Select(labels, value=str(begin), allow_blank=False, compact=True, id=option.name)
    elif option.choices:
        field = _select(option.choices, str(begin), option.name)
    else:
        usual = option.help.partition("Default: ")[2].rstrip(".")
        field = Input(str(begin), placeholder=usual, compact=True, id=option.name)
    field.tooltip = option.help
    return field


def default_text(option: Option) -> str | bool:
    """The default as a field shows it."""
    return option.default if isinstance(option.default, bool) else text_of(option.default)


def typed(field: Widget) -> str | bool:
    """What a field of :func:`option_field` holds."""
    if isinstance(field, Checkbox):
        return field.value
    if isinstance(field, Select):
        return str(field.value)
    assert isinstance(field, Input)
    return field.value.strip()


def _select(options: tuple[str, ...], value: str, name: str) -> Select[str]:
    return Select([(option, option) for option in options], value=value, allow_blank=False, compact=True, id=name)
