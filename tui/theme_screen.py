"""The screen on which a theme is tried before it is taken."""

from typing import TYPE_CHECKING, ClassVar

from birefnet_video.tui.settings import theme_names
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp


class ThemeScreen(ModalScreen[None]):
    """The theme under the cursor is on at once; enter keeps it, escape brings back the one before."""

    app: "BirefnetApp"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="themes.back", tooltip="To the theme before"),
        # The list's own key, which is said here.
        Binding("enter", "keep", "Keep", id="themes.keep", tooltip="For the next time, too"),
        Binding("f1", "app.help", "Help", id="themes.help"),
    ]

    def __init__(self, before: str) -> None:
        """
        Args:
            before: the theme that is on.
        """
        super().__init__()
        self._before = before

    def compose(self) -> ComposeResult:
        """See Textual."""
        with Vertical(classes="dialog themes") as box:
            box.border_title = "theme"
            box.border_subtitle = "enter keeps it"
            yield OptionList(*(Option(Text(name), name) for name in theme_names()), compact=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """See Textual."""
        names = theme_names()
        self.query_one(OptionList).highlighted = names.index(self._before) if self._before in names else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """See Textual."""
        self.app.theme = str(event.option.id)

    def on_option_list_option_selected(self) -> None:
        """See Textual."""
        self.action_keep()

    def action_keep(self) -> None:
        """Keep the theme that is on."""
        self.app.prefer(theme=self.app.theme)
        self.dismiss(None)

    def action_back(self) -> None:
        """Leave all as it was."""
        self.app.theme = self._before
        self.dismiss(None)
