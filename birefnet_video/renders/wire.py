"""What goes over the connection between a render and who watches it: JSON, and the samples of pictures."""

import json
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Literal

from birefnet_video.events import (
    JobSnapshot,
    JobState,
    LiveSnapshot,
    LiveState,
    StageSnapshot,
    SubjectNoted,
    WorkerSnapshot,
)
from birefnet_video.types import MediaInfo, Preview

if TYPE_CHECKING:
    import numpy as np

Level = Literal["info", "note", "error"]


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a subject, as a watcher shows it."""

    frame: int
    """Number of the frame, from 0."""
    time_s: float
    """Of the frame, on the input's clock."""
    subject: str
    finding: str
    counts: bool
    """It is a place to look at."""
    words: str
    """All of it."""


def noted_of(event: SubjectNoted) -> Noted:
    """What a watcher shows of an event."""
    time_s = round(event.time_s, 3)
    return Noted(event.frame.index, time_s, event.subject, event.finding, event.counts, event.describe())


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that a render said."""

    at: float
    """Seconds since 1970."""
    level: Level
    text: str
    noted: Noted | None = None
    """What became of a subject, if that is what was said."""


def line_from_json(values: dict[str, Any]) -> LogLine:
    """A line from a JSON object."""
    line = LogLine(**values)
    return replace(line, noted=Noted(**values["noted"])) if values.get("noted") else line


@dataclass(frozen=True, slots=True)
class Clip:
    """What a watcher shows of an input."""

    width: int
    height: int
    rate: float
    """Frames a second."""
    pixel_format: str
    frames: int | None


def clip_of(info: MediaInfo) -> Clip:
    """The part of ``info`` that a watcher shows."""
    return Clip(info.width, info.height, float(info.frame_rate), info.pixel_format, info.frame_count)


def send(connection: Connection, message: dict[str, Any]) -> None:
    """Send one message.

    Raises:
        OSError: if the other side is gone.
    """
    connection.send_bytes(json.dumps(message).encode())


def receive(connection: Connection) -> dict[str, Any]:
    """The next message.

    Raises:
        EOFError, OSError: if the other side is gone.
        ValueError: if it is none.
    """
    message = json.loads(connection.recv_bytes())
    if not isinstance(message, dict):
        raise ValueError("expected an object")
    return message


def snapshot_to_json(snapshot: JobSnapshot) -> dict[str, Any]:
    """A snapshot as a JSON object."""
    return asdict(snapshot)


def snapshot_from_json(values: dict[str, Any]) -> JobSnapshot:
    """The opposite of :func:`snapshot_to_json`."""
    snapshot = JobSnapshot(**values)
    stages = tuple(StageSnapshot(**stage) for stage in values["stages"])
    workers = tuple(WorkerSnapshot(**worker) for worker in values["workers"])
    return replace(snapshot, state=JobState(values["state"]), stages=stages, workers=workers)


def live_from_json(values: dict[str, Any]) -> LiveSnapshot:
    """A live session's snapshot from a JSON object."""
    size = values["size"]
    snapshot = LiveSnapshot(**values)
    return replace(snapshot, state=LiveState(values["state"]), size=(size[0], size[1]) if size else None)


def send_preview(connection: Connection, preview: Preview | None) -> None:
    """A message about a picture, then its samples.

    Raises:
        OSError: if the other side is gone.
    """
    import numpy as np

    if preview is None:
        send(connection, {"height": 0, "width": 0, "index": 0, "seconds": 0.0, "sent": False})
        return
    height, width = preview.alpha.shape
    meta = preview.meta
    has_sent = preview.sent is not None
    place = {"index": meta.index, "seconds": float(meta.time_s), "sent": has_sent, "part": preview.part}
    send(connection, {"height": height, "width": width, **place})
    sent = (preview.sent,) if preview.sent is not None else ()
    connection.send_bytes(np.dstack((preview.rgb, preview.alpha, *sent)).tobytes())


@dataclass(frozen=True, slots=True)
class Picture:
    """A preview, as a watcher gets it."""

    index: int
    """Of the frame."""
    seconds: float
    """Its time in the clip."""
    rgb: "np.ndarray"
    """uint8 (H, W, 3)."""
    alpha: "np.ndarray"
    """uint8 (H, W)."""
    sent: "np.ndarray | None" = None
    """uint8 (H, W, 3): what goes out, as of :class:`Preview`."""
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """As of :class:`Preview`."""


def receive_preview(connection: Connection) -> Picture | None:
    """The opposite of :func:`send_preview`.

    Raises:
        EOFError, OSError: if the other side is gone.
    """
    import numpy as np

    header = receive(connection)
    if not header["height"]:
        return None
    samples = np.frombuffer(connection.recv_bytes(), np.uint8).reshape(header["height"], header["width"], -1)
    sent = samples[..., 4:7] if header["sent"] else None
    left, top, width, height = header["part"]
    part = (left, top, width, height)
    return Picture(header["index"], header["seconds"], samples[..., :3], samples[..., 3], sent, part)
