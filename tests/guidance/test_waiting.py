"""The largest subject: picked where one is clearly seen, and again after cuts and losses; until then all is kept."""

import numpy as np
import pytest
from guided import SeesFigures, follow
from guided_clips import HEIGHT, WIDTH, Clip, Path, Pose, Scenario, drawn_figures, drawn_scene, make_clip, not_blue

from birefnet_video.matting.guidance.clear import is_clear, largest
from birefnet_video.matting.guidance.region import WHOLE
from birefnet_video.matting.guidance.sight import Sight, parts
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.prompts import Box, Largest, Point, Prompt
from birefnet_video.pipeline.picking import Eyes


def clip_with(*paths: tuple[str, int, Path], shots: tuple[float, ...] = ()) -> Clip:
    """Half a second, with a subject and others."""
    scenario = Scenario("waiting", paths, seconds=0.6, shots=shots)
    return make_clip(scenario, drawn_figures(), [drawn_scene(seed) for seed in range(3)])


def while_(first: float, last: float, pose: Pose) -> Path:
    """Stands there for a time in seconds."""
    return lambda time: pose if first <= time < last else None


MIDDLE, RIGHT, SMALL = Pose(0.4, 0.55, 0.7), Pose(0.8, 0.55, 0.5), Pose(0.75, 0.5, 0.05)


def same(found: np.ndarray, truth: np.ndarray) -> bool:
    return float(np.abs(found - truth).mean()) < 0.01


def test_nobody_in_the_first_frames_is_waited_for() -> None:
    clip = clip_with(("subject", 0, while_(0.2, 1, MIDDLE)), ("speck", 1, while_(0, 1, SMALL)))
    mattes, fates, _ = follow(clip, [Largest()])
    assert [(fate.finding, fate.why) for fate in fates] == [
        ("waiting", "nobody is clearly seen yet, so everything is kept"),
        ("found", "clearly seen"),
    ]
    # The speck is kept as long as it is not known who is meant.
    assert same(mattes[:5], clip.everybody[:5]) and mattes[:5].any()
    assert same(mattes[5:], clip.subject[5:]) and not (mattes[6:] * (clip.others[6:] > 0.9)).any()


def test_a_limb_that_comes_in_is_not_picked() -> None:
    clip = clip_with(("subject", 0, lambda time: Pose(-0.08 + 0.5 * time, 0.55, 0.7)))
    mattes, fates, _ = follow(clip, [Largest()])
    assert [fate.finding for fate in fates] == ["waiting", "found"]
    assert same(mattes, clip.subject)


def test_another_one_is_picked_after_a_cut() -> None:
    clip = clip_with(
        ("subject", 0, while_(0, 0.28, MIDDLE)), ("next", 1, while_(0.28, 1, RIGHT)),
        ("speck", 2, while_(0.28, 1, Pose(0.2, 0.5, 0.05))), shots=(0.28,),
    )  # fmt: skip
    mattes, fates, _ = follow(clip, [Largest()])
    assert [fate.finding for fate in fates] == ["lost", "found"]
    assert fates[-1].why == "another one, clearly seen"
    assert same(mattes[:7], clip.subject[:7]) and same(mattes[8:], clip.mattes["next"][8:])


def test_another_one_is_picked_after_a_loss() -> None:
    clip = clip_with(("subject", 0, while_(0, 0.2, MIDDLE)), ("next", 1, while_(0, 1, RIGHT)))
    mattes, fates, _ = follow(clip, [Largest()])
    assert [fate.finding for fate in fates] == ["lost", "found"]
    assert same(mattes[:5], clip.subject[:5]) and same(mattes[-3:], clip.mattes["next"][-3:])


def test_who_is_never_seen_is_told_at_the_end() -> None:
    clip = clip_with(("subject", 0, while_(0, 1, SMALL)))
    mattes, fates, _ = follow(clip, [Largest(subject="anna")])
    assert [(fate.subject, fate.finding) for fate in fates] == [("anna", "waiting"), ("anna", "lost")]
    assert fates[-1].why == "nobody was clearly seen up to the end" and same(mattes, clip.everybody)


def test_who_is_not_meant_is_neither_kept_nor_picked_meanwhile() -> None:
    clip = clip_with(("other", 1, while_(0, 1, RIGHT)), ("subject", 0, while_(0.2, 1, MIDDLE)))
    others = Point(at=("80%", "55%"), excluded=True)
    mattes, fates, _ = follow(clip, [Largest(), others])
    assert [fate.finding for fate in fates] == ["waiting", "found"]
    assert same(mattes, clip.subject)


