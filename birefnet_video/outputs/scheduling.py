"""How threads are scheduled, kept as it was while an encoder opens.

SVT-AV1 asks for real-time scheduling of the thread that opens it and of all its own, which root is granted, as in most
containers: a render would take the whole machine from everybody else, and hand that on to the processes that it starts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Whatever opens an encoder within leaves this thread, and gives new ones, the scheduling that this thread has."""
    if not hasattr(os, "sched_getscheduler") or not _TASKS.is_dir():
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for task in _TASKS.iterdir():
                # A thread may have ended meanwhile.
                with suppress(OSError):
                    os.sched_setscheduler(int(task.name), policy, parameter)
