"""How fast a figure is taken to move."""

from dataclasses import replace

import numpy as np
import pytest

from birefnet_video.matting.guidance.shot import Shot, begin, carry
from birefnet_video.matting.guidance.sight import Carried, Sight

HEIGHT, WIDTH = 90, 160


def seen(at: int, width: int = 40) -> Sight:
    """A figure whose first column this is."""
    rgb, alpha = np.full((HEIGHT, WIDTH, 3), 60, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[20:70, at : at + width] = 1
    rgb[20:70, at : at + width] = 200
    return Sight.of(alpha, rgb)


def stands() -> Carried:
    """Motion that is not found: everything seems to be where it was."""
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    return Carried(np.dstack([columns, rows]), np.ones((HEIGHT, WIDTH), np.float32))


def after(*columns: int, width: int = 40) -> Shot:
    """The figure after it has been at these places, one a frame."""
    first = seen(columns[0], width)
    shot = begin({"anna": [first.alpha]}, first)
    for column in columns[1:]:
        shot = carry(shot, seen(column, width), stands())
    return shot


@pytest.mark.parametrize("columns", [(20, 32), (20, 32, 20), (90, 80, 72, 66)])
def test_one_by_itself_is_as_fast_as_it_goes_though_its_motion_is_not_found(columns: tuple[int, ...]) -> None:
    (figure,) = after(*columns).figures
    assert figure.speed == pytest.approx([columns[-1] - columns[-2], 0], abs=0.1)


def test_small_steps_are_smoothed() -> None:
    """Mattes tremble: what is behind somebody for long must not go wherever it went in the last frame."""
    (figure,) = after(20, 21, 20).figures
    assert abs(figure.speed[0]) < 0.5


def test_what_is_cut_off_by_the_border_does_not_say_how_fast_it_goes() -> None:
    (figure,) = after(130, 140).figures
    assert abs(figure.speed[0]) < 1


def test_among_others_how_much_is_seen_of_it_says_nothing() -> None:
    shot = after(40, 40)
    among = replace(shot, figures=(replace(shot.figures[0], is_behind=True),))
    (figure,) = carry(among, seen(44), stands()).figures
    assert abs(figure.speed[0]) < 1


def test_who_runs_is_as_fast_as_he_goes_among_others_too() -> None:
    """Crumbs of others are beside him for long, and he turns round."""
    shot = after(70, 60)
    among = replace(shot, figures=(replace(shot.figures[0], is_behind=True),))
    (figure,) = carry(among, seen(54), stands()).figures
    assert figure.speed == pytest.approx([-6, 0], abs=0.5)
    (cut,) = carry(among, seen(54, width=28), stands()).figures
    assert cut.speed[0] < -7
