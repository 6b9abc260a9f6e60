"""Frames on standard output, for another program to read."""

import os
import sys
from pathlib import Path

import av
import numpy as np

from birefnet_video.errors import OutputRefused
from birefnet_video.options.outputs import STDOUT
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.verify import Promise
from birefnet_video.streams import Nowhere
from birefnet_video.types import FrameMeta, SoundLength


class RawWriter:
    """Writes RGBA samples, straight, frame after frame, without header or time. The same calls as a file's writer."""

    def __init__(self, encoding: Encoding) -> None:
        """
        Args:
            encoding: of raw frames.

        Raises:
            OutputRefused: if standard output is a terminal or closed.
        """
        if isinstance(sys.stdout, Nowhere | None):
            raise OutputRefused("-: standard output is closed", hint="send it to a program or file")
        if sys.stdout.isatty():
            raise OutputRefused(
                "-: standard output is a terminal", hint="send it to a program or file: ... --alpha - | ffplay"
            )
        sys.stdout.flush()
        self._file = sys.stdout.fileno()
        self.target = self.partial = STDOUT
        self.encoding = encoding
        self.frames = self.stored = 0
        self.first_pts: int | None = None
        self.last_pts: int | None = None
        self.last_duration: int | None = None
        self.audio_tracks = 0
        self.sound_damage: list[str] = []
        self.sound_lengths: tuple[SoundLength | None, ...] = ()
        self.size = 0

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """Write one frame.

        Raises:
            OutputRefused: if nobody reads any more.
        """
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        left = memoryview(rows[: picture.height, : picture.width * 4].tobytes())
        try:
            while left:
                taken = os.write(self._file, left)
                self.size += taken
                left = left[taken:]
        except OSError as error:
            raise OutputRefused(f"-: nobody reads standard output any more ({error.strerror})") from None
        self.first_pts = meta.pts if self.first_pts is None else self.first_pts
        self.last_pts = meta.pts
        self.frames += 1
        self.stored += 1

    def finish(self) -> None:
        """Nothing is held back."""

    def verify(self, promise: Promise) -> None:
        """What has been read cannot be read again."""

    def keep_partial(self) -> Path | None:
        """What has been written has been read."""
        return None

    def commit(self, *, overwrite: bool) -> None:
        """There is no name to give."""

    def discard(self) -> None:
        """There is nothing to remove."""
