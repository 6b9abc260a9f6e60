"""Who composes on a device whose memory runs out: fewer, others elsewhere, and all again in time."""

import threading
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.pipeline.places import Places

BACK_AFTER, LONGEST_REST = 4, 8
ELSEWHERE = "gpu: out of memory for pictures: what does not fit is composed on the CPU for a while"
FEWER = "gpu: out of memory for pictures: fewer at once are composed there for a while"
BACK = "gpu: pictures are composed there again as before"


def places(told: list[str]) -> Places:
    return Places("gpu", told.append, back_after=BACK_AFTER, longest_rest=LONGEST_REST)


def alone(fails: Callable[[int], bool], frames: int) -> tuple[str, list[str]]:
    """A letter a frame of one thread (d: on the device, t: tried there in vain, c: kept away), and what was told.

    Args:
        fails: whether memory runs out at a call.
        frames: that come.
    """
    told: list[str] = []
    there, calls, letters = places(told), count(), ""
    for _ in range(frames):
        tries: list[int] = []

        def work(tries: list[int] = tries) -> str | None:
            tries.append(next(calls))
            return None if fails(tries[-1]) else "made"

        made = there.run(work)
        assert len(tries) <= 4
        letters += "d" if made else "t" if tries else "c"
    return letters, told


def test_where_memory_never_runs_out_nothing_is_said() -> None:
    assert alone(lambda call: False, 50) == ("d" * 50, [])


def test_a_frame_that_fails_is_made_elsewhere_and_those_after_the_next_are_back() -> None:
    letters, told = alone(lambda call: call == 2, 12)
    assert letters == "ddt" + "c" + "d" * 8
    assert told == [ELSEWHERE, BACK]


def test_where_memory_stays_away_it_is_tried_less_and_less_often() -> None:
    letters, told = alone(lambda call: True, 40)
    assert letters == "tc" + "tcc" + "tcccc" + ("t" + "c" * 8) * 3 + "tcc"
    assert told == [ELSEWHERE]


def test_coming_back_needs_good_frames_in_a_row() -> None:
    # Call 0 fails, calls 1 to 3 are good, call 4 fails: three are not four.
    letters, told = alone(lambda call: call in (0, 4), 14)
    assert letters == "tc" + "ddd" + "tcc" + "dddddd"
    assert told == [ELSEWHERE, BACK]


@settings(max_examples=100, deadline=None)
@given(bad=st.sets(st.integers(0, 60)))
def test_it_ends_on_the_device_whatever_happened_and_says_everything_once(bad: set[int]) -> None:
    # Each of at most 61 tries that fail costs nine pictures.
    letters, told = alone(lambda call: call in bad, 800)
    assert letters.endswith("d" * 100)
    assert told == ([ELSEWHERE, BACK] if bad & set(range(letters.count("d") + letters.count("t"))) else [])
    assert (letters, told) == alone(lambda call: call in bad, 800)


@pytest.mark.parametrize("room", [1, 2, 3])
def test_fewer_threads_go_there_before_any_frame_goes_elsewhere(room: int) -> None:
    told: list[str] = []
    there, lock, begin = places(told), threading.Lock(), threading.Barrier(4)
    inside, most, first = 0, 0, count()

    def compose(frame: int) -> str:
        def work() -> str | None:
            nonlocal inside, most
            with lock:
                inside += 1
                fits, number = inside <= room, next(first)
                most = max(most, inside)
            if number < 4:
                # All are there at once, and nobody has failed yet.
                begin.wait()
            with lock:
                inside -= 1
            return f"{frame} there" if fits else None

        return there.run(work) or f"{frame} elsewhere"

    assert list(ordered_map(compose, range(200), 4, "compose")) == [f"{frame} there" for frame in range(200)]
    assert most == 4
    assert told[0] == FEWER and told.count(FEWER) == 1 and ELSEWHERE not in told


def test_an_error_leaves_the_place_free() -> None:
    told: list[str] = []
    there = places(told)
    assert there.run(lambda: None) is None

    def fail() -> str:
        raise ZeroDivisionError

    # Only one at once is allowed now, and one keeps away.
    assert there.run(lambda: "made") is None
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            there.run(fail)
    assert there.run(lambda: "made") == "made"
