"""A render of another process, as it looks from here: polled on a thread, so that nobody waits for it."""

import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import Any, Literal, Protocol

from birefnet_video.errors import UsageError
from birefnet_video.events import JobSnapshot, JobState, LiveSnapshot, LiveState
from birefnet_video.lasting import LastingThread
from birefnet_video.renders import wire
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import RunSummary

#: Seconds from one look to the next, and from one picture to the next.
_LOOK_S, _PREVIEW_S = 0.5, 1.0
#: Seconds in which a new process must answer; it imports nothing heavy before that.
_PATIENCE_S = 60.0

NOTHING_YET = JobSnapshot(state=JobState.WAITING, decoded=0, written=0, total=None, elapsed_s=0.0, fps=0.0, eta_s=None)


Asked = Literal["pause", "resume", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A render at one moment, as a watcher shows it."""

    record: JobRecord
    snapshot: JobSnapshot = NOTHING_YET
    clip: wire.Clip | None = None
    plan: str | None = None
    advice: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What would make a stage faster, by its name."""
    lines: tuple[wire.LogLine, ...] = ()
    picture: wire.Picture | None = None
    summary: RunSummary | None = None
    """Once it is over and has left one."""
    live: LiveSnapshot | None = None
    """Of a live session, in place of ``snapshot``."""
    asked: Asked | None = None
    """What the render was asked to do and has not done yet."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.record.state.is_over

    @property
    def subjects(self) -> tuple[wire.Noted, ...]:
        """What became of subjects so far, in the order of time."""
        if self.summary is not None:
            return self.summary.subjects
        return tuple(line.noted for line in self.lines if line.noted is not None)


@dataclass(frozen=True, slots=True)
class PictureWish:
    """What pictures a watcher wants."""

    width: int
    height: int
    zoom: int = 1
    every_s: float = _PREVIEW_S
    at: tuple[float, float] | None = None
    """As of :meth:`birefnet_video.jobs.Job.preview`."""


class Watch(Protocol):
    """What the terminal interface knows of a render."""

    @property
    def view(self) -> JobView:
        """The latest; never waits."""
        ...

    def want(self, wish: PictureWish | None) -> None:
        """Ask for pictures from now on, or for none."""
        ...

    def pause(self) -> None:
        """Read no further."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...

    def cancel(self, *, keep: bool) -> None:
        """Stop, and keep the part that is done or not."""
        ...

    def tell(self, order: dict[str, Any]) -> None:
        """Give a live session an order, such as ``{"do": "mirror", "on": True}``."""
        ...

    def close(self) -> None:
        """Look no longer; the render goes on."""
        ...


def _summary_of(record: JobRecord) -> RunSummary | None:
    if record.result is None:
        return None
    try:
        return RunSummary.from_json(record.result)
    except (ValueError, KeyError, TypeError):
        # Of another version of this program.
        return None


def _live_of(record: JobRecord) -> LiveSnapshot | None:
    try:
        return wire.live_from_json(record.live) if record.live is not None else None
    except (ValueError, KeyError, TypeError):
        # Of another version of this program.
        return None


class Watcher:
    """A :class:`Watch` of a render whose record is in a store."""

    def __init__(self, store: JobStore, record: JobRecord) -> None:
        """
        Args:
            store: that holds the record.
            record: of the render, which may still wait for its turn.
        """
        self._store = store
        self._view = JobView(record=record, summary=_summary_of(record), live=_live_of(record))
        self._wish: PictureWish | None = None
        self._orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._runs_since: float | None = None
        self._unsent: list[dict[str, Any]] = []
        self._asked: Asked | None = None
        self._complaints: tuple[wire.LogLine, ...] = ()
        self._thread = LastingThread("renders: watch", self._watch, self._complain)
        self._thread.start()

    @property
    def view(self) -> JobView:
        """See :class:`Watch`."""
        view = self._view
        return replace(view, asked=None if view.is_over else self._asked, lines=view.lines + self._complaints)

    def want(self, wish: PictureWish | None) -> None:
        """See :class:`Watch`."""
        self._wish = wish
        self._orders.put({})

    def pause(self) -> None:
        """See :class:`Watch`."""
        self._asked = "pause"
        self._orders.put({"do": "pause"})

    def resume(self) -> None:
        """See :class:`Watch`."""
        self._asked = "resume"
        self._orders.put({"do": "resume"})

    def cancel(self, *, keep: bool) -> None:
        """See :class:`Watch`."""
        self._asked = "cancel"
        self._orders.put({"do": "cancel", "keep": keep})

    def tell(self, order: dict[str, Any]) -> None:
        """See :class:`Watch`."""
        self._orders.put(order)

    def close(self) -> None:
        """See :class:`Watch`."""
        self._thread.close()
        self._orders.put(None)
        self._thread.join(2 * _LOOK_S)

    def _complain(self, fault: str) -> None:
        self._complaints += (wire.LogLine(time.time(), "error", fault),)

    def _watch(self) -> None:
        next_look = next_picture = time.monotonic()
        # What was asked for before a fault is sent after it.
        unsent = self._unsent
        while not self._view.is_over:
            try:
                order = self._orders.get(timeout=max(0.0, next_look - time.monotonic()))
                if order is None:
                    break
                unsent += [order] if order else []
            except queue.Empty:
                pass
            now, wish = time.monotonic(), self._wish
            try:
                connection = self._connect()
                if connection is None and any(order["do"] == "cancel" for order in unsent):
                    # Nothing runs that could be told.
                    self._store.withdraw(self._view.record.id)
                while connection is not None and unsent:
                    wire.send(connection, unsent[0])
                    del unsent[0]
                if connection is not None and wish is not None and now >= next_picture:
                    self._get_picture(connection, wish)
                    next_picture = now + wish.every_s
                if connection is not None:
                    self._look(connection)
            except (OSError, EOFError, ValueError, KeyError, TypeError, AuthenticationError, UsageError):
                self._hang_up()
            next_look = now + _LOOK_S
        self._hang_up()

    def _connect(self) -> Connection | None:
        if self._connection is not None:
            return self._connection
        record = self._reread()
        if record.state is RecordState.RUNNING and record.address:
            self._connection = Client(record.address, authkey=bytes.fromhex(record.key))
        elif record.state is RecordState.RUNNING:
            self._runs_since = self._runs_since or time.monotonic()
            if time.monotonic() - self._runs_since > _PATIENCE_S:
                self._view = replace(self._view, record=replace(record, state=RecordState.FAILED))
        return self._connection

    def _reread(self) -> JobRecord:
        """The record as it is now; one that has been removed is over."""
        here = self._store.get(self._view.record.id)
        record = here or replace(self._view.record, state=RecordState.CANCELLED)
        live = _live_of(record) or self._view.live
        self._view = replace(self._view, record=record, summary=_summary_of(record), live=live)
        return record

    def _look(self, connection: Connection) -> None:
        view = self._view
        wire.send(connection, {"do": "look", "after": len(view.lines)})
        seen = wire.receive(connection)
        lines = view.lines + tuple(wire.line_from_json(line) for line in seen["lines"])
        if "live" in seen:
            live = wire.live_from_json(seen["live"]) if seen["live"] else None
            self._view = replace(view, live=live, lines=lines)
            if live is not None and live.state in (LiveState.ENDED, LiveState.FAILED):
                self._reread()
            return
        clip = seen["clip"]
        self._view = replace(
            view,
            snapshot=wire.snapshot_from_json(seen["snapshot"]),
            clip=wire.Clip(**clip) if clip else None,
            plan=seen["plan"],
            advice={name: tuple(told) for name, told in seen["advice"].items()},
            lines=lines,
        )
        self._note_done(self._view.snapshot.state)
        if self._view.snapshot.state.is_end:
            # The record is what tells how it ended.
            self._reread()

    def _note_done(self, state: JobState) -> None:
        """What was asked for is so now."""
        has_paused = state is JobState.PAUSED
        if (self._asked == "pause" and has_paused) or (self._asked == "resume" and not has_paused):
            self._asked = None

    def _get_picture(self, connection: Connection, wish: PictureWish) -> None:
        asked = {"width": wish.width, "height": wish.height, "zoom": wish.zoom, "at": wish.at}
        wire.send(connection, {"do": "preview", **asked})
        picture = wire.receive_preview(connection)
        if picture is not None:
            self._view = replace(self._view, picture=picture)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if not self._view.is_over:
            self._reread()
