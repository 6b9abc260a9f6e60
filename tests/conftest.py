"""Skip policy, signals, the user's cache and settings, in one place."""

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest

_CACHE: list[tempfile.TemporaryDirectory[str]] = []


def pytest_configure() -> None:
    """Signals as a terminal has them: a run in the background ignores some, and so would its children."""
    for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Threads that wait in turns for each other's cores take several times as long.
        # numba, which PyMatting is made with, sets the number of torch's to that of its own.
        os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
    # Neither finds engines that were built before nor leaves any behind, and nothing is set by whoever runs them.
    _CACHE.append(tempfile.TemporaryDirectory())
    os.environ["XDG_CACHE_HOME"] = os.environ["XDG_CONFIG_HOME"] = _CACHE[0].name
    for name in [name for name in os.environ if name.startswith("BIREFNET_VIDEO_")]:
        del os.environ[name]


def pytest_unconfigure() -> None:
    """Remove what was cached."""
    for folder in _CACHE:
        folder.cleanup()


@pytest.fixture(autouse=True)
def _usual_scheduling() -> Iterator[None]:
    """A test that leaves its thread in real time is named: those after it would measure, and starve, others."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    after = os.sched_getscheduler(0)
    if after != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
    assert after == before, "an encoder was opened outside scheduling_kept()"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` where there is none; with BV_REQUIRE_GPU=1 they run and fail instead."""
    marked = [item for item in items if item.get_closest_marker("gpu") is not None]
    if not marked or os.environ.get("BV_REQUIRE_GPU") == "1":
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
