"""Frames of an input, decoded by another process that stays as long as they are asked for."""

import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from birefnet_video.options.group import options_of
from birefnet_video.options.input import InputSpec
from birefnet_video.renders.process import program


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One frame, small."""

    rgb: np.ndarray
    """uint8 (H, W, 3), H even."""
    time: Fraction
    """When it begins, on the input's clock, in seconds."""


class SourceChild:
    """Decodes in a process that can be stopped."""

    def __init__(self, source: Path, read: InputSpec, *, matte: bool = False) -> None:
        """
        Args:
            source: the input.
            read: what of it is taken, and how.
            matte: its alpha, or its brightness where it has none.
        """
        words = [
            word
            for option in options_of(InputSpec)
            if option.on_command_line and getattr(read, option.name) != option.default
            for word in option.words(getattr(read, option.name))
        ]
        # Whatever it is called, it is no option.
        self._command = [*program(), "show-frames", str(source.absolute()), *words, *(["--matte"] if matte else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False
        self._turn = threading.Lock()

    def stop(self) -> None:
        """End the process, whether it has begun or not. From any thread."""
        self._is_stopped = True
        process = self._process
        if process is not None:
            process.kill()
        # Whoever waits for an answer gets none now.
        with self._turn:
            self._let_go()

    def frame(
        self, time: Fraction, size: tuple[int, int], is_wanted: Callable[[], bool] = lambda: True
    ) -> SourceFrame | str | None:
        """The frame that is shown at a time. From any thread; one after another.

        Args:
            time: on the input's clock, in seconds.
            size: width and height in which it must fit, in square pixels.
            is_wanted: whether it still is when its turn comes.

        Returns:
            the frame, why there is none, or ``None`` if nobody wants it any more.
        """
        with self._turn:
            if self._is_stopped or not is_wanted():
                return None
            try:
                return self._answer({"time": str(time), "width": size[0], "height": size[1]})
            except (OSError, ValueError):
                return None if self._is_stopped else "the input cannot be shown: its decoder has ended"

    def _answer(self, asked: dict[str, object]) -> SourceFrame | str:
        """
        Raises:
            OSError, ValueError: if the process has gone.
        """
        if self._process is None or self._process.poll() is not None:
            self._let_go()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            if self._is_stopped:
                self._process.kill()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        header = json.loads(process.stdout.readline())
        if "error" in header:
            return str(header["error"])
        height, width = header["height"], header["width"]
        samples = process.stdout.read(height * width * 3)
        return SourceFrame(np.frombuffer(samples, np.uint8).reshape(height, width, 3), Fraction(header["time"]))

    def _let_go(self) -> None:
        """Leave nothing of a process that has ended or been killed."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            # What was not sent yet is sent to nobody.
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # it has both
        process.wait()
