"""Figures among others, found by their pictures."""

import numpy as np
import pytest

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.shot import begin, carry
from birefnet_video.matting.guidance.sight import Carried, Sight
from birefnet_video.matting.guidance.template import UNKNOWN, Template

HEIGHT, WIDTH = 80, 120
STILL = np.zeros(2, np.float32)


def picture(at: tuple[int, int], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A figure of large spots before grey, uint8 (h, w, 3), and its matte."""
    rgb, matte = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.zeros((HEIGHT, WIDTH), np.float32)
    spots = np.random.default_rng(seed).integers(0, 255, (10, 5, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    here = np.s_[at[0] : at[0] + 40, at[1] : at[1] + 20]
    rgb[here], matte[here] = spots, 1
    return rgb, matte


def template(at: tuple[int, int]) -> Template:
    rgb, matte = picture(at)
    made = Template.of(matte > 0.5, matte, rgb)
    assert made is not None
    return made


@pytest.mark.parametrize("by", [(0, 0), (1, 0), (-2, 1), (1, -1)])
def test_what_a_figure_is_off_its_way_is_seen_although_half_of_it_is_hidden(by: tuple[int, int]) -> None:
    rgb, _ = picture((20 + by[1], 50 + by[0]))
    rgb[:, 60:] = 30
    assert template((20, 47)).strayed(rgb, np.array([3, 0], np.float32)) == pytest.approx(by, abs=0.35)


def test_one_that_is_not_seen_goes_on() -> None:
    assert (template((20, 50)).strayed(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), STILL) == 0).all()


def test_pixels_fit_where_they_show_what_is_expected() -> None:
    rgb, matte = picture((20, 50))
    rgb[:, 60:] = picture((20, 50), seed=2)[0][:, 60:]
    fits = template((20, 50)).likelihood(rgb, STILL, np.s_[0:HEIGHT, 0:WIDTH])
    assert fits[24:56, 54:58].min() > 0.9 and np.median(fits[24:56, 62:66]) < 0.1
    assert fits[matte == 0].max() < 0.3
    part = template((20, 50)).likelihood(rgb, STILL, np.s_[10:70, 40:80])
    assert np.abs(part - fits[10:70, 40:80]).max() < 1e-4


def test_a_place_is_kept_in_parts_of_a_pixel() -> None:
    moved = template((20, 50))
    for _ in range(10):
        moved = moved.moved(np.array([0.4, -0.3], np.float32))
    assert moved.corner == pytest.approx((16.0, 53.0), abs=1.01)
    shown = moved.placed(moved.mask, (HEIGHT, WIDTH))
    _, columns = np.nonzero(shown > 0.5)
    assert columns.mean() == pytest.approx(50 + 9.5 + 4, abs=0.6)


def test_of_a_figure_that_was_cut_from_others_not_all_is_known() -> None:
    rgb, matte = picture((20, 50))
    whole = Sight.of(matte, rgb)
    half = np.where(np.arange(WIDTH) < 65, matte, 0).astype(np.float32)
    cut = Figure.new("anna", half, whole).template
    assert cut is not None and cut.hidden is not None
    fits = cut.likelihood(rgb, STILL, np.s_[0:HEIGHT, 0:WIDTH])
    # Far from the others it is known; beside them and behind them it is not, and elsewhere it is nobody.
    assert fits[30:50, 51:57].min() > 0.9
    assert fits[30:50, 60:69] == pytest.approx(UNKNOWN, abs=0.01)
    assert fits[30:50, 20:45].max() < UNKNOWN
    turned = cut.mirrored(WIDTH)
    assert turned.hidden is not None and np.array_equal(turned.hidden[:, ::-1], cut.hidden)
    uncut = Figure.new("anna", matte, whole).template
    assert uncut is not None and uncut.hidden is None
    assert Figure.new("anna", half * (np.arange(WIDTH) > 60), whole).template is None
    places = np.dstack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))).astype(np.float32)
    carried = Carried(places, np.ones((HEIGHT, WIDTH), np.float32))
    shot = carry(begin({"anna": [half], None: [matte - half]}, whole), whole, carried)
    assert shot.figures[0].matte.sum() == pytest.approx(half.sum(), rel=0.1)
