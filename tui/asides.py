"""An application with what can be shown above any of its screens: help, options, letters to jump by."""

from typing import ClassVar

from birefnet_video.tui.themed import Themed
from textual.binding import Binding, BindingType


class WithAsides(Themed):
    """Each is there once, and leads back to where it was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", show=False, id="app.help", tooltip="All keys of this screen"),
        Binding("f2", "options", "Options", show=False, id="app.options", tooltip="Theme, pictures, bell, notices"),
        Binding("ctrl+g", "jump", "Jump", show=False, id="app.jump", tooltip="A letter on every field: press it"),
    ]

    def action_help(self) -> None:
        """Show what one can do here."""
        from birefnet_video.tui.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_options(self) -> None:
        """Show what the interface itself does and looks like."""
        from birefnet_video.tui.options_screen import OptionsScreen

        if not isinstance(self.screen, OptionsScreen):
            self.push_screen(OptionsScreen())

    def action_jump(self) -> None:
        """Show a letter on everything that can have the cursor."""
        from birefnet_video.tui.jump import JumpScreen

        if not isinstance(self.screen, JumpScreen):
            self.push_screen(JumpScreen(self.screen))
