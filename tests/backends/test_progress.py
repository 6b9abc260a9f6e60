"""Long builds say that they are still at it, short ones nothing more than that they begin."""

import threading
from types import SimpleNamespace

import pytest
from clocks import Clock

from birefnet_video.backends.progress import building


def test_a_long_build_is_told_in_longer_and_longer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, has_been_long = Clock(), threading.Event()
    waits: list[float] = []

    class End(threading.Event):
        """Of a build that takes four waits."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            if len(waits) == 4:
                has_been_long.set()
                return super().wait()
            waits.append(timeout)
            clock.go(timeout)
            return False

    monkeypatch.setattr("birefnet_video.backends.progress.time", clock)
    threads = SimpleNamespace(Event=End, Thread=threading.Thread)
    monkeypatch.setattr("birefnet_video.backends.progress.threading", threads)
    told: list[str] = []
    with building("tensorrt: building", told.append):
        assert has_been_long.wait(60)
    assert waits == [15, 15, 30, 60]
    assert told == [
        "tensorrt: building, once; the next start finds it",
        *(f"tensorrt: building: still at it after {time}" for time in ("15 s", "30 s", "60 s", "2 min")),
        "tensorrt: building: done in 2 min",
    ]


def test_a_short_build_and_one_that_fails() -> None:
    told: list[str] = []
    with building("compile: building", told.append, is_kept=False):
        pass
    assert told == ["compile: building"]
    with pytest.raises(RuntimeError), building("compile: building", told.append, first_s=0):
        raise RuntimeError
    assert not any("done" in each for each in told)
