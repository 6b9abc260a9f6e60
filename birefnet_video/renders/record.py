"""What is kept of one render in the user's state folder."""

import glob
import json
import shlex
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from birefnet_video.errors import UsageError
from birefnet_video.options.request import Request, from_json, to_json

#: Of the files. Others are left alone.
_SCHEMA = 2
#: How the program is called in commands that users see.
PROGRAM = "birefnet-video"


class RecordState(StrEnum):
    """Where a render is, as far as the disk knows."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self not in (RecordState.WAITING, RecordState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One render: how it was asked for, where it runs, and how it ended."""

    id: str
    request: dict[str, Any]
    """What was asked for, every option resolved: a request of :mod:`birefnet_video.options.request` as JSON."""
    command: str
    """The command line that asks for it, to be copied."""
    folder: str
    """Working folder: relative paths begin there."""
    source: str
    outputs: tuple[str, ...]
    position: float
    """In the queue: lower ones come first."""
    created_at: float
    """Seconds since 1970, as all times here."""
    frames: int | None = None
    """Of the input, if known."""
    clip: dict[str, Any] | None = None
    """A :class:`~birefnet_video.renders.wire.Clip` as JSON: the input, if known."""
    state: RecordState = RecordState.WAITING
    queued: bool = True
    """Started when its turn comes; otherwise by who added it."""
    held: bool = False
    """In the queue, but its turn passes by."""
    started_at: float | None = None
    ended_at: float | None = None
    pid: int | None = None
    pid_started_at: float | None = None
    """When that process began, which tells it from a later one of the same number."""
    address: str | None = None
    """Where the process answers."""
    key: str = ""
    """What one must know to be answered, in hexadecimal digits."""
    error: str | None = None
    """Why it failed, in one line."""
    written: int | None = None
    """Frames that are encoded, written down now and then."""
    kept: int | None = None
    """Of those, the ones that the same command need not make again; ``None``: it keeps none."""
    exit_code: int | None = None
    """That its process has ended with."""
    result: dict[str, Any] | None = None
    """A :class:`~birefnet_video.renders.summary.RunSummary` as JSON."""
    live: dict[str, Any] | None = None
    """A :class:`~birefnet_video.events.LiveSnapshot` as JSON: a live session at its end."""

    @property
    def waits_for_its_turn(self) -> bool:
        """Whether the queue will start it."""
        return self.state is RecordState.WAITING and self.queued and not self.held

    @property
    def is_live(self) -> bool:
        """Whether it mattes a camera and not a file."""
        return self.request.get("kind") == "webcam"

    def asked(self) -> Request:
        """What was asked for.

        Raises:
            UsageError: if another version has written it.
        """
        try:
            return from_json(self.request)
        except ValueError as error:
            raise UsageError(f"{self.id}: cannot be read: {error}", hint="give its command again") from None

    @property
    def overwrites(self) -> bool:
        """Whether it may replace what is there."""
        return bool(self.request.get("spec", {}).get("writing", {}).get("overwrite"))

    def asking(self, request: Request) -> Self:
        """The same render, asked for otherwise."""
        return replace(
            self,
            request=to_json(request),
            command=command_of(request),
            source=request.source,
            outputs=request.outputs,
        )

    def again(self, position: float) -> Self:
        """The same render, waiting in the queue, and nothing of how it ran.

        Args:
            position: in the queue.
        """
        return replace(
            self,
            state=RecordState.WAITING,
            queued=True,
            held=False,
            position=position,
            result=None,
            live=None,
            written=None,
            error=None,
            exit_code=None,
            pid=None,
            pid_started_at=None,
            address=None,
            started_at=None,
            ended_at=None,
        )

    def to_json(self) -> str:
        """The text of its file."""
        return json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Raises:
            ValueError: if it is no record, or one of another version.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or values.pop("schema", None) != _SCHEMA:
            raise ValueError("no record of this version")
        try:
            record = cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None
        return replace(
            record,
            outputs=tuple(record.outputs),
            state=RecordState(record.state),
        )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A render that was removed from a store."""

    record: JobRecord
    said: bytes
    """Its log."""


def command_of(request: Request) -> str:
    """The command line of a request."""
    return shlex.join([PROGRAM, *request.arguments])


def left_behind(record: JobRecord) -> list[Path]:
    """Unfinished files that lie beside the outputs of a render since it began."""
    found = []
    for output in record.outputs:
        target = Path(record.folder) / output
        stem = target.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        try:
            for path in sorted(target.parent.glob(f"{glob.escape(stem)}.partial*")):
                if path.stat().st_mtime >= (record.started_at or record.created_at):
                    found.append(path)
        except OSError:
            continue
    return found
