"""Where the network looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birefnet_video.matting.guidance.places import places_of
from birefnet_video.matting.guidance.region import (
    WHOLE,
    Box,
    Region,
    box_around,
    least_side,
    next_region,
    region_around,
)
from birefnet_video.options import prompts
from birefnet_video.options.prompts import Largest

SHARES = st.floats(0, 1)


@given(SHARES, SHARES, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(8, 300), st.integers(8, 300))
def test_a_region_holds_its_box_and_lies_in_the_picture(
    top: float, left: float, height: float, width: float, rows: int, columns: int
) -> None:
    box = Box(top, left, min(1, top + height), min(1, left + width))
    region = region_around(box)
    assert box.is_in(region)
    here = region.of((rows, columns))
    for part, side in zip(here, (rows, columns), strict=True):
        assert 0 <= part.start < part.stop <= side


def test_the_region_stays_while_the_subject_is_well_inside() -> None:
    first = region_around(Box(0.4, 0.4, 0.6, 0.5))
    assert not first.is_whole and first.side == pytest.approx(0.3)
    assert next_region(first, Box(0.41, 0.41, 0.61, 0.52)) is first
    assert next_region(first, Box(0.5, 0.5, 0.7, 0.6)) != first
    assert next_region(first, Box(0.45, 0.44, 0.5, 0.46)).side < first.side
    assert next_region(first, Box(0.1, 0.1, 0.9, 0.6)) == WHOLE


def test_a_fast_subject_gets_room_for_its_way() -> None:
    box = Box(0.4, 0.4, 0.6, 0.5)
    assert region_around(box, (0.0, 0.1)).side > region_around(box).side


def test_the_box_of_a_matte() -> None:
    matte = np.zeros((10, 20), np.float32)
    assert box_around(matte) is None
    matte[2:5, 4:10] = 1
    assert box_around(matte) == Box(0.2, 0.2, 0.5, 0.5)
    assert Region().of((10, 20)) == (slice(0, 10), slice(0, 20))


def test_a_part_holds_enough_of_the_networks_pixels() -> None:
    # Wide views of a large picture, a picture smaller than the network's input, and one far smaller.
    assert least_side((288, 512), (576, 1024)) == pytest.approx(0.15)
    assert least_side((288, 512), (270, 480)) == pytest.approx(0.32)
    assert least_side((1024, 1024), (270, 480)) == 1
    box = Box(0.4, 0.4, 0.42, 0.42)
    assert region_around(box, least=0.32).side == 0.32
    assert next_region(WHOLE, box, least=0.32).side == 0.32


def test_wider_parts_hold_the_narrow_one_and_lie_in_the_picture() -> None:
    narrow = Region(0.0, 0.7, 0.2)
    wide = [*narrow.widened_to(0.6)]
    assert wide[0] == narrow and [each.side for each in wide] == pytest.approx([0.2, 0.32, 0.512])
    for each in wide:
        assert Box(0.0, 0.7, 0.2, 0.9).is_in(each)
        assert each.top == 0 and each.left + each.side <= 1


def test_around_a_box_wider_parts_are_looked_at_too() -> None:
    box = prompts.Box(box=(300, 150, 20, 40))
    sides = [region.side for region in places_of(box, (640, 360), {}, 0.2)]
    assert sides == sorted(sides) and sides[0] == 0.2 and sides[-1] > 0.5


def test_the_largest_is_looked_for_everywhere_from_the_middle() -> None:
    regions = [*places_of(Largest(), (640, 360), {}, 0.12)]
    assert (regions[0].top, regions[0].left) == (0.25, 0.25)
    seen = np.zeros((36, 64), bool)
    for region in regions:
        seen[region.of(seen.shape)] = True
    assert seen.all()
