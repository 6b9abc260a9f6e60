"""Which parts of a frame's matte are meant."""

from pathlib import Path

import numpy as np
import pytest

from birefnet_video.matting.guidance.bodies import is_several
from birefnet_video.matting.guidance.choosing import choose
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.options.prompts import Box, Largest, MaskPicture, Point, Prompt

SIZE = (240, 120)


def two_apart() -> Sight:
    alpha, rgb = np.zeros((120, 240), np.float32), np.full((120, 240, 3), 90, np.uint8)
    alpha[30:100, 20:60], rgb[30:100, 20:60] = 1, (220, 40, 30)
    alpha[20:100, 150:220], rgb[20:100, 150:220] = 1, (40, 200, 60)
    return Sight.of(alpha, rgb)


def two_touching() -> Sight:
    alpha, rgb = np.zeros((120, 240), np.float32), np.full((120, 240, 3), 90, np.uint8)
    alpha[30:100, 60:180] = 1
    rgb[30:100, 60:120], rgb[30:100, 120:180] = (220, 40, 30), (40, 200, 60)
    return Sight.of(alpha, rgb)


def two_people() -> Sight:
    """Who stand shoulder to shoulder."""
    alpha, rgb = np.zeros((120, 240), np.float32), np.full((120, 240, 3), 90, np.uint8)
    for middle, colour in ((100, (220, 40, 30)), (132, (40, 200, 60))):
        alpha[34:110, middle - 16 : middle + 16], rgb[34:110, middle - 16 : middle + 16] = 1, colour
        alpha[16:34, middle - 7 : middle + 7], rgb[16:34, middle - 7 : middle + 7] = 1, (200, 160, 130)
    return Sight.of(alpha, rgb)


def area(prompts: list[Prompt], sight: Sight, name: str = "subject", **masks: np.ndarray) -> tuple[float, float]:
    """Pixels left and right of the middle that belong to ``name``."""
    found = choose(prompts, sight, SIZE, {Path(f"{key}.png"): mask for key, mask in masks.items()})
    matte = sum(found.mattes.get(name, []), np.zeros_like(sight.alpha))
    return float(matte[:, :120].sum()), float(matte[:, 120:].sum())


@pytest.mark.parametrize(
    ("prompt", "left", "right"),
    [
        (Point(at=(40, 60)), 2800, 0),
        (Point(at=("75%", "50%")), 0, 5600),
        (Point(at=(14, 60)), 2800, 0),
        (Box(box=(10, 20, 60, 90)), 2800, 0),
        (Box(box=(0, 0, 240, 120)), 2800, 5600),
        (Box(box=(140, 10, 90, 100)), 0, 5600),
        (Largest(), 0, 5600),
    ],
)
def test_one_of_two_that_stand_apart(prompt: Prompt, left: float, right: float) -> None:
    assert area([prompt], two_apart()) == (left, right)


def test_a_mask_takes_what_it_covers() -> None:
    mask = np.zeros((60, 120), np.uint8)
    mask[:, :50] = 255
    assert area([MaskPicture(path="m.png")], two_apart(), m=mask) == (2800, 0)


def test_nothing_there_is_said() -> None:
    prompts: list[Prompt] = [Point(at=(100, 10)), Box(box=(90, 0, 30, 20)), Point(at=(40, 60))]
    found = choose(prompts, two_apart(), SIZE)
    assert found.missed == tuple(prompts[:2])
    assert len(found.mattes[None]) == 1


@pytest.mark.parametrize(
    "prompts",
    [
        [Point(at=(80, 60)), Point(at=(150, 60), excluded=True)],
        [Box(box=(50, 20, 72, 90))],
        [Point(at=(80, 60)), Point(at=(150, 60), subject="other")],
    ],
)
def test_two_that_touch_are_told_apart(prompts: list[Prompt]) -> None:
    left, right = area(prompts, two_touching())
    assert left > 0.95 * 4200 and right < 0.05 * 4200


def test_the_largest_is_one_that_is_not_excluded() -> None:
    assert area([Largest(), Point(at=(180, 60), excluded=True)], two_apart()) == (2800, 0)


def test_one_point_on_two_that_touch_means_both() -> None:
    assert area([Point(at=(80, 60))], two_touching()) == (4200, 4200)


def test_several_subjects_at_once() -> None:
    prompts: list[Prompt] = [Point(at=(40, 60), subject="anna"), Point(at=(180, 60), subject="bob")]
    assert area(prompts, two_apart(), "anna") == (2800, 0)
    assert area(prompts, two_apart(), "bob") == (0, 5600)


def test_no_figure_at_all() -> None:
    sight = Sight.of(np.zeros((120, 240), np.float32), np.zeros((120, 240, 3), np.uint8))
    found = choose([Largest(), Point(at=(1, 1))], sight, SIZE)
    assert len(found.missed) == 2 and found.mattes == {None: []}


@pytest.mark.parametrize(
    "more",
    [[Point(at=(132, 60), excluded=True)], [Point(at=(132, 60))], [Point(at=(132, 60), subject="other")]],
)
def test_one_point_on_two_people_is_told_unless_more_is_said(more: list[Prompt]) -> None:
    point = Point(at=(100, 60))
    assert choose([point], two_people(), SIZE).several == (point,)
    assert choose([point, *more], two_people(), SIZE).several == ()
    assert choose([Box(box=(82, 10, 34, 102))], two_people(), SIZE).several == ()


@pytest.mark.parametrize("prompt", [Box(box=(82, 10, 34, 102)), Point(at=(100, 60))])
def test_a_box_or_not_tells_two_people_apart(prompt: Prompt) -> None:
    left, right = 32 * 76 + 14 * 18, 32 * 76 + 14 * 18
    assert area([Point(at=(100, 60))], two_people())[0] > left
    found = choose([prompt, Point(at=(132, 60), excluded=True)], two_people(), SIZE)
    (matte,) = found.mattes["subject"]
    assert matte[:, :116].sum() > 0.9 * left and matte[:, 116:].sum() < 0.1 * right


def test_one_person_with_a_raised_arm_is_one() -> None:
    part = np.zeros((120, 240), bool)
    part[34:110, 84:116] = part[16:34, 93:107] = part[4:40, 112:117] = True
    assert not is_several(part)
    part[12:34, 136:150] = part[34:110, 116:160] = True
    assert is_several(part)
    assert not is_several(np.zeros((20, 20), bool))
