"""Processes that render: started apart from who starts them, so that a lost terminal takes nothing along."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.events import JobCancelled, JobEvent, JobFailed
from birefnet_video.jobs import Job
from birefnet_video.lasting import LastingThread
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.server import JobServer, Served, ServedJob
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import summarise
from birefnet_video.renders.wire import clip_of

#: Seconds from one note of a render's progress to the next.
_PROGRESS_S = 5.0


def program() -> list[str]:
    """How this program is started from another folder: files there are not taken for modules."""
    return [sys.executable, "-P", "-m", "birefnet_video"]


def launch(store: JobStore, record: JobRecord) -> JobRecord:
    """Start the process of a render now, apart from this one.

    Returns:
        the record, running.
    """
    store.update(record.id, state=RecordState.RUNNING, started_at=time.time())
    try:
        process = _spawn_render(store, record)
    except OSError as error:
        return store.update(record.id, state=RecordState.FAILED, ended_at=time.time(), error=str(error))
    _let_go(process)
    return store.update(record.id, pid=process.pid, pid_started_at=_began(process.pid))


def ensure_worker(store: JobStore) -> None:
    """Have a process work through the queue, if there is none yet."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(store.lock_path("worker"), timeout=0):
            pass
    except Timeout:
        return
    _let_go(_spawn(["work"], Path.cwd(), store.log_path("worker")))


def work(store: JobStore) -> None:
    """Render what waits in the queue, one after another, each in a process of its own, until nothing waits."""
    from filelock import FileLock, Timeout

    # What is added while the lock is being released is seen in another turn.
    while store.waits():
        try:
            with FileLock(store.lock_path("worker"), timeout=1):
                while (record := store.take_next()) is not None:
                    _work_on(store, record)
        except Timeout:
            # Another one has begun at the same moment.
            return


def _work_on(store: JobStore, record: JobRecord) -> None:
    """Render one; whatever is wrong with it, the others go on."""
    try:
        running = _spawn_render(store, record)
        store.settle(record.id, None, pid=running.pid, pid_started_at=_began(running.pid))
        code = running.wait()
        store.settle(record.id, running.pid, error=f"its process has ended without a word, with code {code}")
    except Exception as error:  # noqa: BLE001 - the process border: one render must not keep the others from their turn
        print(f"{record.id}: {type(error).__name__}: {error}", file=sys.stderr)
        with contextlib.suppress(OSError, BirefnetVideoError):
            store.settle(record.id, None, error=str(error))


def _spawn_render(store: JobStore, record: JobRecord) -> "subprocess.Popen[bytes]":
    return _spawn(["carry-out", record.id], Path(record.folder), store.log_path(record.id))


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    """Leave a process to itself; its end is noticed, or it would stay in the table of processes as long as this one."""
    threading.Thread(target=process.wait, name="renders: child", daemon=True).start()


def _spawn(arguments: list[str], folder: Path, log: Path) -> "subprocess.Popen[bytes]":
    apart: dict[str, int | bool] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    with log.open("ab") as said:
        return subprocess.Popen(
            [*program(), *arguments],
            cwd=folder if folder.is_dir() else None,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            **apart,  # type: ignore[call-overload]
        )


def _began(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def serve(job: Job, store: JobStore, record_id: str, run: Callable[[Job], int]) -> int:
    """Run a job in this process and let others watch it.

    Args:
        job: not yet started.
        store: that holds its record.
        record_id: of its record.
        run: starts the job, waits for its end and returns the exit code.

    Returns:
        the exit code.
    """
    record = store.update(record_id, state=RecordState.RUNNING, pid=os.getpid(), pid_started_at=_began(os.getpid()))
    try:
        return _serve(job, store, record, run)
    except BaseException as error:
        refuse(store, record_id, error)
        raise


def _serve(job: Job, store: JobStore, record: JobRecord, run: Callable[[Job], int]) -> int:
    served, stop = ServedJob(job), threading.Event()
    server = JobServer(served, bytes.fromhex(record.key))
    progress = LastingThread("renders: progress", lambda: _note_progress(job, store, record.id, stop), served.complain)
    ends: list[JobEvent] = []
    job.subscribe(lambda event: ends.append(event) if isinstance(event, JobCancelled | JobFailed) else None)
    server.start()
    store.update(record.id, address=server.address)
    progress.start()
    try:
        code = run(job)
        stop.set()
        progress.join()
        end = ends[-1] if ends else None
        kept = end.kept if isinstance(end, JobCancelled | JobFailed) else ()
        error = end.error if isinstance(end, JobFailed) else None
        summary = summarise(job, exit_code=code, kept=kept, error=error, command=record.command)
        if job.report is not None and job.report.outputs:
            try:
                summary.save_beside(job.report.outputs[0])
            except OSError as problem:
                print(f"the summary cannot be written: {problem}", file=sys.stderr)
        store.update(
            record.id,
            state=RecordState(summary.state),
            ended_at=time.time(),
            exit_code=code,
            error=str(error) if error else None,
            frames=summary.frames if summary.exit_code == 0 else summary.total,
            written=summary.frames,
            clip=_clip(job),
            result=summary.to_json(),
            address=None,
        )
    finally:
        stop.set()
        server.close()
    return code


def _clip(job: Job) -> dict[str, Any] | None:
    return asdict(clip_of(job.info)) if job.info else None


def _note_progress(job: Job, store: JobStore, record_id: str, stop: threading.Event) -> None:
    """Write down now and then how far a render is, for when its process is killed."""
    while not stop.wait(_PROGRESS_S):
        snapshot = job.snapshot()
        if snapshot.written:
            # A record that was removed needs none.
            with contextlib.suppress(UsageError):
                clip = _clip(job)
                kept = snapshot.kept
                store.update(record_id, frames=snapshot.total, written=snapshot.written, kept=kept, clip=clip)


def serve_live(served: Served, store: JobStore, record_id: str, run: Callable[[], int]) -> int:
    """Run a live session in this process and let others watch it.

    Args:
        served: the session.
        store: that holds its record.
        record_id: of its record.
        run: runs it to its end and returns the exit code.

    Returns:
        the exit code.
    """
    record = store.update(record_id, state=RecordState.RUNNING, pid=os.getpid(), pid_started_at=_began(os.getpid()))
    try:
        server = JobServer(served, bytes.fromhex(record.key))
        server.start()
        store.update(record_id, address=server.address)
        try:
            code = run()
        finally:
            server.close()
            # The record may have been removed.
            with contextlib.suppress(UsageError):
                store.update(record_id, live=served.look(0).get("live"))
    except BaseException as error:
        refuse(store, record_id, error)
        raise
    store.update(record_id, state=RecordState.FINISHED, ended_at=time.time(), exit_code=code, address=None)
    return code


def refuse(store: JobStore, record_id: str, error: BaseException) -> None:
    """Write down why a render could not even begin."""
    # The record may have been removed: there is nobody left to tell.
    with contextlib.suppress(UsageError):
        store.update(
            record_id,
            state=RecordState.FAILED,
            ended_at=time.time(),
            error=str(error) or type(error).__name__,
            exit_code=getattr(error, "exit_code", None),
            address=None,
        )
