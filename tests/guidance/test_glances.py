"""Where the network looks for whom, and that several looks share its batches."""

from dataclasses import replace

import numpy as np
import pytest
from guided import SeesFigures

from birefnet_video.backends.base import Pending
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.region import Box
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.pipeline.glances import Glances, Seen
from birefnet_video.pipeline.picking import Eyes

GRID, VIEW = (68, 120), (136, 240)
#: Colour of what the network sees, and of what it does not.
RED, BLUE = (220, 40, 30), (40, 96, 160)


class Counted(SeesFigures):
    """Keeps how many pictures came at once."""

    def __init__(self, batch_size: int) -> None:
        super().__init__((68, 120), batch_size)
        self.batches: list[int] = []

    def begin(self, rgb: np.ndarray) -> Pending:
        self.batches.append(len(rgb))
        return super().begin(rgb)


def square(top: int, left: int, side: int = 8) -> np.ndarray:
    matte = np.zeros(GRID, np.float32)
    matte[top : top + side, left : left + side] = 1
    return matte


def figure(name: str | None, matte: np.ndarray, *, hidden_for: int = 0) -> Figure:
    sight = Sight.of(matte, np.zeros((*GRID, 3), np.uint8))
    return replace(Figure.new(name, matte, sight), hidden_for=hidden_for)


def view_of(*mattes: np.ndarray) -> np.ndarray:
    seen = np.maximum.reduce(mattes).repeat(2, 0).repeat(2, 1)[..., None]
    return np.where(seen > 0, np.uint8(RED), np.uint8(BLUE))[None].astype(np.uint8)


class Looks:
    """Glances of one network, one after another."""

    def __init__(self, network: SeesFigures, *, apart: bool = True) -> None:
        self.eyes, self.glances = Eyes(network, (240, 136), GRID), Glances(apart)

    def look_ahead(self, figures: list[Figure], behind: dict[str, list[Box]], frames: int) -> None:
        self.glances = self.glances.ahead(self.eyes, figures, behind, frames)

    def see(self, views: np.ndarray) -> list[Seen]:
        return self.glances.see(self.eyes, views)


def test_two_far_apart_have_a_look_each_in_one_batch() -> None:
    network, anna, ben = Counted(2), square(10, 10), square(50, 100)
    looks = Looks(network)
    looks.look_ahead([figure("anna", anna), figure("ben", ben), figure(None, square(30, 60))], {}, 1)
    (seen,) = looks.see(view_of(anna, ben))
    assert network.batches == [2]
    rows, columns = slice(20, 36), slice(20, 36)
    assert seen.of("anna")[rows, columns].mean() > 0.9 and seen.of("ben")[rows, columns].max() == 0
    assert seen.of("ben")[100:116, 200:216].mean() > 0.9
    assert np.array_equal(seen.of(None), np.maximum(seen.of("anna"), seen.of("ben")))


def test_more_looks_than_a_batch_holds_are_several_batches() -> None:
    network, anna, ben = Counted(3), square(10, 10), square(50, 100)
    looks = Looks(network)
    looks.look_ahead([figure("anna", anna), figure("ben", ben)], {}, 2)
    assert len(looks.see(np.concatenate([view_of(anna, ben)] * 2))) == 2
    assert network.batches == [3, 1]


@pytest.mark.parametrize("apart", [True, False])
def test_those_that_stand_together_share_a_look(apart: bool) -> None:
    network, anna, ben = Counted(2), square(30, 50), square(32, 52)
    looks = Looks(network, apart=apart)
    looks.look_ahead([figure("anna", anna), figure("ben", ben)], {}, 1)
    (seen,) = looks.see(view_of(anna, ben))
    assert network.batches == [1] and seen.of("anna") is seen.of(None)


def test_together_they_are_one_region_however_far() -> None:
    network, anna, ben = Counted(2), square(10, 10), square(30, 40)
    looks = Looks(network, apart=False)
    looks.look_ahead([figure("anna", anna), figure("ben", ben)], {}, 1)
    looks.see(view_of(anna, ben))
    assert network.batches == [1]


def test_who_is_lost_is_looked_for_everywhere_and_the_other_one_stays_near() -> None:
    network, anna, ben = Counted(2), square(10, 10), square(50, 100)
    looks = Looks(network)
    looks.look_ahead([figure("anna", anna), figure("ben", ben, hidden_for=3)], {}, 1)
    (seen,) = looks.see(view_of(anna, ben))
    assert network.batches == [2]
    assert seen.of("ben")[20:36, 20:36].max() > 0 and seen.of("anna")[100:116, 200:216].max() == 0


def test_who_is_known_from_a_later_prompt_is_looked_at() -> None:
    network, anna, ben = Counted(2), square(10, 10), square(50, 100)
    looks = Looks(network)
    looks.look_ahead([figure("anna", anna)], {"ben": [Box(50 / 68, 100 / 120, 58 / 68, 108 / 120)]}, 1)
    (seen,) = looks.see(view_of(anna, ben))
    assert seen.of("ben")[100:116, 200:216].mean() > 0.9


def test_after_a_cut_all_of_the_picture_is_looked_at() -> None:
    network, anna, ben = Counted(2), square(10, 10), square(50, 100)
    looks = Looks(network)
    looks.look_ahead([figure("anna", anna), figure("ben", ben)], {}, 1)
    looks.glances = looks.glances.everywhere()
    looks.see(view_of(anna, ben))
    assert network.batches == [1]
