"""What speaks for each of those who claim a part."""

from dataclasses import replace

import numpy as np
import pytest

from birefnet_video.matting.guidance.claims import Claims
from birefnet_video.matting.guidance.evidence import Evidence
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.sight import Carried, Sight

HEIGHT, WIDTH = 90, 160
EVERYWHERE = np.s_[0:HEIGHT, 0:WIDTH]


def plane(first: int, last: int) -> np.ndarray:
    made = np.zeros((HEIGHT, WIDTH), np.float32)
    made[20:70, first:last] = 1
    return made


def meeting() -> Claims:
    """Two of one colour side by side; he on the right goes 2 pixels to the right, and so do some of her columns."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    carried = Carried(
        np.dstack([columns - 2 * (columns >= 54).astype(np.float32), rows]), np.ones((HEIGHT, WIDTH), np.float32)
    )
    rgb = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    figures = tuple(
        replace(Figure.new(name, plane(*at), Sight.of(plane(*at), rgb)), template=None)
        for name, at in (("anna", (40, 60)), (None, (60, 80)))
    )
    return Claims.of(figures, Sight.of(plane(40, 80), rgb), carried)


def test_pixels_belong_to_whom_they_move_with() -> None:
    evidence = Evidence.of(meeting(), [0, 1], EVERYWHERE)
    motions = evidence.motions[:, 45]
    assert motions[0, 42:52].min() > 0.5 and motions[1, 42:52].max() < 0.2
    assert motions[1, 64:78].min() > 0.9 and motions[0, 64:78].max() < 0.2
    # Columns that go with the other one are less likely hers than they would be if nothing had moved.
    still = replace(evidence, motion_weight=np.zeros_like(evidence.motion_weight))
    hers, without = (each.logarithms()[0] - each.logarithms()[1] for each in (evidence, still))
    assert hers[45, 56] < without[45, 56] - 1


def test_motion_says_nothing_where_it_is_not_known() -> None:
    claims = meeting()
    lost = replace(claims, carried=replace(claims.carried, trust=np.zeros_like(claims.carried.trust)))
    assert Evidence.of(lost, [0, 1], EVERYWHERE).motion_weight.max() == 0
    fast = replace(claims, figures=(replace(claims.figures[0], is_fast=True), claims.figures[1]))
    assert np.ptp(Evidence.of(fast, [0, 1], EVERYWHERE).motions[0]) == 0


def test_a_shaking_camera_moves_all_of_them() -> None:
    """How they have moved up to now is not how they move in this frame."""
    claims = meeting()
    shaken = replace(claims, carried=replace(claims.carried, places=claims.carried.places - np.float32([3, -2])))
    one, other = (Evidence.of(each, [0, 1], EVERYWHERE).motions[:, 22:68, 42:78] for each in (claims, shaken))
    assert np.abs(one - other).max() < 1e-3


def test_those_who_have_met_move_apart() -> None:
    claims = meeting()
    figures = tuple(
        replace(figure, speed=np.array([speed, 0], np.float32))
        for figure, speed in zip(claims.figures, (2, -1), strict=True)
    )
    assert replace(claims, figures=figures).apart([0, 1]) == pytest.approx({0: 3, 1: 3})
    small = replace(figures[1], size=0.2 * figures[0].size)
    assert replace(claims, figures=(figures[0], small)).apart([0, 1]) == pytest.approx({0: 0, 1: 3})
    hidden = replace(figures[1], hidden_for=2)
    assert replace(claims, figures=(figures[0], hidden)).apart([0, 1])[0] == 0
