"""A process of this machine that :mod:`birefnet_video.workers.serving` runs in."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

#: Seconds that a process has to end by itself.
_LEAVE_S = 2.0


class WorkerProcess:
    """Takes and gives JSON objects, a line each. One thread orders at a time, one listens."""

    def __init__(self, command: Sequence[str], cores: Sequence[int]) -> None:
        """
        Args:
            command: starts it.
            cores: processors that it may use; none: all.
        """
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open until the process has ended
        # A terminal's Ctrl-C is for who hands out the work.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, start_new_session=True
        )
        self.order(cores=list(cores))

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def order(self, **values: Any) -> None:
        """Give it one object."""
        # Why it does not take it, is said where its answer does not come.
        with suppress(OSError):
            self._process.stdin.write(json.dumps(values).encode() + b"\n")  # type: ignore[union-attr]  # a pipe
            self._process.stdin.flush()  # type: ignore[union-attr]  # a pipe

    def answers(self) -> Iterator[tuple[str, Any]]:
        """What it says, until it ends."""
        # Half a line, or a pipe that was closed meanwhile.
        with suppress(ValueError):
            for line in self._process.stdout:  # type: ignore[union-attr]  # a pipe
                yield from json.loads(line).items()

    def last_words(self) -> str:
        """How it has ended, once it says nothing more."""
        code = self._process.wait()
        with suppress(OSError, ValueError):
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            return f"with code {code}{': ' + lines[-1] if lines else ''}"
        return f"with code {code}"

    def end(self) -> None:
        """End it, whatever it does."""
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]  # a pipe
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]  # a pipe
        self._said.close()
