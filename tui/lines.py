"""A widget of styled lines that sends to the terminal only those that have changed."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """Lines of text, cut off at the right."""

    def __init__(self, *, id: str | None = None) -> None:
        """
        Args:
            id: of the widget.
        """
        super().__init__(id=id)
        self._lines: list[Text] = []

    def show(self, lines: Sequence[Text]) -> None:
        """Show these in place of those before."""
        before, self._lines = self._lines, list(lines)
        width = self.size.width
        changed = [
            Region(0, index, width, 1)
            for index in range(max(len(before), len(self._lines)))
            if index >= len(before) or index >= len(self._lines) or before[index] != self._lines[index]
        ]
        if changed and width:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """See :class:`textual.widget.Widget`."""
        style, width = self.visual_style.rich_style, self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, style)
        line = self._lines[y]
        # Text gives its own style only to parts that have another one besides.
        style += self.app.console.get_style(line.style)
        segments = [
            Segment(segment.text, style + segment.style if segment.style is not None else style)
            for segment in line.render(self.app.console)
            if segment.text
        ]
        return Strip(segments).adjust_cell_length(width, style)
