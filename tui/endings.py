"""Says that a render has ended to who looks elsewhere: by the terminal's bell, and by a notice."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.tui.text import clock

from birefnet_video.events import JobState
from birefnet_video.renders.watcher import JobView, Watch

if TYPE_CHECKING:
    from birefnet_video.tui.app import BirefnetApp

_WORDS = {JobState.FINISHED: "done", JobState.FAILED: "failed", JobState.CANCELLED: "stopped"}
#: What a desktop must have for a notice, and the program that shows it.
_DESKTOPS, _PROGRAM = ("DISPLAY", "WAYLAND_DISPLAY"), "notify-send"


class Endings:
    """Looks at all renders that the interface watches; each end is told once."""

    def __init__(self, app: "BirefnetApp") -> None:
        """
        Args:
            app: whose bell and terminal are used.
        """
        self._app = app
        self._running: set[str] = set()

    def look(self, watches: Mapping[str, Watch]) -> None:
        """Tell of those that ran at the last look and do not any more."""
        for render_id, watch in watches.items():
            view = watch.view
            if not view.is_over:
                self._running.add(render_id)
            elif render_id in self._running:
                self._running.discard(render_id)
                self._tell(view)

    def _tell(self, view: JobView) -> None:
        words, wishes = said_of(view), self._app.preferences
        if wishes.bell:
            self._app.bell()
        if wishes.notice:
            self._app.write_to_terminal(notice(words, os.environ))
            show_on_desktop(words, os.environ)
        self._app.notify(words, severity="error" if view.record.error else "information", markup=False)


def said_of(view: JobView) -> str:
    """The end of a render in a line."""
    word = _WORDS.get(JobState(str(view.record.state)), str(view.record.state))
    took = f" after {clock(view.summary.seconds)}" if view.summary is not None else ""
    return f"{Path(view.record.source).name}: {word}{took}"


def notice(words: str, environment: Mapping[str, str]) -> str:
    """The sequence (OSC 9) by which a terminal shows a notice; those that know none pass it over in silence.

    Args:
        words: of the notice.
        environment: variables by their names.

    Returns:
        nothing where a multiplexer would show it as text or swallow it.
    """
    if "TMUX" in environment or environment.get("TERM", "").startswith(("screen", "tmux", "linux", "dumb")):
        return ""
    plain = "".join(letter for letter in words if letter.isprintable())
    return f"\x1b]9;birefnet-video: {plain}\x07"


def show_on_desktop(words: str, environment: Mapping[str, str]) -> bool:
    """Have the desktop of this machine show a notice; whether there is one."""
    # Over ssh the desktop is another machine's, which the terminal's own notice reaches.
    is_here = any(environment.get(name) for name in _DESKTOPS) and "SSH_CONNECTION" not in environment
    program = shutil.which(_PROGRAM) if is_here else None
    if program is None:
        return False
    quiet = subprocess.DEVNULL
    with suppress(OSError):
        subprocess.Popen([program, "birefnet-video", words], stdin=quiet, stdout=quiet, stderr=quiet)
    return True
