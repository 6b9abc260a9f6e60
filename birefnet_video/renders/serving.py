"""What runs in a process apart, kept in its record and served to those who watch it."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from birefnet_video.errors import UsageError
from birefnet_video.events import JobCancelled, JobEvent, JobFailed
from birefnet_video.jobs import Job
from birefnet_video.lasting import LastingThread
from birefnet_video.renders.process import began
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.server import JobServer, Served, ServedJob
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import summarise
from birefnet_video.renders.wire import clip_of

#: Seconds from one note of a render's progress to the next.
_PROGRESS_S = 5.0


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
    record = store.update(record_id, state=RecordState.RUNNING, pid=os.getpid(), pid_started_at=began(os.getpid()))
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
    record = store.update(record_id, state=RecordState.RUNNING, pid=os.getpid(), pid_started_at=began(os.getpid()))
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
