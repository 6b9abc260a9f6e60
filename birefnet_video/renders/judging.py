"""What a record says of a render, against what the machine says."""

import time
from dataclasses import replace

from birefnet_video.renders.record import JobRecord, RecordState

#: Seconds in which a process must have been started.
_START_S = 60.0


def judged(record: JobRecord) -> JobRecord:
    """A render that should run, but has no process that does, has failed."""
    late = time.time() - (record.started_at or record.created_at) > _START_S
    if record.state is RecordState.WAITING and not record.queued and late:
        return replace(record, state=RecordState.FAILED, error="it was never started")
    if record.state is not RecordState.RUNNING or (record.pid is None and not late):
        return record
    if record.pid is not None and is_alive(record):
        return record
    vanished = (
        "its process has ended without a word: killed, or out of memory; what it wrote is beside the output, "
        "and a long render goes on there when it is tried again"
    )
    return replace(record, state=RecordState.FAILED, error=vanished)


def is_alive(record: JobRecord) -> bool:
    """Whether the process of a render is there."""
    import psutil

    try:
        process = psutil.Process(record.pid)
        same = record.pid_started_at is None or abs(process.create_time() - record.pid_started_at) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
