"""Threads that a fault does not end, and texts that are safe to show."""

import threading

import pytest

from birefnet_video.errors import BackendUnavailable, explained
from birefnet_video.lasting import LastingThread
from birefnet_video.words import nearest, printable


def test_work_is_begun_anew_and_the_fault_is_told() -> None:
    told: list[str] = []
    done = threading.Event()

    def work() -> None:
        if len(told) < 2:
            raise AttributeError("no\nsuch thing")
        done.set()

    thread = LastingThread("the worker", work, told.append)
    thread.start()
    assert done.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert told == ["the worker: AttributeError: no such thing; begun anew"] * 2


def test_nothing_is_begun_anew_after_the_end() -> None:
    told: list[str] = []
    failed = threading.Event()

    def work() -> None:
        failed.set()
        raise RuntimeError

    thread = LastingThread("the worker", work, told.append)
    thread.start()
    assert failed.wait(10)
    thread.close()
    thread.join(10)
    assert not thread.is_alive() and told and told[0].endswith("RuntimeError: no reason given; begun anew")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.mov", "a.mov"),
        ("a.mov\n", "a.mov\\n"),
        ("n\x1b[31mame.mp4\r", "n\\x1b[31mame.mp4\\r"),
        ("Größe 漢 →.mp4", "Größe 漢 →.mp4"),
        ("left\u202eright", "left\\u202eright"),
    ],
)
def test_what_is_shown_gives_no_orders(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_the_nearest_word() -> None:
    assert nearest("jbos", ["jobs", "probe"]) == "jobs"
    assert nearest("xyzzy", ["jobs", "probe"]) is None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("libtorch.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_missing_memory_has_its_exit_code(error: Exception) -> None:
    known = explained(error)
    assert isinstance(known, BackendUnavailable) and "not enough memory" in str(known)


def test_other_errors_stay_as_they_are() -> None:
    error = ImportError("no module named x")
    assert explained(error) is error
