"""An application that keeps what is preferred, and whose theme is changed by keys."""

from pathlib import Path
from typing import ClassVar

from birefnet_video.tui import themes
from birefnet_video.tui.painting import Painting
from birefnet_video.tui.preferences import Preferences
from textual.binding import Binding, BindingType


class Themed(Painting):
    """Goes through our own themes, or has any of them tried first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "Theme", show=False, id="app.theme", tooltip="The next one; kept for the next time"),
        Binding("T", "change_theme", "Themes", show=False, id="app.themes", tooltip="A list, each shown as you go"),
    ]

    def __init__(self, kept_in: Path) -> None:
        """
        Args:
            kept_in: folder of the user's preferences.
        """
        super().__init__()
        self._kept_in = kept_in
        self.preferences = Preferences.load(kept_in)

    def prefer(self, **changes: object) -> None:
        """Change preferences, and keep them; where that is not possible it is said."""
        fresh = self.preferences.changed(**changes)
        if fresh == self.preferences:
            return
        self.preferences = fresh
        try:
            fresh.save(self._kept_in)
        except OSError as error:
            self.notify(f"{error.filename}: {error.strerror}", severity="error", markup=False)

    def action_next_theme(self) -> None:
        """Go on to the next theme."""
        names = themes.NAMES
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.prefer(theme=self.theme)
        self.clear_notifications()
        self.notify(self.theme)

    def action_change_theme(self) -> None:
        """Try themes, and keep one; see Textual."""
        from birefnet_video.tui.theme_screen import ThemeScreen

        if not isinstance(self.screen, ThemeScreen):
            self.push_screen(ThemeScreen(self.theme))
