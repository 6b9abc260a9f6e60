"""What has been done of an output, line by line, for a later run to go on from."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from birefnet_video.errors import OutputRefused
from birefnet_video.outputs.unfinished import refused

#: Of the form of the lines. Others are refused.
VERSION = 1
_NAME = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Entries:
    """The lines of a journal."""

    header: Mapping[str, Any]
    """What it was begun with; empty: there is none, or of another version."""
    parts: tuple[Mapping[str, Any], ...]
    """One for each part that is whole, in order."""
    ends: tuple[int, ...]
    """Bytes up to the end of the header, and of each part."""


class Journal:
    """Lines of JSON that are only added to; each is on the disk when :meth:`add` returns."""

    def __init__(self, folder: Path, target: Path) -> None:
        """
        Args:
            folder: of the file.
            target: of the output, to be named.
        """
        self.path, self._target = folder / _NAME, target
        self._file: IO[bytes] | None = None

    def read(self) -> Entries:
        """What has been written; what a cut has left of a last line does not count.

        Raises:
            OutputRefused: if it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Entries({}, (), ())
        except OSError as error:
            raise OutputRefused(f"{self.path}: cannot be read: {error.strerror}") from None
        lines: list[Mapping[str, Any]] = []
        ends: list[int] = []
        for line in data.splitlines(keepends=True):
            try:
                values = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                values = None
            if not isinstance(values, dict):
                break
            lines.append(values)
            ends.append(len(line) + (ends[-1] if ends else 0))
        if not lines or lines[0].get("version") != VERSION:
            return Entries({}, (), ())
        return Entries(lines[0], tuple(lines[1:]), tuple(ends))

    def begin(self, header: Mapping[str, Any], parts: Iterable[Mapping[str, Any]] = ()) -> None:
        """Write the first line, and those of parts, in place of all that was there; all of it or nothing.

        Raises:
            OutputRefused: if that fails.
        """
        fresh = self.path.with_name(f"{self.path.name}.new")
        self._open(fresh, "wb")
        self.add({"version": VERSION, **header})
        for part in parts:
            self.add(part)
        # Not every system lets a file have another name while it is open.
        self.close()
        try:
            fresh.replace(self.path)
            _settle(self.path.parent)
        except OSError as error:
            raise refused(self._target, error) from None
        self._open(self.path, "ab")

    def go_on(self, size: int) -> None:
        """Leave so many bytes of it, and add to those.

        Raises:
            OutputRefused: if that fails.
        """
        file = self._open(self.path, "rb+")
        try:
            file.truncate(size)
            file.seek(size)
        except OSError as error:
            raise refused(self._target, error) from None

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a line.

        Raises:
            OutputRefused: if that fails.
        """
        assert self._file is not None  # begun, or gone on with
        try:
            self._file.write(json.dumps(values, separators=(",", ":")).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            _settle(self.path.parent)
        except OSError as error:
            raise refused(self._target, error) from None

    def close(self) -> None:
        """Add no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path, mode: str) -> IO[bytes]:
        try:
            self._file = file = path.open(mode)
        except OSError as error:
            raise refused(self._target, error) from None
        return file


def _settle(folder: Path) -> None:
    """Names of new files in a folder are on the disk, too, where systems let programs ask for that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
