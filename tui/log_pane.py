"""What a render or a session says, line by line."""

import time
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import RichLog

from birefnet_video.renders.wire import LogLine

_LEVELS = {"info": "  ", "note": "! ", "error": "✖ "}


class LogPane(Vertical):
    """Shows each line once."""

    def __init__(self) -> None:
        super().__init__(id="log-pane", classes="pane")
        self._shown = 0

    def compose(self) -> ComposeResult:
        """See Textual."""
        yield RichLog(max_lines=500, markup=False, wrap=True, min_width=20, id="log", auto_scroll=True)

    def on_mount(self) -> None:
        """See Textual."""
        self.border_title = "log"
        self.query_one("#log").can_focus = False

    def show(self, lines: Sequence[LogLine]) -> None:
        """Write what is new of all ``lines`` so far."""
        fresh = lines[self._shown :]
        if not fresh:
            return
        self._shown = len(lines)
        log = self.query_one("#log", RichLog)
        for line in fresh:
            at = time.strftime("%H:%M:%S", time.localtime(line.at))
            log.write(Text(f"{at}  {_LEVELS[line.level]}{line.text}"))
        notes, errors = (sum(line.level == level for line in lines) for level in ("note", "error"))
        self.border_subtitle = f"notes {notes} · errors {errors}"
