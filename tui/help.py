"""What one can do here: the field under the cursor, the keys of the screen, and those that every screen has."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.inks import Inks, inks_of
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Checkbox, Footer, Input, Select, Static

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

#: What one does with a field, by its kind.
_FIELDS = (
    (Checkbox, "space ticks it, or takes the tick away"),
    (Select, "enter opens the list, arrows move in it, letters search it, enter takes"),
    (Input, "type; → takes what is offered in grey, ctrl+u empties it"),
)
_KEY = 14


class HelpScreen(ModalScreen[None]):
    """Stands above the screen that it is about until a key closes it."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "close", "Close", key_display="esc", id="help.close"),
    ]

    def __init__(self, about: Screen[object]) -> None:
        """
        Args:
            about: the screen below.
        """
        super().__init__()
        self._about = about

    def compose(self) -> ComposeResult:
        """See Textual."""
        with VerticalScroll(classes="dialog help") as box:
            box.border_title = "help"
            box.border_subtitle = "escape closes"
            yield Static(help_text(self.app, self._about, inks_of(self.app)))
        yield Footer(show_command_palette=False)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def help_text(app: "BirefnetApp", screen: Screen[object], inks: Inks) -> Text:
    """
    Args:
        app: the interface.
        screen: that help is about.
        inks: colours.
    """
    text = Text()
    said = (type(screen).__doc__ or "").strip().splitlines()[0]
    text.append(f"{said}\n", "bold")
    if screen.focused is not None and (words := _field(screen.focused)):
        text.append("\nTHIS FIELD\n", inks.accent)
        text.append(f"{words}\n")
    for head, keys in (("KEYS HERE", _keys(app, screen, screen)), ("EVERYWHERE", _keys(app, screen, app))):
        text.append(f"\n{head}\n", inks.accent)
        for key, words in keys:
            text.append(f"{key:<{_KEY}}", f"bold {inks.line}")
            text.append(f"{words}\n")
    return text


def _field(widget: Widget) -> str:
    """What a field is for, and what one does with it."""
    kinds = [words for kind, words in _FIELDS if isinstance(widget, kind)]
    if not kinds:
        return ""
    name = (widget.id or "").replace("_", " ")
    return "\n".join([f"{name}: {widget.tooltip}" if widget.tooltip else name, *kinds[:1]])


def _keys(
    app: "BirefnetApp", screen: Screen[object], home: Screen[object] | "BirefnetApp"
) -> Iterator[tuple[str, str]]:
    """Each action once, with all of its keys, in the order of the screen."""
    found: dict[str, list[Binding]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        is_system = not binding.id
        if active.node is home and binding.description and not is_system:
            found.setdefault(binding.action, []).append(binding)
    for bindings in found.values():
        keys = " ".join(dict.fromkeys(app.get_key_display(each) for each in bindings))
        first = bindings[0]
        words = first.description
        yield keys, f"{words}: {first.tooltip}" if first.tooltip and first.tooltip != words else words
