"""Figures that have met, and who else is among them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.meeting import Claims, claims_of, split
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
