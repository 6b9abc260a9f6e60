"""What a live session says in a terminal: what goes on, how late pictures are, and what it has written."""

import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from birefnet_video.events import LiveSnapshot
from birefnet_video.options.live import LiveSpec
from birefnet_video.words import printable

#: Seconds from one line to the next, where lines stay.
_SAY_S = 5.0


class LiveTeller:
    """On a terminal one line that changes; elsewhere a line now and then. From any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """
        Args:
            stream: ``None``: standard error.
        """
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._said_s = -_SAY_S
        self._changes = False

    def begin(self, spec: LiveSpec) -> None:
        """Say at once what takes a while."""
        self.say(f"opening {spec.source}, loading the network {spec.backend.model}; Ctrl-C ends the session")

    def say(self, line: str) -> None:
        """A line that stays."""
        with self._lock:
            self._write(printable(line), stays=True)

    def tick(self, snapshot: LiveSnapshot) -> None:
        """A few times a second."""
        if not snapshot.shown or (not self._is_terminal and snapshot.elapsed_s - self._said_s < _SAY_S):
            return
        self._said_s = snapshot.elapsed_s
        line = printable(live_line(snapshot))
        if self._is_terminal:
            # One that breaks could not be written over.
            line = line[: shutil.get_terminal_size().columns - 1]
        with self._lock:
            self._write(line, stays=not self._is_terminal)

    def end(self, snapshot: LiveSnapshot, files: Sequence[Path]) -> None:
        """How it went, and what lies where."""
        for line in end_lines(snapshot, files):
            self.say(line)

    def _write(self, text: str, *, stays: bool) -> None:
        begin = "\r\x1b[K" if self._changes else ""
        self._changes = not stays
        self._stream.write(f"{begin}{text}" + ("\n" if stays else ""))
        self._stream.flush()


def live_line(snapshot: LiveSnapshot) -> str:
    """A session as it is now, in a line."""
    minutes, seconds = divmod(round(snapshot.live_s), 60)
    followed = "".join(f", {name} {state}" for name, state in snapshot.subjects.items())
    return (
        f"{snapshot.state} {minutes}:{seconds:02}  {snapshot.fps:.1f} fps, "
        f"{1000 * snapshot.latency_p50_s:.0f} ms late; "
        f"{snapshot.shown} shown, {snapshot.dropped} dropped{followed}"
    )


def end_lines(snapshot: LiveSnapshot, files: Sequence[Path]) -> list[str]:
    """How a session went.

    Args:
        snapshot: at its end.
        files: that it has written.
    """
    size = f" at {snapshot.size[1]}x{snapshot.size[0]}" if snapshot.size else ""
    lines = [
        f"{snapshot.state}: {snapshot.shown} of {snapshot.taken} pictures in {snapshot.live_s:.1f} s, "
        f"{snapshot.dropped} dropped, {snapshot.reused} unchanged",
    ]
    if snapshot.shown:
        lines.append(
            f"latency {1000 * snapshot.latency_p50_s:.0f} ms, p95 {1000 * snapshot.latency_p95_s:.0f}, longest "
            f"{1000 * snapshot.latency_max_s:.0f}; the network {1000 * snapshot.network_s:.0f} ms{size}, all else "
            f"{1000 * snapshot.beyond_p95_s:.0f} (p95)"
        )
    return [*lines, *(f"wrote {path}{_size_of(path)}" for path in files)]


def _size_of(path: Path) -> str:
    try:
        return f": {path.stat().st_size / 1e6:.1f} MB"
    except OSError:
        # A pattern of pictures, or gone already.
        return ""
