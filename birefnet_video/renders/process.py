"""Processes that render: started apart from who starts them, so that a lost terminal takes nothing along."""

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore


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
    return store.update(record.id, pid=process.pid, pid_started_at=began(process.pid))


def ensure_worker(store: JobStore) -> None:
    """Have a process work through the queue, if anything waits there and none does so yet."""
    if not store.waits():
        return
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
        store.settle(record.id, None, pid=running.pid, pid_started_at=began(running.pid))
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


def began(pid: int) -> float | None:
    """When a process began, in seconds since 1970; ``None`` if it is gone."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
