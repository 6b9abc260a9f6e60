"""Display matrices, and what probing tells."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip

from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.turning import read_turn
from birefnet_video.limits import Limits
from birefnet_video.types import Turn

CLIPS = Path(__file__).parents[1] / "data" / "clips"


def displayed(pixels: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """What a player shows: pixel (x, y) moves to (a x + c y, b x + d y), shifted into view."""
    a, b, c, d = matrix
    height, width = pixels.shape
    places = {(a * x + c * y, b * x + d * y): pixels[y, x] for y in range(height) for x in range(width)}
    left, top = min(p[0] for p in places), min(p[1] for p in places)
    out = np.zeros((max(p[1] for p in places) - top + 1, max(p[0] for p in places) - left + 1), pixels.dtype)
    for (x, y), value in places.items():
        out[y - top, x - left] = value
    return out


MATRICES = [
    (1, 0, 0, 1),
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_quarter_turn_and_mirror_is_shown_upright(matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    data = {"DISPLAYMATRIX": np.array((a, b, 0, c, d, 0, 0, 0, 1 << 30), "<i4").tobytes()}
    pixels = np.arange(6).reshape(2, 3)
    turn = read_turn(data)
    assert np.array_equal(turn.apply(pixels), displayed(pixels, matrix))
    assert turn.swaps_sides == (matrix[0] == 0)


def test_a_frame_without_matrix_is_upright() -> None:
    assert read_turn({}) == Turn()


def test_probe_tells_size_rate_and_sound(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "in.mp4", frames=10, rate=25, with_sound=True))
    assert (info.width, info.height, info.frame_rate, info.frame_count) == (160, 96, Fraction(25), 10)
    assert info.audio_tracks == 1 and info.bit_depth == 8 and not info.is_rgb


def test_untagged_pictures_get_the_matrix_that_their_size_means() -> None:
    assert probe(CLIPS / "untagged_sd_601.mp4").colour.matrix == 6
    assert probe(CLIPS / "full_range_709.mp4").colour.full_range
    assert probe(CLIPS / "pq_2020_10bit_hevc.mp4").bit_depth == 10


def test_pictures_beyond_the_limit_are_refused() -> None:
    with pytest.raises(NotAVideo, match="too large: 160x96"):
        probe(CLIPS / "no_audio.mp4", limits=Limits(pixels=160 * 96 - 1))
