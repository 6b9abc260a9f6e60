"""On a terminal a render whose model is not here asks whether to fetch it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_clip
from hub import running_hub
from hub_user import Shell


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 3), (b"\n", 3)])
def test_it_asks_with_size_and_licence_and_takes_an_answer(answer: bytes, code: int, tmp_path: Path) -> None:
    content = bytes(1 << 16)
    with running_hub(net=content) as hub:
        user = Shell(tmp_path, hub)
        user.add_row("net")
        make_clip(tmp_path / "in.mp4", frames=1)
        leader, follower = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "birefnet_video", "in.mp4", "--mask", "m.mkv", "-m", "net", "--progress", "plain"],
            cwd=tmp_path, env=user.environment(), stdin=follower, stderr=follower, stdout=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            os.close(follower)
            os.write(leader, answer)
            said = b""
            while block := _read(leader):
                said += block
        os.close(leader)
        words = said.decode()
        assert "net (0 MB, MIT) are not on this machine. Fetch them now? [Y/n]" in words
        assert process.returncode == code, words
        # These bytes are no network: that is said after they came.
        assert bool(hub.ranges()) == (answer == b"\n")
        assert ("cannot be read as weights" in words) == (answer == b"\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # The other end is closed.
        return b""
