"""The renders of one user: a file each, written whole or not at all."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from birefnet_video.errors import UsageError
from birefnet_video.folders import state_folder
from birefnet_video.options.request import Request, to_json, with_overwrite
from birefnet_video.renders.judging import judged
from birefnet_video.renders.record import Forgotten, JobRecord, RecordState, command_of

_FOLDER = "jobs"
#: In the place of an id, the newest render.
LAST = "last"
#: Seconds to wait for another program that holds the lock.
_PATIENCE_S = 10.0
#: From one position in the queue to the next, at least.
_PLACE = 1e-6


def default_folder() -> Path:
    """The user's state folder."""
    return state_folder() / _FOLDER


class JobStore:
    """Records in a folder. Any number of programs may use it at once."""

    def __init__(self, folder: Path | None = None) -> None:
        """
        Args:
            folder: of the files, created if need be; ``None``: in the user's state folder.

        Raises:
            UsageError: if it cannot be created.
            OutputRefused: if the user has no place for it.
        """
        self.folder = folder or default_folder()
        self._latest_place = 0.0
        try:
            # Records hold the keys of running renders.
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"{self.folder}: cannot be used: {error.strerror}", hint="XDG_STATE_HOME names another place"
            ) from None

    def add(
        self,
        request: Request,
        *,
        folder: Path,
        frames: int | None = None,
        clip: dict[str, Any] | None = None,
        queued: bool = True,
    ) -> JobRecord:
        """Keep a new render, behind those that wait.

        Args:
            request: what is asked for.
            folder: where relative paths begin.
            frames: of the input, if known.
            clip: as of :class:`JobRecord`.
            queued: to be started when its turn comes, rather than by the caller.
        """
        with self._locked():
            record = JobRecord(
                id=f"{time.strftime('%m%d-%H%M%S')}-{secrets.token_hex(2)}",
                request=to_json(request),
                command=command_of(request),
                folder=str(folder),
                source=request.source,
                outputs=request.outputs,
                position=self._last_place(),
                created_at=time.time(),
                frames=frames,
                clip=clip,
                queued=queued,
                key=secrets.token_hex(16),
            )
            self._write(record)
        return record

    def records(self) -> list[JobRecord]:
        """All that can be read, in the order of the queue; a render whose process has vanished counts as failed."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                record = JobRecord.from_json(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                # Being removed by another program, or written by another version.
                continue
            found.append(record if record.id == path.stem else replace(record, id=path.stem))
        return [judged(record) for record in sorted(found, key=lambda record: (record.position, record.id))]

    def get(self, record_id: str) -> JobRecord | None:
        """One record, as of :meth:`records`; ``None`` if it has been removed."""
        try:
            return judged(self._read(record_id))
        except UsageError:
            return None

    def find(self, name: str | None) -> JobRecord:
        """
        Args:
            name: the beginning of a record's id; ``last``: the newest; ``None``: the one that runs, or else the latest.

        Raises:
            UsageError: if there is none, or more than one.
        """
        records = self.records()
        if name == LAST and records:
            return max(records, key=lambda record: record.created_at)
        if name is None or name == LAST:
            running = [record for record in records if record.state is RecordState.RUNNING]
            latest = sorted(running or records, key=lambda record: record.started_at or record.created_at)
            if not latest:
                raise UsageError("there is no render", hint="birefnet-video IN --detach starts one")
            return latest[-1]
        found = [record for record in records if record.id.startswith(name)]
        if len(found) != 1:
            known = ", ".join(record.id for record in records) or "none"
            raise UsageError(f"{name}: {len(found)} renders have an id that begins so", hint=f"there are: {known}")
        return found[0]

    def update(self, record_id: str, **changes: object) -> JobRecord:
        """Change fields of a record.

        Raises:
            UsageError: if it has been removed.
        """
        with self._locked():
            record = replace(self._read(record_id), **changes)  # type: ignore[arg-type]
            self._write(record)
        return record

    def take_next(self) -> JobRecord | None:
        """Mark the first queued render that waits as running and return it."""
        with self._locked():
            for record in self.records():
                if record.waits_for_its_turn:
                    taken = replace(record, state=RecordState.RUNNING, started_at=time.time())
                    self._write(taken)
                    return taken
        return None

    def waits(self) -> bool:
        """Whether a queued render waits."""
        return any(record.waits_for_its_turn for record in self.records())

    def settle(self, record_id: str, pid: int | None, /, **changes: object) -> None:
        """Change a render that runs, as far as its record knows, in that process; with an error it has failed."""
        with self._locked():
            record = self._read(record_id)
            if record.state is not RecordState.RUNNING or (pid is not None and record.pid != pid):
                return
            if changes.get("error"):
                changes |= {"state": RecordState.FAILED, "ended_at": time.time()}
            self._write(replace(record, **changes))  # type: ignore[arg-type]

    def withdraw(self, record_id: str) -> bool:
        """Cancel a render that still waits; ``False`` if it does not wait any more."""
        with self._locked():
            record = self._read(record_id)
            if record.state is not RecordState.WAITING:
                return False
            self._write(replace(record, state=RecordState.CANCELLED, ended_at=time.time()))
            return True

    def hold(self, record_id: str, *, held: bool) -> bool:
        """Let the turn of a render in the queue pass by, or not any more; ``False`` if it does not wait there."""
        with self._locked():
            record = self._read(record_id)
            if record.state is not RecordState.WAITING or not record.queued:
                return False
            self._write(replace(record, held=held))
            return True

    def move(self, record_id: str, steps: int) -> None:
        """Move a render that waits by so many places among those that wait; negative is earlier."""
        with self._locked():
            waiting = [record for record in self.records() if record.state is RecordState.WAITING]
            places = [record.position for record in waiting]
            index = next((i for i, record in enumerate(waiting) if record.id == record_id), None)
            if index is None:
                return
            moved = waiting.pop(index)
            waiting.insert(min(max(index + steps, 0), len(waiting)), moved)
            for record, place in zip(waiting, places, strict=True):
                if record.position != place:
                    self._write(replace(record, position=place))

    def retry(self, record_id: str, *, overwrite: bool = False) -> JobRecord:
        """Put a render that has ended back into the queue, as the last one.

        Args:
            record_id: of the render.
            overwrite: let it replace the outputs that it has made.

        Raises:
            UsageError: if it has not ended, or has been removed.
        """
        with self._locked():
            record = self._read(record_id)
            if not judged(record).state.is_over:
                raise UsageError(f"{record_id}: has not ended")
            if overwrite and not record.overwrites:
                record = record.asking(with_overwrite(record.asked()))
            fresh = record.again(self._last_place())
            self._write(fresh)
        return fresh

    def _last_place(self) -> float:
        """A position behind all others: the time, which some systems know to a few milliseconds only."""
        self._latest_place = max(time.time(), self._latest_place + _PLACE)
        return self._latest_place

    def remove(self, record_id: str) -> Forgotten | None:
        """Forget a render; its outputs stay.

        Returns:
            what :meth:`put_back` takes; ``None``: another program was faster.

        Raises:
            UsageError: if it runs.
        """
        with self._locked():
            record = self.get(record_id)
            if record is not None and record.state is RecordState.RUNNING:
                raise UsageError(f"{record_id}: is running", hint=f"birefnet-video attach {record_id} can cancel it")
            log = self.log_path(record_id)
            said = log.read_bytes() if log.is_file() else b""
            for path in (self._path(record_id), log):
                path.unlink(missing_ok=True)
        return Forgotten(record, said) if record is not None else None

    def put_back(self, forgotten: Forgotten) -> None:
        """Keep a render again that was forgotten, where it was."""
        with self._locked():
            self._write(forgotten.record)
            if forgotten.said:
                self.log_path(forgotten.record.id).write_bytes(forgotten.said)

    def change(self, record_id: str, request: Request, **known: Any) -> JobRecord:
        """Ask otherwise for a render that waits and keeps its place; ``known`` are other fields of its record.

        Raises:
            UsageError: if it does not wait any more.
        """
        with self._locked():
            record = self._read(record_id)
            if record.state is not RecordState.WAITING:
                raise UsageError(f"{record_id}: does not wait any more")
            changed = replace(record.asking(request), **known)
            self._write(changed)
        return changed

    def log_path(self, record_id: str) -> Path:
        """Where the process of a render writes what it says."""
        return self.folder / f"{record_id}.log"

    def lock_path(self, name: str) -> Path:
        """A file to lock."""
        return self.folder / f".{name}.lock"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.lock_path("store"), timeout=_PATIENCE_S):
                yield
        except Timeout:
            raise UsageError(f"{self.folder}: another program has held it for {_PATIENCE_S:g} seconds") from None

    def _path(self, record_id: str) -> Path:
        return self.folder / f"{record_id}.json"

    def _read(self, record_id: str) -> JobRecord:
        try:
            return JobRecord.from_json(self._path(record_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{record_id}: this render has been removed") from None
        except ValueError as error:
            raise UsageError(f"{self._path(record_id)}: {error}") from None

    def _write(self, record: JobRecord) -> None:
        path = self._path(record.id)
        fresh = path.with_name(f".{record.id}.{os.getpid()}.tmp")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(record.to_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
