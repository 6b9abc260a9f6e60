"""What one view has sent as pixels: when, where, and again when something was written over it."""

import os
import secrets
import time
from typing import TYPE_CHECKING

from birefnet_video.tui import graphics, kitty
from birefnet_video.tui.graphics import Protocol
from textual.geometry import Offset, Region, Size
from textual.strip import Strip

if TYPE_CHECKING:
    import numpy as np
    from birefnet_video.tui.app import BirefnetApp
    from birefnet_video.tui.picture_view import PictureView

#: Bytes a second to the terminal beyond which pictures come more rarely, all views together.
BYTES_A_SECOND = 400_000
#: What stands above a view without being told of.
_ABOVE = "Toast, Tooltip"


class Line:
    """The way to the terminal: free again when what was sent has had its time."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def left_s(self) -> float:
        """Seconds until the next picture may be sent."""
        return max(0.0, self._free_at - time.monotonic())

    def take(self, octets: int) -> None:
        """Something is sent."""
        self._free_at = max(self._free_at, time.monotonic()) + octets / BYTES_A_SECOND


class Pixels:
    """The pictures of one view."""

    def __init__(self, view: "PictureView", *, marked: bool) -> None:
        """
        Args:
            view: that shows them.
            marked: cells of text are written over them.
        """
        self._view, self._marked = view, marked
        self._number = 0
        self._shown: np.ndarray | None = None
        self._next: np.ndarray | None = None
        self._sequence = ""
        self._cells = (0, 0)

    @property
    def _app(self) -> "BirefnetApp":
        return self._view.app  # type: ignore[return-value]

    @property
    def protocol(self) -> Protocol | None:
        """How they are sent; ``None``: as cells of text."""
        return None if self.is_held_back else self._chosen

    @property
    def is_held_back(self) -> bool:
        """Pixels are chosen, but these would be painted over what is marked in cells."""
        return self._marked and self._chosen not in (None, Protocol.KITTY)

    @property
    def _chosen(self) -> Protocol | None:
        wishes = getattr(self._view.app, "preferences", None)
        if wishes is None or wishes.graphics == "cells" or self._view.app.no_color:
            return None
        return graphics.chosen(wishes.graphics, os.environ)

    @property
    def cells(self) -> tuple[int, int]:
        """Columns and lines that the picture takes."""
        return self._cells

    def of_cell(self) -> tuple[int, int]:
        """Width and height of a cell, in pixels that are worth sending."""
        protocol = self.protocol
        if protocol is None:
            return 1, 2
        return graphics.cell_size(os.environ) if protocol is Protocol.SIXEL else kitty.CELL

    def show(self, rgb: "np.ndarray") -> list[Strip]:
        """Send a picture now or when the line is free, unless the view has it.

        Args:
            rgb: uint8 (H, W, 3).

        Returns:
            the cells that stand for it; none: it is painted over what is there.
        """
        if self._shown is None or self._shown.shape != rgb.shape or (self._shown != rgb).any():
            self._shown = self._next = rgb
            left_s = self._app.line.left_s()
            if left_s:
                self._view.set_timer(left_s, self._send_next)
            else:
                self._send_next()
        protocol = self.protocol
        return list(kitty.placed(self._number, *self._cells)) if protocol is Protocol.KITTY and self._number else []

    def forget(self) -> None:
        """There is no picture any more; who calls has its cells written again."""
        if self._number:
            self._app.write_to_terminal(kitty.forgotten(self._number))
        self._number, self._sequence, self._shown, self._next = 0, "", None, None

    def written_over(self, regions: list[Region]) -> None:
        """Paint again what text was written into.

        Args:
            regions: of the screen.
        """
        area = self._area
        if self._sequence and area is not None and any(area.overlaps(region) for region in regions):
            self._paint()

    def _send_next(self) -> None:
        rgb, self._next = self._next, None
        if rgb is None or not self._view.is_mounted:
            return
        left_s = self._app.line.left_s()
        if left_s:
            # Another view was faster.
            self._next = rgb
            self._view.set_timer(left_s, self._send_next)
            return
        protocol, room = self.protocol, (self._view.size.width, self._view.size.height)
        if protocol is Protocol.KITTY:
            self._number = self._number or secrets.randbelow(1 << 24) or 1
            self._cells = kitty.cells_for(rgb.shape[:2], room)
            self._write(kitty.sent(self._number, rgb, self._cells))
            self._view.show_cells(list(kitty.placed(self._number, *self._cells)))
        elif protocol is not None:
            before = self._area
            if protocol is Protocol.SIXEL:
                from birefnet_video.tui import sixel

                across, down = graphics.cell_size(os.environ)
                self._cells = -(-rgb.shape[1] // across), -(-rgb.shape[0] // down)
                self._sequence = sixel.sent(rgb)
            else:
                from birefnet_video.tui import iterm

                self._cells = kitty.cells_for(rgb.shape[:2], room)
                self._sequence = iterm.sent(rgb, self._cells)
            if before == self._area:
                self._paint()
            else:
                # What was there is written over with blanks, and that has this one painted.
                self._view.show_cells([])
                self._view.refresh()

    def _paint(self) -> None:
        area = self._area
        is_below = self._view.app.screen is not self._view.screen
        if area is None or is_below or not self._view.is_on_screen:
            return
        above = [each for each in self._view.screen.query(_ABOVE) if each.display and each.region.overlaps(area)]
        if not above:
            self._write(f"\x1b7\x1b[{area.y + 1};{area.x + 1}H{self._sequence}\x1b8")

    def _write(self, sequence: str) -> None:
        self._app.line.take(len(sequence))
        self._app.write_to_terminal(sequence)

    @property
    def _area(self) -> Region | None:
        """Where on the screen it is painted, or ``None`` if there is no room for it."""
        room, (columns, lines) = self._view.content_region, self._cells
        if not self._sequence or columns > room.width or lines > room.height:
            return None
        corner = room.offset + Offset((room.width - columns) // 2, (room.height - lines) // 2)
        return Region.from_offset(corner, Size(columns, lines))
