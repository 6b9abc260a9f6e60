"""Prompts at whose place nothing is seen at first: it is looked at again, for a while."""

from dataclasses import replace

import numpy as np
import pytest
from guided import SeesFigures, follow
from guided_clips import Clip, Path, Pose, Scenario, drawn_figures, drawn_scene, make_clip

from birefnet_video.matting.guidance.region import Box
from birefnet_video.matting.guidance.sight import Carried
from birefnet_video.options.prompts import Box as BoxPrompt
from birefnet_video.options.prompts import Point, Prompt
from birefnet_video.pipeline.seeking import Sought

GRID = (90, 160)
PLACES = [Point(at=("40%", "55%")), BoxPrompt(box=("27%", "15%", "26%", "80%"))]


def clip_with(seconds: float, *paths: tuple[str, int, Path]) -> Clip:
    return make_clip(Scenario("seeking", paths, seconds), drawn_figures(), [drawn_scene(seed) for seed in range(3)])


def dark(clip: Clip, frames: int) -> Clip:
    """With black frames at its beginning."""
    seen = clip.frames.copy()
    seen[:frames] = 0
    return replace(clip, frames=seen)


class SeesLate(SeesFigures):
    """Sees nobody until it has been asked for a number of pictures of a video; black is nobody in any case."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        alpha = super().infer(rgb) * (rgb.max() > 0)
        return alpha if self.asked > self._after else np.zeros_like(alpha)


def same(found: np.ndarray, truth: np.ndarray) -> bool:
    return float(np.abs(found - truth).mean()) < 0.01


@pytest.mark.parametrize("prompt", PLACES, ids=["point", "box"])
def test_who_is_seen_a_little_later_is_found_where_it_has_gone(prompt: Prompt) -> None:
    clip = clip_with(
        0.6,
        ("other", 1, lambda time: Pose(0.8, 0.55, 0.5)),
        ("subject", 0, lambda time: Pose(0.4 + 0.1 * time, 0.55, 0.7)),
    )
    mattes, fates, _ = follow(clip, [prompt], network=SeesLate(12))
    assert [(fate.finding, fate.why) for fate in fates] == [
        ("lost", f"nothing is seen at {prompt}"), ("found", "seen where it was said to be"),
    ]  # fmt: skip
    first = int(np.flatnonzero(mattes.any((1, 2)))[0])
    assert 0 < first < 10 and same(mattes[first:], clip.subject[first:])


@pytest.mark.parametrize("prompt", PLACES, ids=["point", "box"])
def test_behind_black_frames_who_is_there_is_meant(prompt: Prompt) -> None:
    clip = dark(clip_with(0.4, ("subject", 0, lambda time: Pose(0.4, 0.55, 0.7))), 3)
    mattes, fates, _ = follow(clip, [prompt], network=SeesLate(0))
    assert [fate.finding for fate in fates] == ["lost", "found"]
    assert not mattes[:3].any() and same(mattes[5:], clip.subject[5:])


def test_who_comes_there_much_later_is_somebody_else() -> None:
    clip = clip_with(2.6, ("subject", 0, lambda time: Pose(0.4, 0.55, 0.7) if time > 2.2 else None))
    mattes, fates, network = follow(clip, [PLACES[0]])
    assert [fate.finding for fate in fates] == ["lost"] and not mattes.any()
    # Looks become rarer: each is one at all of the picture, and one at each part around the place.
    assert network.asked < 2 * len(clip.frames)


def test_a_new_prompt_takes_the_place_of_the_old_one() -> None:
    clip = clip_with(0.6, ("subject", 0, lambda time: Pose(0.4, 0.55, 0.7)))
    prompts = [Point(at=("90%", "10%")), Point(at=("40%", "55%"), time=0.2)]
    _, fates, _ = follow(clip, prompts)
    assert [fate.finding for fate in fates] == ["lost", "found"]


def still(across: float = 0.0, trust: float = 1.0) -> Carried:
    """All of a picture has moved by so many pixels."""
    rows, columns = np.mgrid[: GRID[0], : GRID[1]].astype(np.float32)
    return Carried(np.dstack([columns - across, rows]), np.full(GRID, trust, np.float32))


def test_a_place_goes_with_what_is_there_and_is_the_same_in_a_mirror() -> None:
    box = Box(0.2, 0.3, 0.6, 0.5)
    sought = Sought("subject", box)
    assert sought.carried(still(16.0)).box.left == pytest.approx(0.4)
    # Motion that nobody trusts, as between a dark picture and a lighter one, moves nothing.
    assert sought.carried(still(16.0, trust=0.1)).box == box
    assert sought.mirrored().box == Box(0.2, 0.5, 0.6, 0.7)
    gone = sought.carried(still(160.0)).later(25)
    assert gone is None
    # Nor does one that has left the picture: a point on its border has no pixels around it.
    assert Sought("subject", Box(0.5, 0.999, 0.5, 0.999)).carried(still(1.0)).later(25) is None


def test_what_it_says_of_a_later_frame() -> None:
    point = Sought("anna", Box(0.5, 0.25, 0.5, 0.25)).prompt
    assert isinstance(point, Point) and point.subject == "anna" and str(point) == "anna:point=25%,50%"
    box = Sought("anna", Box(0.25, 0.5, 0.75, 0.625)).prompt
    assert str(box) == "anna:box=50%,25%,12.5%,50%"


def test_who_is_seen_at_one_of_two_places_is_not_looked_for_at_the_other() -> None:
    clip = clip_with(0.4, ("subject", 0, lambda time: Pose(0.4, 0.55, 0.7)))
    _, fates, network = follow(clip, [Point(at=("90%", "10%")), Point(at=("40%", "55%"))])
    assert [fate.finding for fate in fates] == ["lost", "found"]
    _, _, once = follow(clip, [Point(at=("40%", "55%"))])
    # Parts around the first place, once.
    assert network.asked <= once.asked + 4