@pytest.mark.parametrize(("prompt", "keeps"), [(Largest(), False), (Point(at=("40%", "55%")), True)])
def test_what_a_closer_look_does_not_show_is_kept_if_it_was_pointed_at(prompt: Prompt, keeps: bool) -> None:
    class NeedsSurroundings(SeesFigures):
        """Sees nobody who fills much of what it looks at."""

        def infer(self, rgb: np.ndarray) -> np.ndarray:
            return np.stack([each * (each.mean() < 0.04) for each in super().infer(rgb)])

    view = clip_with(("subject", 0, while_(0, 1, Pose(0.4, 0.55, 0.3)))).frames[0]
    eyes = Eyes(NeedsSurroundings(), (WIDTH, HEIGHT), MotionEstimator(WIDTH, HEIGHT).grid)
    alpha, choice = eyes.pick([prompt], view, patient=True)
    assert same(alpha, not_blue(view))
    assert (choice.missed == ()) is keeps and ("subject" in choice.mattes) is keeps
    assert len(choice.mattes[None]) == (0 if keeps else 1)


@pytest.mark.parametrize(
    ("rows", "columns", "alpha", "clear"),
    [
        ((40, 60), (40, 60), 1.0, True), ((40, 44), (40, 44), 1.0, False), ((40, 60), (40, 60), 0.6, False),
        ((40, 60), (0, 20), 1.0, False), ((20, 80), (0, 30), 1.0, True),
    ],
)  # fmt: skip
def test_clear_is_large_and_sure(rows: tuple[int, int], columns: tuple[int, int], alpha: float, clear: bool) -> None:
    matte = np.zeros((100, 160), np.float32)
    matte[slice(*rows), slice(*columns)] = alpha
    assert is_clear(matte) is clear


@pytest.mark.parametrize(
    "prompt", [Box(box=("37%", "39%", "6%", "30%")), Point(at=("40%", "55%")), Largest()], ids=["box", "point", "auto"]
)
def test_who_is_seen_neither_in_the_whole_nor_close_by_is_found_in_between(prompt: Prompt) -> None:
    class NeedsMiddleDistance(SeesFigures):
        """Sees nobody who is small or large in what it looks at."""

        def infer(self, rgb: np.ndarray) -> np.ndarray:
            return np.stack([each * (0.03 < each.mean() < 0.1) for each in super().infer(rgb)])

    view = clip_with(("subject", 0, while_(0, 1, Pose(0.4, 0.55, 0.3)))).frames[0]
    eyes = Eyes(NeedsMiddleDistance(), (WIDTH, HEIGHT), MotionEstimator(WIDTH, HEIGHT).grid)
    assert not eyes.see(view[None], WHOLE)[0].any()
    alpha, choice = eyes.pick([prompt], view)
    assert choice.missed == () and same(alpha, not_blue(view))


def sight_of(*boxes: tuple[slice, slice, tuple[int, int, int]]) -> Sight:
    alpha, rgb = np.zeros((100, 160), np.float32), np.full((100, 160, 3), 90, np.uint8)
    for rows, columns, colour in boxes:
        alpha[rows, columns], rgb[rows, columns] = 1, colour
    return Sight.of(alpha, rgb)


RED, GREEN = (220, 40, 30), (40, 200, 60)


@pytest.mark.parametrize(
    ("boxes", "pixels"),
    [
        # A smaller one in the middle counts more than who is cut off at the side, but not much smaller.
        (((slice(20, 60), slice(0, 50), RED), (slice(30, 60), slice(80, 110), GREEN)), 900),
        (((slice(20, 60), slice(0, 90), RED), (slice(30, 50), slice(110, 130), GREEN)), 3600),
        # Who stands in front is cut off below.
        (((slice(50, 100), slice(10, 60), RED), (slice(30, 60), slice(80, 110), GREEN)), 2500),
        # Behind a post, and behind a rail; somebody else beside; the same far away; who ends in a point beside.
        (((slice(20, 80), slice(40, 70), RED), (slice(20, 80), slice(76, 100), RED)), 1800 + 1440),
        (((slice(10, 40), slice(40, 80), RED), (slice(46, 80), slice(40, 80), RED)), 1200 + 1360),
        (((slice(20, 80), slice(40, 70), RED), (slice(20, 80), slice(76, 100), GREEN)), 1800),
        (((slice(20, 80), slice(40, 70), RED), (slice(20, 80), slice(120, 144), RED)), 1800),
        (((slice(20, 80), slice(40, 70), RED), (slice(20, 36), slice(76, 100), RED)), 1800),
    ],
)
def test_the_largest(boxes: tuple[tuple[slice, slice, tuple[int, int, int]], ...], pixels: int) -> None:
    sight = sight_of(*boxes)
    found = largest(parts(sight.alpha), sight)
    assert int(found.sum()) == pixels
    assert not largest([], sight).any()
