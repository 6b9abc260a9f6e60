"""What is kept of frames for prompts about later ones."""

import tracemalloc
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest

from birefnet_video.matting.guidance.choosing import Choice
from birefnet_video.matting.guidance.region import Box
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.pipeline.hindsight import FirstLook, Hindsight, Known
from birefnet_video.types import FrameMeta, Motion

GRID = (40, 60)
#: Bytes that Python may hold at most after a first look, for any number of frames.
MOST = 300_000


def seen(index: int) -> Sight:
    """A disc of one colour that goes to the right by a pixel every other frame, and noise behind it."""
    rows, columns = np.mgrid[: GRID[0], : GRID[1]]
    disc = np.hypot(rows - 20, columns - 15 - index // 2 % 30) < 8
    rgb = np.random.default_rng(index).integers(0, 255, (*GRID, 3), np.uint8)
    rgb[disc] = (200, 40, 30)
    return Sight.of(disc.astype(np.float32), rgb)


def first_look(frames: int) -> FirstLook:
    """Of so many frames, with a prompt about the last one."""
    first, still = FirstLook(GRID), np.zeros((*GRID, 2), np.float32)
    for index in range(frames):
        motion = Motion(still, still, is_cut=False, continues=True)
        first.keep(FrameMeta(index, index, Fraction(1, 25)), seen(index), motion if index else None)
    first.choose(Choice({"anna": [seen(frames - 1).alpha], None: []}, ()), seen(frames - 1))
    return first


def held(frames: int) -> int:
    """Bytes that Python holds while subjects are known in so many frames."""
    tracemalloc.start()
    try:
        with closing(first_look(frames)) as first:
            known = first.hindsight()
            assert known.names(0)
            return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_frames() -> None:
    first_look(5).close()
    few, many = held(20), held(250)
    assert many < few + 100_000 and many < MOST


def test_every_frame_before_the_prompt_is_known_and_no_other() -> None:
    with closing(first_look(30)) as first:
        hindsight = first.hindsight()
        assert [index for index in range(60) if hindsight.names(index)] == [*range(29)]
        for index in (0, 28, 13):
            (known,) = hindsight.names(index).values()
            share = hindsight.share(known, None)
            alpha = seen(index).alpha
            assert (share * alpha).sum() > 0.9 * alpha.sum()
            assert known.weight == pytest.approx((index + 1) / 30)
        assert [len(boxes) for boxes in hindsight.boxes(27, 4).values()] == [2]


def test_what_was_kept_comes_back_in_any_order() -> None:
    hindsight = Hindsight(GRID)
    names = {"anna": Known(b"abc", Box(0.1, 0.2, 0.5, 0.6), 0.25), "bob ö": Known(b"", None, 1.0)}
    with closing(hindsight):
        assert hindsight.names(7) == {}
        hindsight.keep(7, names)
        hindsight.keep(2, {"anna": names["anna"]})
        assert hindsight.names(7) == names
        assert hindsight.names(2) == {"anna": names["anna"]}
        assert hindsight.names(5) == hindsight.names(8) == {}
    hindsight.close()
    assert hindsight.names(7) == {}
