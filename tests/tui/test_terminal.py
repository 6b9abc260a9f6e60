"""A real terminal: a render that is watched survives signals, and so does the terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import make_clip, read_times
from wait import PATIENCE_S, until

from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore

PROGRAM = [sys.executable, "-m", "birefnet_video"]
QUICK = ["--engine", "eager", "--size", "64", "--smooth", "off", "--no-refine", "--decontaminate", "off"]


class Terminal:
    """A program in a terminal of 80 x 24."""

    def __init__(self, arguments: list[str], cwd: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.slave = slave
        self.output = b""

    def read(self) -> None:
        """What has been written so far."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.output += os.read(self.master, 1 << 16)
            except OSError:
                return

    def wait_for(self, pattern: str) -> None:
        """Until it has written what a regular expression fits."""

        def has_come() -> bool:
            ended = self.process.poll() is not None
            self.read()
            has_come = re.search(pattern, self.plain) is not None
            assert has_come or not ended, self.plain[-3000:]
            return has_come

        try:
            until(has_come)
        except AssertionError:
            print(self.plain[-3000:])
            raise

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?>=]*[ -/]*[@-~]", "", self.output.decode(errors="replace"))

    def end(self) -> int:
        """Its exit code."""

        def has_ended() -> bool:
            ended = self.process.poll() is not None
            # It waits for a terminal that takes nothing.
            self.read()
            return ended

        until(has_ended)
        return self.process.returncode

    def is_sane(self) -> bool:
        """The alternate screen is left, the cursor shows, the mouse is free, and keys are echoed again."""
        left = all(f"\x1b[?{mode}l".encode() in self.output for mode in (1049, 1000))
        shown = self.output.rfind(b"\x1b[?25h") > self.output.rfind(b"\x1b[?25l")
        return left and shown and termios.tcgetattr(self.slave)[3] == self.before[3]

    def hang_up(self) -> None:
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield JobStore()


def over(store: JobStore) -> RecordState:
    until(lambda: store.records()[0].ended_at)
    return store.records()[0].state


def test_termination_stops_the_render_and_restores_the_terminal(store: JobStore, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=4000)
    terminal = Terminal(["in.mp4", "--mask", "out.mkv", "--tui", *QUICK], tmp_path)
    terminal.wait_for("▶ RENDERING")
    terminal.wait_for(r"[1-9]\d*/4000")
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.end() == 143
    assert terminal.is_sane()
    assert over(store) is RecordState.CANCELLED
    assert 0 < len(read_times(tmp_path / "out.partial.mkv")) < 4000
    terminal.hang_up()


def test_a_lost_terminal_takes_the_window_and_not_the_render(store: JobStore, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=250)
    terminal = Terminal(["in.mp4", "--mask", "out.mkv", "--tui", *QUICK], tmp_path)
    terminal.wait_for("▶ RENDERING")
    os.close(terminal.slave)
    os.close(terminal.master)
    assert terminal.process.wait(PATIENCE_S) == 129
    assert over(store) is RecordState.FINISHED
    assert len(read_times(tmp_path / "out.mkv")) == 250


def test_a_hangup_from_elsewhere_restores_the_terminal(store: JobStore, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=250)
    terminal = Terminal(["in.mp4", "--mask", "out.mkv", "--tui", *QUICK], tmp_path)
    terminal.wait_for("▶ RENDERING")
    os.kill(terminal.process.pid, signal.SIGHUP)
    assert terminal.end() == 129 and terminal.is_sane()
    assert over(store) is RecordState.FINISHED
    terminal.hang_up()


def test_a_newcomer_renders_a_clip_without_reading_anything(store: JobStore, tmp_path: Path) -> None:
    """The walk: the clip is there; enter takes it; the form says what ^s does; the end says where the file is."""
    make_clip(tmp_path / "sample.mp4", frames=12)
    terminal = Terminal(["tui"], tmp_path)
    terminal.wait_for("clips of this folder")
    terminal.wait_for(re.escape("sample.mp4"))
    os.write(terminal.master, b"\r")
    terminal.wait_for("NEW RENDER")
    terminal.wait_for("160x96")
    terminal.wait_for(re.escape("birefnet-video sample.mp4 --alpha sample.alpha.mov"))
    terminal.wait_for("Start")
    os.write(terminal.master, b"\x13")
    terminal.wait_for("✔ DONE")
    terminal.wait_for(re.escape("sample.alpha.mov"))
    terminal.wait_for("Quit")
    os.write(terminal.master, b"q")
    assert terminal.end() == 0 and terminal.is_sane()
    assert len(read_times(tmp_path / "sample.alpha.mov")) == 12
    terminal.hang_up()
