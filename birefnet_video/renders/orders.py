"""Orders to a render of another process, and waiting for its end: for programs and shells, which watch nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from attrs import evolve

from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.events import JobState
from birefnet_video.options.prompts import MaskPicture, Prompts
from birefnet_video.options.request import with_overwrite
from birefnet_video.renders import wire
from birefnet_video.renders.process import ensure_worker
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore

#: Seconds from one look to the next.
_LOOK_S = 0.25
#: Seconds in which a render must answer, and do what it is asked for.
_PATIENCE_S = 60.0
_CANCELLED = 130


class Orders:
    """Orders to the renders of one store."""

    def __init__(self, store: JobStore, *, rest: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            store: that holds their records.
            rest: lets so many seconds pass.
        """
        self._store, self._rest = store, rest

    def cancel(self, record: JobRecord, *, keep: bool) -> None:
        """Stop a render, or take it out of the queue.

        Args:
            record: of the render.
            keep: leave the part that is done.

        Raises:
            UsageError: if it has ended, or does not answer.
        """
        if self._store.withdraw(record.id):
            return
        self._tell(record, {"do": "cancel", "keep": keep}, lambda seen: True)

    def pause(self, record: JobRecord) -> None:
        """Have a render read no further, or let its turn in the queue pass by.

        Raises:
            UsageError: if it has ended, is a camera's, or does not answer.
        """
        if self._store.hold(record.id, held=True):
            return
        _require_file(record, "pause")
        # It has no effect while the network is loaded.
        self._tell(record, {"do": "pause"}, lambda seen: _state_of(seen) == JobState.PAUSED)

    def resume(self, record: JobRecord) -> None:
        """Have a render go on, or take its turn again.

        Raises:
            UsageError: if it has ended, is a camera's, or does not answer.
        """
        if self._store.hold(record.id, held=False):
            ensure_worker(self._store)
            return
        _require_file(record, "resume")
        self._tell(record, {"do": "resume"}, lambda seen: _state_of(seen) != JobState.PAUSED)

    def keep_to(self, record: JobRecord, prompts: Prompts, *, keep: bool) -> None:
        """Say who is meant in a live session from now on.

        Args:
            record: of the session.
            prompts: places are those of the picture that it sends; none: everything is kept again.
            keep: so is who was named before, unless named anew.

        Raises:
            UsageError: if it is no live session, has ended, or does not answer.
        """
        if not record.is_live:
            raise UsageError(f"{record.id}: is no camera: whom a render keeps is said when it is asked for")
        # It runs in a folder of its own.
        said = [
            evolve(each, path=each.path.absolute()) if isinstance(each, MaskPicture) else each for each in prompts.said
        ]
        order = {"do": "subject", "text": str(Prompts(tuple(said))), "keep": keep}
        self._tell(record, order, lambda seen: seen.get("live") is not None)

    def again(self, record: JobRecord, *, overwrite: bool) -> JobRecord:
        """Ask for the same once more: a record of its own at the end of the queue.

        Args:
            record: of a render that has ended.
            overwrite: let it replace what is there.

        Raises:
            UsageError: if it has not ended, is a camera's, or another version has asked for it.
            OutputRefused: if its outputs are there and may not be replaced.
        """
        if not record.state.is_over:
            raise UsageError(f"{record.id}: has not ended", hint=f"birefnet-video jobs cancel {record.id}")
        _require_file(record, "retry")
        # Brings PyAV along, which nothing else here needs.
        from birefnet_video.inputs.sequence import is_there

        there = [output for output in record.outputs if is_there(Path(record.folder) / output)]
        if there and not overwrite and not record.overwrites:
            raise OutputRefused(f"{there[0]}: exists already", hint=f"birefnet-video jobs retry {record.id} -y")
        request = with_overwrite(record.asked()) if overwrite else record.asked()
        fresh = self._store.add(request, folder=Path(record.folder), frames=record.frames)
        ensure_worker(self._store)
        return fresh

    def wait(self, record: JobRecord) -> JobRecord:
        """Wait until a render has ended.

        Returns:
            its record then.

        Raises:
            UsageError: if it is removed meanwhile.
        """
        while True:
            now = self._store.get(record.id)
            if now is None:
                raise UsageError(f"{record.id}: this render has been removed")
            if now.state.is_over:
                return now
            self._rest(_LOOK_S)

    def log(self, record: JobRecord, *, follow: bool) -> Iterator[str]:
        """What the process of a render has said.

        Args:
            record: of the render.
            follow: go on until it ends.

        Yields:
            pieces of text, as they come.
        """
        path, read = self._store.log_path(record.id), 0
        while True:
            now = self._store.get(record.id)
            # What is written before its end is seen after it.
            is_over = now is None or now.state.is_over
            try:
                with path.open("rb") as file:
                    file.seek(read)
                    said = file.read()
            except FileNotFoundError:
                said = b""
            read += len(said)
            if said:
                yield said.decode(errors="replace")
            if is_over or not follow:
                return
            self._rest(_LOOK_S)

    def _tell(self, record: JobRecord, order: dict[str, Any], is_done: Callable[[dict[str, Any]], bool]) -> None:
        """Give an order again and again until a look says that it is done."""
        for _ in range(int(_PATIENCE_S / _LOOK_S)):
            now = self._store.find(record.id)
            if now.state.is_over:
                raise UsageError(f"{record.id}: has ended: {now.state}")
            with _line_to(now) as line:
                if line is not None and is_done(_ask(line, order)):
                    return
            self._rest(_LOOK_S)
        raise UsageError(f"{record.id}: does not {order['do']}: it loads, is about to end, or hangs")


def _require_file(record: JobRecord, what: str) -> None:
    if record.is_live:
        raise UsageError(f"{record.id}: is a camera, which nobody can {what}")


@contextmanager
def _line_to(record: JobRecord) -> Iterator[Connection | None]:
    """A connection to the process of a render; ``None`` if it does not answer yet, or no more."""
    try:
        line = Client(record.address, authkey=bytes.fromhex(record.key)) if record.address else None
    except (OSError, EOFError, AuthenticationError):
        line = None
    try:
        yield line
    finally:
        if line is not None:
            line.close()


def _ask(line: Connection, order: dict[str, Any]) -> dict[str, Any]:
    """What a render looks like after an order; nothing if it has hung up."""
    try:
        wire.send(line, order)
        # It answers in turn: what it was told is done by then.
        wire.send(line, {"do": "look", "after": 0})
        return wire.receive(line)
    except (OSError, EOFError, ValueError):
        return {}


def _state_of(seen: dict[str, Any]) -> str:
    return str(seen.get("snapshot", {}).get("state", ""))


def exit_code_of(record: JobRecord) -> int:
    """The code that the process of a render has ended with, or would have."""
    if record.exit_code is not None:
        return record.exit_code
    return {RecordState.FINISHED: 0, RecordState.CANCELLED: _CANCELLED}.get(record.state, 1)
