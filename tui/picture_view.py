"""The widget that shows a picture."""

from typing import TYPE_CHECKING

from birefnet_video.tui.pixels import Pixels
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from birefnet_video.renders.watcher import PictureWish

if TYPE_CHECKING:
    import numpy as np

#: Cells beyond which a picture takes more of the terminal's bandwidth than it is worth.
_MOST_COLUMNS, _MOST_LINES = 128, 36
#: The same of pixels that are sent as such.
_MOST_WIDTH, _MOST_HEIGHT = 1280, 720


class PictureView(Widget):
    """A picture in the middle of its room: in half blocks, or as pixels where that is chosen."""

    DEFAULT_CSS = "PictureView { height: 1fr; width: 1fr; }"

    def __init__(self, *, hint: str = "", id: str | None = None, marked: bool = False) -> None:
        """
        Args:
            hint: shown while there is no picture.
            id: of the widget.
            marked: something is drawn on it, in cells of text.
        """
        super().__init__(id=id)
        self.hint = hint
        self._shown: np.ndarray | None = None
        self._strips: list[Strip] = []
        self._pixels = Pixels(self, marked=marked)

    class Clicked(Message):
        """A place of the picture, as shares of its sides from the upper left."""

        def __init__(self, x: float, y: float) -> None:
            """
            Args:
                x: in [0, 1).
                y: the same.
            """
            super().__init__()
            self.x, self.y = x, y

    def wish(self, zoom: int = 1, every_s: float = 1.0, at: tuple[float, float] | None = None) -> PictureWish | None:
        """What picture fits, or ``None`` if there is no room for any.

        Args:
            zoom: as of :class:`PictureWish`, as all of them.
            every_s: the same.
            at: the same.
        """
        columns, lines = min(self.size.width, _MOST_COLUMNS), min(self.size.height, _MOST_LINES)
        if not columns or not lines:
            return None
        across, down = self._pixels.of_cell()
        return PictureWish(min(across * columns, _MOST_WIDTH), min(down * lines, _MOST_HEIGHT), zoom, every_s, at)

    def on_click(self, event: events.Click) -> None:
        """See Textual."""
        columns, lines = (self._strips[0].cell_length, len(self._strips)) if self._strips else self._pixels.cells
        left, top = (self.size.width - columns) // 2, (self.size.height - lines) // 2
        x, y = event.x - max(0, left), event.y - max(0, top)
        if 0 <= x < columns and 0 <= y < lines:
            self.post_message(self.Clicked((x + 0.5) / columns, (y + 0.5) / lines))

    @property
    def note(self) -> str:
        """Why it is in cells though pixels are chosen; else nothing."""
        return "cells: pixels would cover marks" if self._pixels.is_held_back else ""

    def on_unmount(self) -> None:
        """See Textual."""
        self._pixels.forget()

    def show_cells(self, strips: list[Strip]) -> None:
        """Show cells that stand for pixels."""
        if strips != self._strips:
            self._strips = strips
            self.refresh()

    def written_over(self, regions: list[Region]) -> None:
        """Text has been written into these parts of the screen."""
        self._pixels.written_over(regions)

    def show(self, rgb: "np.ndarray") -> None:
        """Show uint8 (H, W, 3)."""
        if self._pixels.protocol is not None:
            self.hint, self._shown = "", rgb
            self.show_cells(self._pixels.show(rgb))
            return
        import numpy as np
        from birefnet_video.tui.pictures import half_blocks, shades, steady

        self._pixels.forget()
        even = rgb[: rgb.shape[0] // 2 * 2] if rgb.shape[0] > 1 else np.repeat(rgb, 2, axis=0)
        before, self._shown = self._shown, steady(even, self._shown)
        self._strips = shades(self._shown) if self.app.no_color else half_blocks(self._shown)
        if before is None or before.shape != self._shown.shape:
            self.refresh()
            return
        # Only what has changed goes to the terminal.
        pixels = (before != self._shown).any(2)
        cells = pixels[0::2] | pixels[1::2]
        left = max(0, (self.size.width - cells.shape[1]) // 2)
        regions = [
            Region(left + int(columns[0]), self._top + line, int(columns[-1] - columns[0]) + 1, 1)
            for line, row in enumerate(cells)
            if (columns := np.flatnonzero(row)).size
        ]
        if regions:
            self.refresh(*regions)

    def show_small(self, rgb: "np.ndarray") -> None:
        """Show uint8 (H, W, 3), with fewer pixels if there is no room for all of them."""
        wish = self.wish()
        if wish is not None:
            step = max(1, -(-rgb.shape[1] // wish.width), -(-rgb.shape[0] // wish.height))
            self.show(rgb[::step, ::step])

    def clear(self, hint: str) -> None:
        """Show words in place of a picture."""
        self._pixels.forget()
        self.hint, self._shown, self._strips = hint, None, []
        self.refresh()

    @property
    def _top(self) -> int:
        return max(0, (self.size.height - len(self._strips)) // 2)

    def render_line(self, y: int) -> Strip:
        """See :class:`textual.widget.Widget`."""
        style = self.visual_style.rich_style
        width = self.size.width
        line = y - self._top
        if not 0 <= line < len(self._strips):
            text = self.hint.center(width)[:width] if not self._strips and y == self.size.height // 2 else " " * width
            return Strip([Segment(text, style)], width)
        strip = self._strips[line]
        left = max(0, (width - strip.cell_length) // 2)
        right = max(0, width - left - strip.cell_length)
        padded = [Segment(" " * left, style), *strip, Segment(" " * right, Style.combine([style]))]
        return Strip(padded, left + strip.cell_length + right).crop(0, width)
