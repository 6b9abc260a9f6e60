"""Where segments begin: on a grid of time, and where little must be decoded beforehand."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from birefnet_video.outputs.cutting import Cutter, cut_up
from birefnet_video.types import FrameMeta

TICK = Fraction(1, 25)


def frames(count: int, keys: Sequence[int] = ()) -> list[FrameMeta]:
    return [FrameMeta(index, index, TICK, 1, is_key=index in keys) for index in range(count)]


def firsts(metas: Sequence[FrameMeta], seconds: int, lead: int = 0, done: int = 0) -> list[int]:
    return [first for first, _ in cut_up(metas, Fraction(seconds), lead, done)]


def test_without_keyframes_the_grid_is_kept() -> None:
    assert firsts(frames(1000), 10) == [0, 250, 500, 750]
    # A quarter of a segment later at the latest.
    assert firsts(frames(1000, [0]), 10)[1:] == [313, 500, 750]


def test_where_all_are_keyframes_the_grid_is_kept() -> None:
    assert firsts(frames(1000, range(1000)), 10) == [0, 250, 500, 750]


def test_a_segment_begins_as_far_behind_a_keyframe_as_reading_begins_earlier() -> None:
    # A second for seeking, twenty frames for batches and known times, and what smoothing looks back.
    assert firsts(frames(1000, [0, 210, 465, 740]), 10, lead=4) == [0, 250 + 9, 500 + 14, 750 + 39]
    # The one behind the time is too far.
    assert firsts(frames(1000, [0, 290, 465, 740]), 10, lead=4)[1] == 313


def test_short_segments_keep_the_grid() -> None:
    assert firsts(frames(500, [0, 90, 190]), 4) == [0, 100, 200, 300, 400]


@pytest.mark.parametrize("keys", [[0, 210, 465, 740], range(0, 1000, 97), range(1000), [3, 700]])
def test_going_on_cuts_as_the_whole_is_cut(keys: Sequence[int]) -> None:
    metas = frames(1000, keys)
    whole = firsts(metas, 10, lead=5)
    for number, done in enumerate(whole[1:], 1):
        assert firsts(metas, 10, lead=5, done=done) == whole[number:]
    # One after another, as a writer sees them.
    cutter, found = Cutter(Fraction(10), 5), [0]
    for meta in metas:
        if cutter.is_due(meta):
            found.append(meta.index)
            cutter.go_on(metas[0], metas[meta.index - 1])
        cutter.note(meta)
    assert found == whole
