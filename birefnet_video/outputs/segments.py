"""An output in segments: where they begin, and which of them an earlier run has done."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Self

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.cutting import LEAST_FRAMES, Cutter
from birefnet_video.outputs.journal import Journal
from birefnet_video.outputs.parts import Written
from birefnet_video.outputs.shown import ShownFrames
from birefnet_video.outputs.unfinished import PARTIAL_MARK, refused
from birefnet_video.types import FrameMeta

#: Of notes about segments that are done and wait for those before them.
DONE_SUFFIX = ".done"
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

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "frames": [[meta.pts, meta.duration] for meta in self.frames],
            "written": None if self.written is None else asdict(self.written),
            "known": dict(self.known),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], first: int, time_base: Fraction) -> Self:
        """What :meth:`to_json` gave.

        Args:
            values: JSON values.
            first: index of its first frame.
            time_base: of its frames.

        Raises:
            ValueError: if they mean nothing.
        """
        try:
            metas = (FrameMeta(first + i, pts, time_base, length) for i, (pts, length) in enumerate(values["frames"]))
            written = None if values["written"] is None else Written(**values["written"])
            return cls(frames=tuple(metas), written=written, known=values["known"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no part: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """How an output is cut."""

    seconds: Fraction
    """Length of a segment."""
    key: Mapping[str, str]
    """All that its frames depend on, by names that a user knows."""
    time_base: Fraction
    """Of its frames."""
    lead: int = 0
    """As of :class:`Cutter`."""


def folder_of(target: Path) -> Path:
    """Where the parts of an output lie until it is finished."""
    place = target.resolve()
    return place.with_name(f"{place.name.replace('%', '')}{PARTIAL_MARK}.parts")


def part_path(target: Path, number: int) -> Path:
    """The file of a part of an output."""
    return folder_of(target) / f"{number:05d}.part"


def try_path(target: Path, number: int, attempt: int) -> Path:
    """Where a worker makes a part, a file or a folder of pictures: another one may make the same."""
    return folder_of(target) / f"{number:05d}.try-{attempt}"


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
        self._cutter = Cutter(plan.seconds, plan.lead)
        if self.parts:
            self._cutter.go_on(self.parts[0].frames[0], self.parts[-1].frames[-1])
        self._open = ShownFrames()

    def _begin(self, keep: int) -> None:
        if not keep:
            self._remove_files()
            self._journal.begin({"key": dict(self._plan.key)})
            return
        entries = self._journal.read()
        self.parts = list(_parts(entries.parts[:keep], self._plan.time_base))
        if entries.header.get("key") == dict(self._plan.key):
            self._journal.go_on(entries.ends[keep])
        else:
            self._journal.begin({"key": dict(self._plan.key)}, entries.parts[:keep])

    @property
    def frames(self) -> list[FrameMeta]:
        """Of all parts that are done."""
        return list(chain.from_iterable(part.frames for part in self.parts))

    def path(self, number: int) -> Path:
        """The file of a part."""
        return part_path(self.target, number)

    def is_due(self, meta: FrameMeta) -> bool:
        """Whether a new segment begins with a frame, so that the open one must be closed."""
        return self._cutter.is_due(meta)

    def note(self, meta: FrameMeta) -> None:
        """A frame is part of the open segment."""
        self._cutter.note(meta)
        self._open.add(meta)

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
            self._open.end_at(end)
        first = self._open[0].index
        part = Part(frames=tuple(self._open), written=written, known=known(first, first + len(self._open)))
        self._open = ShownFrames()
        self.add(part)
        return part

    def add(self, part: Part) -> None:
        """The next segment is whole and on the disk, whoever has made it.

        Raises:
            OutputRefused: if that cannot be written down.
        """
        self._journal.add(part.to_json())
        self.parts.append(part)
        self.kept += len(part.frames)
        self._cutter.go_on(self.parts[0].frames[0], part.frames[-1])

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
        return self.parts[number - 1].frames[-LEAST_FRAMES:] if number else ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing in it is of use to a later run."""
        return not self.parts and next(self.folder.glob(f"*{DONE_SUFFIX}"), None) is None

    def close(self) -> None:
        """Let other processes have the folder; it stays."""
        self._journal.close()
        self._lock.release()

    def remove(self) -> None:
        """Remove it, with all parts."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_files(self) -> None:
        self.forget()
        for path in self.folder.iterdir():
            if path.name != ".lock":
                with suppress(OSError):
                    path.unlink()


def _parts(lines: Sequence[Mapping[str, Any]], time_base: Fraction) -> list[Part]:
    """What lines mean, up to one that means nothing."""
    made: list[Part] = []
    index = 0
    for line in lines:
        try:
            made.append(Part.from_json(line, index, time_base))
        except ValueError:
            break
        index += len(made[-1].frames)
    return made
