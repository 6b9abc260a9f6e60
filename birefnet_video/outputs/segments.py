"""An output in segments: where they begin, and which of them an earlier run has done."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.journal import Journal
from birefnet_video.outputs.parts import Written
from birefnet_video.outputs.unfinished import PARTIAL_MARK, refused
from birefnet_video.types import FrameMeta

#: A shorter segment goes on beyond its time: encoders hold back fewer frames than these.
_LEAST_FRAMES = 16
#: Holds the name of the file that the parts are muxed into.
_FILM = "film"
#: Gives what a job must know to go on after a part, by the index of its first frame and of the first one behind it.
KnownAt = Callable[[int, int], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment that is done."""

    frames: tuple[FrameMeta, ...]
    written: Written | None
    """What its file holds; ``None``: its frames are files of their own."""
    known: Mapping[str, Any]
    """What the job must know to go on after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """How an output is cut."""

    seconds: Fraction
    """Length of a segment."""
    key: Mapping[str, str]
    """All that its frames depend on, by names that a user knows."""
    time_base: Fraction
    """Of its frames."""


def folder_of(target: Path) -> Path:
    """Where the parts of an output lie until it is finished."""
    place = target.resolve()
    return place.with_name(f"{place.name.replace('%', '')}{PARTIAL_MARK}.parts")


def part_path(target: Path, number: int) -> Path:
    """The file of a part of an output."""
    return folder_of(target) / f"{number:05d}.part"


def parts_done(target: Path, time_base: Fraction) -> tuple[Mapping[str, str], list[Part]]:
    """The key of an output's journal, and its parts; both are empty if there is none.

    Raises:
        OutputRefused: if it cannot be read.
    """
    entries = Journal(folder_of(target), target).read()
    return entries.header.get("key", {}), list(_parts(entries.parts, time_base))


class Segments:
    """The journal of one output, and where its next segment begins. One thread."""

    def __init__(self, target: Path, plan: SegmentPlan, keep: int) -> None:
        """Hold the folder of an output's parts, so that no other process writes into it.

        Args:
            target: path of the output.
            plan: how it is cut.
            keep: parts of an earlier run to go on from; what lies behind them is removed.

        Raises:
            OutputRefused: if the folder cannot be made or another process holds it.
        """
        from filelock import FileLock, Timeout

        self.target, self.folder, self._plan = target, folder_of(target), plan
        try:
            # Numbered pictures may have a folder of their own that is not there yet.
            self.folder.parent.mkdir(exist_ok=True)
            self.folder.mkdir(exist_ok=True)
            self._lock = FileLock(self.folder / ".lock", timeout=0)
            self._lock.acquire()
        except Timeout:
            raise OutputRefused(f"{target}: another render is writing it") from None
        except OSError as error:
            raise refused(target, error) from None
        self._journal = Journal(self.folder, target)
        self.parts: list[Part] = []
        try:
            self._begin(keep)
        except BaseException:
            self.close()
            raise
        self.kept = len(self.frames)
        """Frames of all parts that are done."""
        first = self.parts[0].frames[0] if self.parts else None
        self._start = first.pts * first.time_base if first is not None else None
        self._slot = self._slot_of(self.parts[-1].frames[-1]) if self.parts else 0
        self._open: list[FrameMeta] = []

    def _begin(self, keep: int) -> None:
        if not keep:
            self._remove_files()
            self._journal.begin({"key": dict(self._plan.key)})
            return
        entries = self._journal.read()
        self.parts = list(_parts(entries.parts[:keep], self._plan.time_base))
        self._journal.go_on(entries.ends[keep])

    @property
    def frames(self) -> list[FrameMeta]:
        """Of all parts that are done."""
        return list(chain.from_iterable(part.frames for part in self.parts))

    def path(self, number: int) -> Path:
        """The file of a part."""
        return part_path(self.target, number)

    def is_due(self, meta: FrameMeta) -> bool:
        """Whether a new segment begins with a frame, so that the open one must be closed."""
        if self._start is None:
            self._start = meta.pts * meta.time_base
        return len(self._open) >= _LEAST_FRAMES and self._slot_of(meta) > self._slot

    def note(self, meta: FrameMeta) -> None:
        """A frame is part of the open segment."""
        if not self._open:
            self._slot = self._slot_of(meta)
        self._end_at(meta.pts)
        self._open.append(meta)

    def close_part(self, end: int | None, written: Written | None, known: KnownAt) -> Part:
        """The open segment is whole and on the disk.

        Args:
            end: when the next one begins, in ticks; ``None``: it is the last.
            written: what its file holds.
            known: gives what is to be known of it.

        Raises:
            OutputRefused: if that cannot be written down.
        """
        if end is not None:
            self._end_at(end)
        first = self._open[0].index
        part = Part(frames=tuple(self._open), written=written, known=known(first, first + len(self._open)))
        self._journal.add(_to_json(part))
        self.parts.append(part)
        self.kept += len(part.frames)
        self._open = []
        return part

    @property
    def open_frames(self) -> Sequence[FrameMeta]:
        """Of the segment that is not whole; grows with it."""
        return self._open

    def remember(self, partial: Path) -> None:
        """Let the next run know of a file that it will write anew."""
        try:
            (self.folder / _FILM).write_text(partial.name, encoding="utf-8")
        except OSError as error:
            raise refused(self.target, error) from None

    def forget(self) -> None:
        """Remove the file that the last run has written so far: all of it that counts lies in parts."""
        with suppress(OSError, ValueError):
            name = (self.folder / _FILM).read_text(encoding="utf-8")
            if PARTIAL_MARK in name and "/" not in name:
                (self.target.resolve().parent / name).unlink(missing_ok=True)

    def before(self, number: int) -> Sequence[FrameMeta]:
        """The last frames before a part, as many as encoders hold back."""
        return self.parts[number - 1].frames[-_LEAST_FRAMES:] if number else ()

    def close(self) -> None:
        """Let other processes have the folder; it stays."""
        self._journal.close()
        self._lock.release()

    def remove(self) -> None:
        """Remove it, with all parts."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _slot_of(self, meta: FrameMeta) -> int:
        assert self._start is not None  # set with the first frame
        return math.floor((meta.pts * meta.time_base - self._start) / self._plan.seconds)

    def _end_at(self, pts: int) -> None:
        """A frame ends where the next one begins."""
        if self._open and self._open[-1].duration is not None:
            self._open[-1] = replace(self._open[-1], duration=pts - self._open[-1].pts)

    def _remove_files(self) -> None:
        self.forget()
        for path in self.folder.iterdir():
            if path.name != ".lock":
                with suppress(OSError):
                    path.unlink()


def _to_json(part: Part) -> dict[str, Any]:
    return {
        "frames": [[meta.pts, meta.duration] for meta in part.frames],
        "written": None if part.written is None else asdict(part.written),
        "known": dict(part.known),
    }


def _parts(lines: Sequence[Mapping[str, Any]], time_base: Fraction) -> list[Part]:
    """What lines mean, up to one that means nothing."""
    made: list[Part] = []
    index = 0
    for line in lines:
        try:
            metas = tuple(
                FrameMeta(index + i, pts, time_base, length) for i, (pts, length) in enumerate(line["frames"])
            )
            written = None if line["written"] is None else Written(**line["written"])
            made.append(Part(frames=metas, written=written, known=line["known"]))
        except (KeyError, TypeError, ValueError):
            break
        index += len(metas)
    return made
