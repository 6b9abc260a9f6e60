"""What a render that follows somebody leaves for a later run, and takes from an earlier one."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from birefnet_video.events import SubjectNoted
from birefnet_video.pipeline.followed_values import followed_from, values_of
from birefnet_video.pipeline.hindsight import Hindsight
from birefnet_video.pipeline.pursuit import Followed
from birefnet_video.types import FrameMeta

#: Frames at least between two that a later run may go on from.
_APART = 4


@dataclass(slots=True, kw_only=True)
class Memory:
    """What is known of subjects before frames that a later run may go on from. From any thread."""

    lead: int
    """Frames before the first new one that its matte depends on."""
    place: Path
    """Of the file that keeps what prompts say of frames before them."""
    begin: int = 0
    """The first frame that is followed in this run."""
    before: FrameMeta | None = None
    """The frame before that one."""
    followed: Followed | None = None
    """What was known then; ``None``: nothing, it is the first of all."""
    done: int = 0
    """Frames that earlier runs have done."""
    fates: list[SubjectNoted] = field(default_factory=list)
    """What has become of subjects in those, and in this run."""
    written: Callable[[], int] = lambda: 0
    """Gives how many frames all outputs have taken."""
    _known: list[tuple[int, Followed]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def restore(self, parts: Sequence[tuple[Sequence[FrameMeta], Mapping[str, Any]]]) -> None:
        """Take what an earlier run has left.

        Args:
            parts: that it has done: the frames of each, and what :meth:`known` gave with it.

        Raises:
            ValueError: if that means nothing.
        """
        frames = [meta for metas, _ in parts for meta in metas]
        try:
            for _, known in parts:
                self.fates += [SubjectNoted(frames[index], *words) for index, *words in known["fates"]]
            self.begin = int(parts[-1][1]["followed"][0])
            self.followed = followed_from(parts[-1][1]["followed"][1])
            self.before = frames[self.begin - 1] if self.begin else None
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"nothing to follow on from: {error}") from None
        self.done = len(frames)

    def note(self, index: int, followed: Followed) -> None:
        """What is known before a frame that begins a batch, in the order of display."""
        with self._lock:
            if not self._known or index - self._known[-1][0] >= _APART:
                self._known.append((index, followed))
            # No part ends before what is written.
            self._forget(self.written() - self.lead)

    def known(self, first: int, after: int) -> Mapping[str, Any]:
        """What must be known to go on after a part, as JSON values.

        Args:
            first: index of its first frame.
            after: of the first one behind it.
        """
        with self._lock:
            self._forget(after - self.lead)
            index, followed = self._known[0]
            fates = [noted for noted in self.fates if first <= noted.frame.index < after]
        words = [[noted.frame.index, noted.subject, noted.finding, noted.why, noted.time_s] for noted in fates]
        return {"followed": [index, values_of(followed)], "fates": words}

    def _forget(self, begin: int) -> None:
        """What no run will go on from that goes on from a frame or a later one."""
        while len(self._known) > 1 and self._known[1][0] <= max(0, begin):
            del self._known[0]

    def noting(self, on_subject: Callable[[SubjectNoted], None]) -> Callable[[SubjectNoted], None]:
        """Tell what earlier runs have found.

        Returns:
            who is to be told of new findings in place of ``on_subject``, so that the next run knows of them, too.
        """

        def note(noted: SubjectNoted) -> None:
            # Those before are known.
            if noted.frame.index >= self.done:
                with self._lock:
                    self.fates.append(noted)
                on_subject(noted)

        for noted in self.fates:
            on_subject(noted)
        return note

    @property
    def has_hindsight(self) -> bool:
        """Whether an earlier run has looked at all that prompts say of frames before them."""
        return self.place.is_file()

    def hindsight(self, grid: tuple[int, int]) -> Hindsight:
        """What that run has found.

        Args:
            grid: see :class:`birefnet_video.pipeline.hindsight.Hindsight`.

        Raises:
            OSError: if it cannot be read.
        """
        with self.place.open("rb") as file:
            return Hindsight.read(grid, file)

    def keep(self, hindsight: Hindsight) -> None:
        """Let later runs have it. Where there is no room for it they look again."""
        fresh = self.place.with_name(f"{self.place.name}.new")
        with suppress(OSError):
            with fresh.open("wb") as file:
                hindsight.write(file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.place)


def hindsight_path(folder: Path, said: str) -> Path:
    """Where what prompts say of frames before them is kept.

    Args:
        folder: of the parts.
        said: all prompts: others say something else.
    """
    return folder / f"hindsight-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
