"""The screen of what the interface itself does and looks like."""

import os
from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.fields import Tick
from birefnet_video.tui.graphics import CHOICES, chosen
from birefnet_video.tui.preferences import RATES
from birefnet_video.tui.settings import theme_names
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Checkbox, Footer, Select, Static

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_RATES = {0.25: "one in four seconds", 0.5: "one in two seconds", 1.0: "one", 2.0: "two"}


class OptionsScreen(ModalScreen[None]):
    """Changes take effect at once, and are kept for the next time."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "close", "Close", key_display="esc", id="options.close"),
        Binding("f1", "app.help", "Help", id="options.help"),
    ]

    def compose(self) -> ComposeResult:
        """See Textual."""
        wishes = self.app.preferences
        with Vertical(classes="dialog options") as box:
            box.border_title = "options"
            box.border_subtitle = "escape closes"
            themes = [(name, name) for name in theme_names()]
            yield from _row("theme", Select(themes, value=self.app.theme, allow_blank=False, compact=True, id="theme"))
            rates = [(_RATES[rate], rate) for rate in RATES]
            rate = Select(rates, value=wishes.rate, allow_blank=False, compact=True, id="rate")
            yield from _row("pictures a second", rate)
            kinds = [(words, name) for name, words in CHOICES.items()]
            kind = Select(kinds, value=wishes.graphics, allow_blank=False, compact=True, id="graphics")
            yield from _row("pictures", kind)
            yield from _row("at an end", Tick("the bell rings", wishes.bell, compact=True, id="bell"))
            yield from _row("", Tick("a notice is shown", wishes.notice, compact=True, id="notice"))
            yield Static(Text(self._words()), id="where")
        yield Footer(show_command_palette=False)

    def _words(self) -> str:
        fixed = self.app.fixed_theme
        said = f"config.toml says {fixed}, which it begins with.\n" if fixed else ""
        return f"\n{said}Keys are changed in config.toml, table [tui.keys]."

    @on(Select.Changed, "#theme")
    def _on_theme(self, event: Select.Changed) -> None:
        # The list says its first value, too.
        if event.value != self.app.theme:
            self.app.theme = str(event.value)
            self.app.prefer(theme=self.app.theme)

    @on(Select.Changed, "#rate")
    def _on_rate(self, event: Select.Changed) -> None:
        self.app.prefer(rate=event.value)

    @on(Select.Changed, "#graphics")
    def _on_graphics(self, event: Select.Changed) -> None:
        self.app.prefer(graphics=event.value)
        if chosen(str(event.value), os.environ) is None and event.value != "cells":
            self.notify("this terminal does not say what it takes, or stands behind tmux or the like: cells it is")

    @on(Checkbox.Changed)
    def _on_tick(self, event: Checkbox.Changed) -> None:
        self.app.prefer(**{str(event.checkbox.id): event.value})

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def _row(label: str, field: Widget) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Static(label, classes="label wide")
        yield field
