"""Tiles: they cover a picture, fade into each other, and change nothing but what is open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birefnet_video.matting.tiles.grid import Grid, halvings
from birefnet_video.matting.tiles.joining import is_open, joined
from birefnet_video.matting.tiles.plane import Plane
from birefnet_video.matting.tiles.source import InMemory, reduced


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    tile=st.tuples(st.sampled_from([32, 64, 96]), st.sampled_from([32, 64, 128])),
    step=st.sampled_from([1, 2]),
)
def test_tiles_count_one_together_everywhere(size: tuple[int, int], tile: tuple[int, int], step: int) -> None:
    height, width = (side * step for side in size)
    total = np.zeros((height, width))
    for each in Grid((height, width), tile, step=step):
        assert each.rows.start % step == each.columns.start % step == 0
        assert each.weight.shape == (min(tile[0], height), min(tile[1], width)) and each.weight.min() >= 0
        total[each.rows, each.columns] += each.weight
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_a_tile_counts_nothing_where_it_sees_least_around_and_fades_slowly() -> None:
    grid = Grid((256, 256), (64, 64))
    inner = next(each for each in grid if each.rows.start and each.columns.start)
    assert inner.weight[:4].max() == 0 and inner.counts == (slice(4, 60), slice(4, 60))
    for each in grid:
        assert np.abs(np.diff(each.weight, axis=0)).max() < 0.25
    assert len(grid.borders[0]) == 4


@pytest.mark.parametrize(
    ("size", "times"), [((64, 64), None), ((79, 64), None), ((80, 64), 0), ((1000, 200), 3), ((64, 20_000), 7)]
)
def test_pictures_are_halved_until_a_tile_shows_most_of_them(size: tuple[int, int], times: int | None) -> None:
    assert halvings(size, (64, 64)) == times


def test_what_is_sure_is_not_open() -> None:
    edge = np.zeros((8, 8), np.float32)
    edge[:, 4:] = 1
    assert is_open(edge) and is_open(np.full((8, 8), 0.5, np.float32))
    assert not is_open(np.zeros((8, 8), np.float32)) and not is_open(np.full((8, 8), 0.99, np.float32))


def _ramp() -> np.ndarray:
    return np.tile(np.linspace(-4, 5, 96, dtype=np.float32).clip(0, 1), (96, 1))


def test_detail_is_taken_where_means_agree() -> None:
    coarse = _ramp()
    local = (coarse > 0.5).astype(np.float32)
    made = joined(coarse, coarse, local)
    assert np.abs(made - local).mean() < np.abs(coarse - local).mean() / 3
    sure = (coarse == 0) | (coarse == 1)
    np.testing.assert_array_equal(made[sure & (local == coarse)], coarse[sure & (local == coarse)])


@pytest.mark.parametrize("local", [1 - _ramp(), np.zeros((96, 96), np.float32), np.ones((96, 96), np.float32)])
def test_another_subject_is_not_taken(local: np.ndarray) -> None:
    coarse = _ramp()
    assert np.abs(joined(coarse, coarse, local) - coarse).max() < 0.02


def test_a_plane_is_doubled_in_parts_as_in_one_piece() -> None:
    plane = Plane.of(np.random.default_rng(1).random((31, 45), np.float32))
    whole = plane.doubled()
    assert whole.size == (62, 90)
    part = plane.doubled_part(slice(10, 42), slice(6, 90))
    assert np.abs(part - whole.part(slice(10, 42), slice(6, 90))).max() < 2e-5


def test_parts_go_on_beyond_the_end_of_a_picture() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (13, 9, 3), np.uint8)
    whole = reduced(InMemory(rgb), slice(0, 4), slice(0, 3), 2)
    assert whole.shape == (4, 3, 3)
    np.testing.assert_array_equal(whole[1:3, 1:], reduced(InMemory(rgb), slice(1, 3), slice(1, 3), 2))
    np.testing.assert_allclose(whole[0, 0], rgb[:4, :4].mean((0, 1)), atol=1)
    np.testing.assert_allclose(whole[3, 2], rgb[12, 8], atol=1)
