"""Letters on everything that can have the cursor: one key goes there."""

from string import ascii_lowercase
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Footer, Static


class JumpScreen(ModalScreen[None]):
    """Shows the letters until one is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Back", id="jump.close")]

    def __init__(self, about: Screen[object]) -> None:
        """
        Args:
            about: the screen below.
        """
        super().__init__()
        shown = [
            widget
            for widget in about.focus_chain
            # What is scrolled out of sight has no place on the screen.
            if widget.is_on_screen and about.find_widget(widget).visible_region.area
        ]
        seen = [widget for widget in shown if not isinstance(widget, VerticalScroll)]
        self._places: dict[str, Widget] = dict(zip(ascii_lowercase, seen, strict=False))

    def compose(self) -> ComposeResult:
        """See Textual."""
        for letter, widget in self._places.items():
            label = Static(Text(f" {letter} "), classes="jump")
            label.styles.offset = (max(0, widget.region.x - 1), widget.region.y)
            yield label
        yield Footer(show_command_palette=False)

    def on_key(self, event: Key) -> None:
        """See Textual."""
        if (widget := self._places.get(event.key)) is not None:
            event.stop()
            self.dismiss(None)
            widget.focus()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)
