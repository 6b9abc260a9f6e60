"""An application that says where it has written, for what is painted over cells."""

from birefnet_video.tui.picture_view import PictureView
from birefnet_video.tui.pixels import Line
from birefnet_video.tui.preferences import Preferences
from rich.console import RenderableType
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen


class Painting(App[int]):
    """Has pictures painted again that text was written over."""

    preferences: Preferences

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """See Textual, which tells nobody else what of the screen it writes."""
        super()._display(screen, renderable)
        if renderable is None or self.preferences.graphics == "cells":
            return
        regions = _written(renderable) or [screen.region]
        for view in screen.query(PictureView):
            view.written_over(regions)

    def write_to_terminal(self, sequence: str) -> None:
        """Send what is no text of a screen, such as a notice or pixels."""
        if sequence and self._driver is not None and not self.is_headless:
            self._driver.write(sequence)


def _written(renderable: object) -> list[Region]:
    """Parts of the screen that an update of Textual's is about; none: that is not known."""
    spans = getattr(renderable, "spans", None)
    if spans is not None:
        return [Region(left, line, right - left, 1) for line, left, right in spans]
    region = getattr(renderable, "region", None)
    return [region] if isinstance(region, Region) else []
