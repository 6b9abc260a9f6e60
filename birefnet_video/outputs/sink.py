"""What takes the frames of one output, whatever becomes of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import av

from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.verify import Promise
from birefnet_video.types import FrameMeta, SoundLength


class Sink(Protocol):
    """One thread writes and finishes; then it is verified and committed, kept in part, or discarded."""

    target: Path
    """Final path."""
    encoding: Encoding
    frames: int
    """Frames taken so far, those of an earlier run among them."""
    stored: int
    """Frames that have gone to the file; encoders hold some back."""
    first_pts: int | None

    @property
    def partial(self) -> Path:
        """Where the result is until :meth:`commit`."""
        ...

    @property
    def last_pts(self) -> int | None:
        """Time of the latest frame, in ticks."""
        ...

    @property
    def last_duration(self) -> int | None:
        """How long the latest frame is shown, in ticks, if the source says so."""
        ...

    @property
    def audio_tracks(self) -> int:
        """Audio tracks that are written."""
        ...

    @property
    def sound_damage(self) -> list[str]:
        """What of the sound could not be read, known when all is finished."""
        ...

    @property
    def sound_lengths(self) -> tuple[SoundLength | None, ...]:
        """How long each audio track should be, where that is known, when all is finished."""
        ...

    @property
    def size(self) -> int:
        """Bytes written so far."""
        ...

    def write(self, picture: av.VideoFrame, meta: FrameMeta) -> None:
        """Take one frame with the time of its source.

        Raises:
            OutputRefused: if it cannot be written.
        """
        ...

    def finish(self) -> None:
        """Write what is still held.

        Raises:
            OutputRefused: if that fails.
        """
        ...

    def verify(self, promise: Promise) -> None:
        """Read the finished result again.

        Raises:
            VerificationFailed: if it is not what was promised.
        """
        ...

    def keep_partial(self) -> Path | None:
        """Close early; where a readable part is kept, or ``None`` if there was nothing worth keeping.

        Raises:
            OutputRefused: if it cannot be closed properly; it is left as it is.
        """
        ...

    def commit(self, *, overwrite: bool) -> None:
        """Give the finished result its final name.

        Args:
            overwrite: replace what has that name.

        Raises:
            OutputRefused: if that fails, or if something of that name has appeared meanwhile.
        """
        ...

    def discard(self) -> None:
        """Close and remove it."""
        ...


@contextmanager
def discarded_on_error() -> Iterator[list[Sink]]:
    """A list of sinks; those in it are discarded if what is done within fails."""
    writers: list[Sink] = []
    try:
        yield writers
    except BaseException:
        for writer in writers:
            # What cannot be removed must not hide why it was to be.
            with suppress(OSError):
                writer.discard()
        raise
