"""Figures that have met, and who else is among them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from birefnet_video.matting.guidance.claims import Claims, claims_of
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.meeting import only_one, split
from birefnet_video.matting.guidance.sight import Carried, Sight

#: Height and width of the grid, and of a figure.
GRID, TALL, WIDE = (90, 160), 40, 16


def figures_at(*columns: int) -> np.ndarray:
    """Rectangles of one size."""
    matte = np.zeros(GRID, np.float32)
    for column in columns:
        matte[30 : 30 + TALL, column : column + WIDE] = 1
    return matte


@pytest.mark.parametrize(
    ("known", "beside", "expected"),
    [
        ((10, 26), (), False),
        ((10, 26), (42,), True),
        # One among many is a small share of what they all are.
        ((10, 26, 42, 58), (74,), True),
        ((10, 26, 42, 58), (), False),
    ],
)
def test_somebody_new_is_seen_among_few_and_many(
    known: tuple[int, ...], beside: tuple[int, ...], expected: bool
) -> None:
    alpha = figures_at(*known, *beside)
    rgb = cv2.cvtColor((alpha * 200).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    sight = Sight.of(alpha, rgb)
    rows, columns = np.mgrid[: GRID[0], : GRID[1]].astype(np.float32)
    stays = Carried(np.dstack([columns, rows]), np.ones(GRID, np.float32))
    claims = Claims.of(tuple(Figure.new(None, figures_at(column), sight) for column in known), sight, stays)
    found, somebody_new = claims_of(claims, alpha, alpha > 0.5)
    assert found == [*range(len(known))] and somebody_new == expected


def test_who_comes_out_where_he_would_be_is_not_the_one_in_front() -> None:
    """He has been hidden up to now, and neither pictures nor colours tell him from her."""
    front, behind, out = figures_at(40), figures_at(50), (slice(30, 70), slice(56, 62))
    rgb = np.full((*GRID, 3), 128, np.uint8)
    sight = Sight.of(np.maximum(front, behind), rgb)
    rows, columns = np.mgrid[: GRID[0], : GRID[1]].astype(np.float32)
    stays = Carried(np.dstack([columns, rows]), np.ones(GRID, np.float32))
    one = Figure.new("front", front, Sight.of(front, rgb))
    # Some of what is seen of him was given to her.
    one = replace(
        one, template=None, matte=np.where(columns < 62, np.maximum(front, 0.3 * behind), 0).astype(np.float32)
    )
    hidden = Figure.new(None, behind, Sight.of(behind, rgb))
    hidden = replace(hidden, template=None, matte=np.zeros(GRID, np.float32), hidden_for=5, is_behind=True)
    claims = Claims.of((one, hidden), sight, stays)
    (_, his), _ = split(claims, [0, 1], sight.alpha > 0.5, free=False)
    assert his[out].mean() > 0.5 and his[30:70, 40:50].mean() < 0.1


def grey(*mattes: np.ndarray, level: int = 128) -> tuple[Sight, Carried]:
    """A grey picture in which these are seen, and nothing moves."""
    sight = Sight.of(np.maximum.reduce(mattes), np.full((*GRID, 3), level, np.uint8))
    rows, columns = np.mgrid[: GRID[0], : GRID[1]].astype(np.float32)
    return sight, Carried(np.dstack([columns, rows]), np.ones(GRID, np.float32))


@pytest.mark.parametrize(("beside", "expected"), [(0, 0), (3, None)])
def test_a_part_is_all_of_one_unless_something_shows_beside_her(beside: int, expected: int | None) -> None:
    """His last columns are hardly larger than she varies by, but they are his."""
    front, behind = figures_at(40), figures_at(44)
    shown = np.where(np.arange(GRID[1]) < 56 + beside, np.maximum(front, behind), 0).astype(np.float32)
    sight, stays = grey(front, behind)
    striped = np.dstack([np.tile((np.arange(GRID[1]) % 7 * 30).astype(np.uint8), (GRID[0], 1))] * 3)
    hers, his = Sight.of(front, sight.rgb), Sight.of(behind, striped)
    hidden = replace(Figure.new(None, behind, his), matte=np.zeros(GRID, np.float32), hidden_for=5, is_behind=True)
    one = replace(Figure.new("front", front, hers), size=1.1 * float(front.sum()))
    claims = Claims.of((one, hidden), Sight.of(shown, sight.rgb), stays)
    assert only_one(claims, [0, 1], shown) == expected


def test_somebody_hidden_of_whom_little_is_known_may_come_out() -> None:
    """He was cut from others when he was first seen: his picture is smaller than he is."""
    front, behind = figures_at(40), figures_at(46)
    sight, stays = grey(front, behind)
    known = behind * (np.arange(GRID[1]) >= 56)
    hidden = Figure.new(None, known.astype(np.float32), Sight.of(known.astype(np.float32), sight.rgb))
    hidden = replace(hidden, matte=np.zeros(GRID, np.float32), size=float(behind.sum()), hidden_for=3, is_behind=True)
    claims = Claims.of((Figure.new("front", front, Sight.of(front, sight.rgb)), hidden), sight, stays)
    found, _ = claims_of(claims, sight.alpha, sight.alpha > 0.5)
    assert found == [0, 1]


@pytest.mark.parametrize(("name", "is_kept"), [("front", False), (None, True)])
def test_a_subject_has_no_pieces_far_from_where_it_is(name: str | None, is_kept: bool) -> None:
    """What looks like her on the other side of him is not hers; who is not named may have been anywhere."""
    front, other, looks_alike = figures_at(40), figures_at(56, 72, 88, 104), figures_at(120)
    rgb = np.full((*GRID, 3), 60, np.uint8)
    rgb[(front + looks_alike) > 0.5] = (220, 40, 40)
    sight = Sight.of(np.clip(front + other + looks_alike, 0, 1), rgb)
    _, stays = grey(front)
    figures = tuple(Figure.new(who, matte, Sight.of(matte, rgb)) for who, matte in ((name, front), (None, other)))
    (hers, _), _ = split(Claims.of(figures, sight, stays), [0, 1], sight.alpha > 0.5, free=False)
    assert hers[front > 0.5].mean() > 0.9
    if not is_kept:
        assert hers[looks_alike > 0.5].max() < 1e-3


def test_a_crumb_of_somebody_hidden_is_not_all_of_him() -> None:
    matte = figures_at(46)
    sight, _ = grey(matte)
    before = replace(Figure.new("anna", matte, sight), hidden_for=9, is_behind=True, matte=np.zeros(GRID, np.float32))
    crumb = np.where(np.arange(GRID[1]) >= 60, matte, 0).astype(np.float32)
    after = before.found_again(crumb, Sight.of(crumb, sight.rgb))
    assert after.size == before.size and after.template is before.template and after.hidden_for == 9
    half = np.where(np.arange(GRID[1]) >= 56, matte, 0).astype(np.float32)
    assert before.found_again(half, Sight.of(half, sight.rgb)).hidden_for == 0
    anew = before.found_again(0.9 * matte, sight)
    assert anew.size < before.size and not anew.is_behind
