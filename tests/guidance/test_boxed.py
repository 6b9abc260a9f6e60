"""A box around one of several who touch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from attrs import evolve
from guided import box_around
from guided_clips import HEIGHT, RATE, WIDTH, Clip, Path, drawn_figures, drawn_scene, make_clip, scenarios

from birefnet_video.matting.guidance.boxed import middle, whole
from birefnet_video.matting.guidance.choosing import choose
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.options.prompts import Box, Prompt


def _stopped(path: Path, time: float) -> Path:
    return lambda _: path(time)


def still(name: str, at: int, rotated: int) -> Clip:
    """One frame of a scenario, with other figures."""
    figures = drawn_figures()
    scenario = next(each for each in scenarios() if each.name == name)
    paths = tuple((who, which, _stopped(path, at / RATE)) for who, which, path in scenario.paths)
    frozen = replace(scenario, paths=paths, seconds=1 / RATE)
    return make_clip(frozen, figures[rotated:] + figures[:rotated], [drawn_scene(seed) for seed in range(3)])


@pytest.mark.parametrize("rotated", range(4))
@pytest.mark.parametrize(("name", "at"), [("overlap", 0), ("crossing", 29), ("crossing", 45)])
def test_who_stands_in_front_is_cut_from_others(name: str, at: int, rotated: int) -> None:
    clip = still(name, at, rotated)
    sight = Sight.of(clip.everybody[0], clip.frames[0])
    chosen = sum(choose([box_around(clip)], sight, (WIDTH, HEIGHT)).mattes["subject"])
    truth = clip.subject[0]
    assert (np.maximum(chosen - truth, 0) * (clip.others[0] > 0.5)).sum() < 0.02 * truth.sum()
    assert np.maximum(truth - chosen, 0).sum() < 0.12 * truth.sum()


def test_two_boxes_share_two_who_touch() -> None:
    clip = still("overlap", 0, 0)
    sight = Sight.of(clip.everybody[0], clip.frames[0])
    prompts: list[Prompt] = [evolve(box_around(clip, name), subject=name) for name in ("subject", "other")]
    chosen = choose(prompts, sight, (WIDTH, HEIGHT)).mattes
    for name in ("subject", "other"):
        truth, found = clip.mattes[name][0] > 0.5, sum(chosen[name]) > 0.5
        assert (truth & found).sum() / (truth | found).sum() > 0.85
    assert (sum(chosen["subject"]) * sum(chosen["other"])).max() < 1e-3


def test_what_nobody_else_can_be_is_the_subjects() -> None:
    """A bag on the far side is left over; so is a foot beside the others, who may well reach there."""
    box, part, chosen = (np.zeros((60, 80), bool) for _ in range(3))
    box[5:55, 10:50] = True
    part[10:50, 15:70] = True
    chosen[10:50, 22:40] = True
    part[10:50, 15:22] = False
    part[30:36, 12:22] = True
    foot = part & (np.arange(60)[:, None] >= 44) & (np.arange(80) >= 42) & (np.arange(80) < 48)
    part[40:44, 42:50] = False
    part[44:50, 48:70] = False
    kept = whole(chosen, [box], part)
    assert kept[30:36, 12:22].all() and not (kept & foot).any() and not kept[10:40, 41:].any()


def test_crumbs_are_left_out() -> None:
    box = np.ones((40, 40), bool)
    chosen = np.zeros((40, 40), bool)
    chosen[5:35, 5:20] = True
    chosen[30:33, 30:33] = True
    assert not whole(chosen, [box], chosen)[:, 25:].any()


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_the_middle_of_a_box_is_in_it(share: float) -> None:
    box = np.zeros((20, 50), bool)
    box[5:15, 11:44] = True
    columns = np.flatnonzero(middle(box, share).any(0))
    assert box[:, columns].any(0).all() and abs(columns.mean() - 27) <= 1
    assert not middle(np.zeros((20, 50), bool), share).any()


@pytest.mark.parametrize("seed", range(40))
def test_a_box_keeps_somebody_or_says_that_nobody_is_seen(seed: int) -> None:
    """Blocks of colours by chance, and a box anywhere."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((135, 240), np.float32)
    for _ in range(rng.integers(2, 6)):
        left, top, width, height = rng.integers((0, 0, 5, 5), (200, 100, 60, 60))
        alpha[top : top + height, left : left + width] = 1
    rgb = cv2.resize(rng.integers(0, 255, (12, 20, 3), np.uint8), (240, 135), interpolation=cv2.INTER_NEAREST)
    left, top, width, height = (int(side) for side in rng.integers((0, 0, 8, 8), (380, 200, 160, 160)))
    choice = choose([Box(box=(left, top, width, height), subject="anna")], Sight.of(alpha, rgb), (WIDTH, HEIGHT))
    assert ("anna" in choice.mattes) != bool(choice.missed)
