"""How many frames at once: measured, and halved when memory runs out."""

from dataclasses import replace

import numpy as np
import pytest

from birefnet_video.backends.adaptive import AdaptiveBackend
from birefnet_video.backends.base import BackendInfo, Pending
from birefnet_video.backends.growing import Growing
from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import OutOfMemory
from birefnet_video.types import Step

INFO = BackendInfo("stub", "stub", "cpu", "none", (32, 32), 8)


class Small(StubBackend):
    """Holds ``room`` frames at once; a call costs ``call_s`` and a frame ``frame_s``."""

    def __init__(self, room: int = 8, *, call_s: float = 0.0, frame_s: float = 0.0, late: bool = False) -> None:
        super().__init__(INFO)
        self.room, self.call_s, self.frame_s, self.late = room, call_s, frame_s, late
        self.sizes: list[int] = []
        self.now_s = 0.0
        self.closed = False

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        self.sizes.append(len(rgb))
        if len(rgb) > self.room:
            raise OutOfMemory(f"out of memory with {len(rgb)} frames", hint="use a smaller --batch-size")
        self.now_s += self.call_s + self.frame_s * len(rgb)
        return super().infer(rgb)

    def close(self) -> None:
        self.closed = True

    def begin(self, rgb: np.ndarray) -> Pending:
        return (lambda: self.infer(rgb)) if self.late else super().begin(rgb)


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "when collected"])
@pytest.mark.parametrize("room", [1, 2, 5])
def test_out_of_memory_halves_the_batch_and_loses_nothing(room: int, late: bool) -> None:
    told: list[str] = []
    inner = Small(room, late=late)
    backend = AdaptiveBackend(inner, told.append, measures=False)
    for count in (8, 8, 3):
        expected = StubBackend(INFO).infer(frames(count))
        assert np.array_equal(backend.infer(frames(count)), expected)
    # Said once for each time that it was halved, and not tried again.
    assert len(told) == {1: 3, 2: 2, 5: 1}[room]
    assert sum(size > room for size in inner.sizes) == len(told)


class OfOneSize:
    """Opens backends that take one number of frames; ``rooms`` says how many they hold truly."""

    def __init__(self, first: Small, *rooms: int, ready: bool = True) -> None:
        self.opened, self.rooms, self.ready = [first], list(rooms), ready

    def fewer(self, count: int) -> Small:
        assert all(backend.closed for backend in self.opened)
        return self._open()

    def more(self, count: int) -> Small | None:
        return self._open() if self.ready else None

    def _open(self) -> Small:
        self.opened.append(Small(self.rooms.pop(0)))
        return self.opened[-1]


def test_an_engine_of_one_size_is_built_again_for_half() -> None:
    told: list[str] = []
    sizes = OfOneSize(Small(2), 2, 2)
    backend = AdaptiveBackend(sizes.opened[0], told.append, measures=False, reopening=sizes)
    for count in (8, 3):
        assert np.array_equal(backend.infer(frames(count)), StubBackend(INFO).infer(frames(count)))
    assert len(sizes.opened) == 3 and len(told) == 2 and sizes.opened[-1].sizes == [2, 2, 2, 2, 2, 1]
    backend.close()
    assert sizes.opened[-1].closed


def test_an_engine_of_one_size_goes_back_to_what_lies_ready() -> None:
    told: list[str] = []
    sizes = OfOneSize(Small(4), 4, 8)
    backend = AdaptiveBackend(sizes.opened[0], told.append, measures=False, reopening=sizes, growing=Growing(2, 8))
    pending: list[Pending] = []
    for _ in range(5):
        # One batch is always on its way: it ends where it was begun.
        pending.append(backend.begin(frames(8)))
        if len(pending) > 1:
            assert np.array_equal(pending.pop(0)(), StubBackend(INFO).infer(frames(8)))
    assert np.array_equal(pending.pop()(), StubBackend(INFO).infer(frames(8)))
    assert [backend.closed for backend in sizes.opened] == [True, True, False]
    assert sizes.opened[1].sizes == [4, 4] * 4 and sizes.opened[2].sizes == [8] and len(told) == 2
    sizes = OfOneSize(Small(4), 4, ready=False)
    backend = AdaptiveBackend(sizes.opened[0], told.append, measures=False, reopening=sizes, growing=Growing(2, 8))
    for _ in range(20):
        backend.infer(frames(8))
    assert [backend.closed for backend in sizes.opened] == [True, False]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "when collected"])
def test_a_halved_batch_grows_again_when_there_is_room(late: bool) -> None:
    told: list[str] = []
    inner = Small(2, late=late)
    backend = AdaptiveBackend(inner, told.append, measures=False, growing=Growing(3, 12))
    backend.infer(frames(8))
    inner.room = 8
    inner.sizes.clear()
    for _ in range(8):
        assert np.array_equal(backend.infer(frames(8)), StubBackend(INFO).infer(frames(8)))
    assert inner.sizes == [2] * 4 * 3 + [4] * 2 * 3 + [8] * 2
    assert told[2:] == ["stub: 4 frames at once are tried again", "stub: 8 frames at once are tried again"]


def test_tries_that_fail_become_rare_and_are_not_said_again() -> None:
    told: list[str] = []
    inner = Small(4)
    backend = AdaptiveBackend(inner, told.append, measures=False, growing=Growing(2, 8))
    tries = []
    for index in range(60):
        assert np.array_equal(backend.infer(frames(8)), StubBackend(INFO).infer(frames(8)))
        if 8 in inner.sizes:
            tries.append(index)
        inner.sizes.clear()
    assert np.diff(tries).tolist() == [3, 5] + [9] * 5
    assert told == ["out of memory with 8 frames: going on with 4", "stub: 8 frames at once are tried again"]


def test_what_held_for_long_is_tried_again_as_soon_as_the_first_time() -> None:
    inner = Small(4)
    backend = AdaptiveBackend(inner, lambda message: None, measures=False, growing=Growing(2, 8))
    for room, batches in ((4, 7), (8, 10), (4, 1)):
        inner.room = room
        for _ in range(batches):
            backend.infer(frames(8))
    inner.sizes.clear()
    for _ in range(3):
        backend.infer(frames(8))
    assert inner.sizes == [4, 4] * 2 + [8, 4, 4]


def test_a_short_batch_tries_nothing() -> None:
    inner = Small(4)
    backend = AdaptiveBackend(inner, lambda message: None, measures=False, growing=Growing(2, 8))
    backend.infer(frames(8))
    inner.room, inner.sizes = 8, []
    for _ in range(20):
        backend.infer(frames(4))
    assert inner.sizes == [4] * 20


def test_two_batches_that_fail_together_halve_once() -> None:
    told: list[str] = []
    inner = Small(4, late=True)
    backend = AdaptiveBackend(inner, told.append, measures=False)
    for pending in [backend.begin(frames(8)) for _ in range(2)]:
        assert np.array_equal(pending(), StubBackend(INFO).infer(frames(8)))
    assert inner.sizes == [8, 4, 4, 8, 4, 4] and len(told) == 1


def test_a_size_that_was_measured_is_the_one_to_go_back_to() -> None:
    inner = Small(frame_s=0.01)
    backend = AdaptiveBackend(
        inner, lambda message: None, measures=True, growing=Growing(2, 8), clock=lambda: inner.now_s
    )
    for _ in range(20):
        backend.infer(frames(8))
    assert inner.sizes[-1] == 1 and "batch 1 measured" in backend.info.note


def test_a_picture_alone_is_no_trial() -> None:
    told: list[str] = []
    inner = Small(call_s=0.01, frame_s=0.01)
    backend = AdaptiveBackend(inner, told.append, measures=True, clock=lambda: inner.now_s)
    for _ in range(20):
        backend.infer(frames(1))
    assert inner.sizes == [1] * 20 and "measured" not in backend.info.note
    for _ in range(20):
        backend.infer(frames(8))
    assert "measured" in backend.info.note


def test_one_frame_too_many_is_an_error() -> None:
    with pytest.raises(OutOfMemory, match="out of memory with 1 frames"):
        AdaptiveBackend(Small(0), lambda message: None, measures=False).infer(frames(4))


@pytest.mark.parametrize(
    ("call_s", "frame_s", "best"), [(0.004, 0.0005, 8), (0.0, 0.01, 1)], ids=["calls cost", "frames cost"]
)
def test_the_fastest_size_is_found_and_told_once(call_s: float, frame_s: float, best: int) -> None:
    told: list[str] = []
    inner = Small(call_s=call_s, frame_s=frame_s)
    backend = AdaptiveBackend(inner, told.append, measures=True, clock=lambda: inner.now_s)
    for count in range(12):
        assert np.array_equal(backend.infer(frames(8)), StubBackend(INFO).infer(frames(8))), count
    assert inner.sizes[-1] == best
    assert [type(text) for text in told] == [Step] and "1, 2, 4, 8" in told[0]
    assert f"batch {best} measured" in backend.info.note


def test_memory_may_run_out_while_sizes_are_tried() -> None:
    told: list[str] = []
    backend = AdaptiveBackend(Small(3, call_s=0.002), told.append, measures=True)
    for _ in range(12):
        assert np.array_equal(backend.infer(frames(8)), StubBackend(INFO).infer(frames(8)))
    assert told[-1] == "out of memory with 4 frames: going on with 2" and len(told) == 2


def test_a_short_clip_ends_before_the_trials_do() -> None:
    backend = AdaptiveBackend(Small(), lambda message: None, measures=True)
    assert backend.infer(frames(1)).shape == (1, 32, 32)
    backend.close()


def test_what_overlaps_inside_overlaps_outside() -> None:
    inner = Small()
    inner.info = replace(INFO, overlaps=True)
    assert AdaptiveBackend(inner, lambda message: None, measures=False).info.overlaps
