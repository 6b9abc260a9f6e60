"""A figure that turns out to be two, and what is none."""

import cv2
import numpy as np
import pytest
from guided import box_around, follow
from guided_clips import Path, Pose, Scenario, drawn_figures, drawn_scene, make_clip

from birefnet_video.matting.guidance.parting import Drift, fallen_apart, parted
from birefnet_video.matting.guidance.shot import begin, carry
from birefnet_video.matting.guidance.sight import Carried, Sight

#: Height and width of the grid.
HEIGHT, WIDTH = 100, 160
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
TEXTURE = cv2.GaussianBlur(np.random.default_rng(1).uniform(0, 255, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.2)
PLAIN = np.full((HEIGHT, WIDTH), 128, np.float32)
REPEATING = (128 + 90 * np.sign(np.sin(COLUMNS * np.pi / 2))).astype(np.float32)


def scene(shifts: tuple[float, float], textures: tuple[np.ndarray, np.ndarray]) -> tuple[Sight, list[np.ndarray]]:
    """Two blocks side by side that have moved across by so many pixels, and the matte of each."""
    alpha, rgb, mattes = np.zeros((HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH), 40, np.float32), []
    for left, shift, texture in zip((40, 70), shifts, textures, strict=True):
        at = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
        block = ((left <= COLUMNS) & (left + 30 > COLUMNS) & (ROWS >= 20) & (ROWS < 80)).astype(np.float32)
        matte = cv2.warpAffine(block, at, (WIDTH, HEIGHT))
        shown = cv2.warpAffine(texture * block, at, (WIDTH, HEIGHT))
        rgb, alpha = np.where(matte > 0.5, shown, rgb), np.maximum(alpha, matte)
        mattes.append(matte)
    return Sight.of(alpha, np.dstack([rgb] * 3).astype(np.uint8)), mattes


def carried_by(ways: np.ndarray) -> Carried:
    """By motion across, float32 (h, w), that is trusted."""
    return Carried(np.dstack([COLUMNS - ways, ROWS]), np.ones((HEIGHT, WIDTH), np.float32))


def after(
    frames: int,
    speeds: tuple[float, float],
    textures: tuple[np.ndarray, np.ndarray],
    found: tuple[float, float] | None = None,
) -> np.ndarray | None:
    """Where the second of two blocks is seen after so many frames, by the speeds that are found of them."""
    sight, mattes = scene((0, 0), textures)
    drift = Drift.begun(sight)
    first, second = found or speeds
    for frame in range(1, frames + 1):
        sight, mattes = scene((frame * speeds[0], frame * speeds[1]), textures)
        drift = drift.after(sight.alpha, carried_by(np.where(mattes[1] > 0.5, second, first).astype(np.float32)))
    return parted(drift, sight.alpha, sight.rgb)


@pytest.mark.parametrize("speeds", [(0.0, 1.0), (-1.0, 0.5), (2.0, 3.0)])
def test_two_that_move_apart_are_two(speeds: tuple[float, float]) -> None:
    second = after(6, speeds, (TEXTURE, np.roll(TEXTURE, 40, 0)))
    assert second is not None
    _, mattes = scene((6 * speeds[0], 6 * speeds[1]), (TEXTURE, TEXTURE))
    sides = [(second & (matte > 0.5)).sum() / (matte > 0.5).sum() for matte in mattes]
    # Which of them is the second does not matter.
    assert min(sides) < 0.1 and max(sides) > 0.9


@pytest.mark.parametrize(
    ("textures", "found"),
    [((TEXTURE, PLAIN), (1.0, 0.0)), ((PLAIN, TEXTURE), (0.0, 1.0)), ((TEXTURE, REPEATING), (1.0, 0.0))],
    ids=["plain beside", "beside plain", "repeating"],
)
def test_what_cannot_be_seen_to_move_apart_is_one(
    textures: tuple[np.ndarray, np.ndarray], found: tuple[float, float]
) -> None:
    """Motion is not found in what has no texture, and wrongly where a texture repeats after as many pixels."""
    assert after(4, (1.0, 1.0), textures, found) is None


def test_what_moves_as_one_is_one() -> None:
    assert after(20, (1.5, 1.5), (TEXTURE, TEXTURE)) is None


def test_limbs_and_turns_are_no_figures() -> None:
    sight, _ = scene((0, 0), (TEXTURE, TEXTURE))
    drift = Drift.begun(sight)
    for _ in range(10):
        # The further from the middle, the faster.
        drift = drift.after(sight.alpha, carried_by((0.02 * (COLUMNS - 70)).astype(np.float32)))
    assert np.ptp(drift.ways[..., 0]) > 4 and parted(drift, sight.alpha, sight.rgb) is None


def test_a_drift_is_the_same_in_a_mirror() -> None:
    sight, _ = scene((0, 0), (TEXTURE, TEXTURE))
    drift = Drift.begun(sight).after(sight.alpha, carried_by(np.where(COLUMNS < 70, 1, -1).astype(np.float32)))
    turned = drift.mirrored()
    assert np.array_equal(turned.ways[..., 0], -drift.ways[:, ::-1, 0])
    assert np.array_equal(turned.mirrored().ways, drift.ways) and np.array_equal(turned.mirrored().whole, drift.whole)


@pytest.mark.parametrize("name", [None, "anna"])
def test_only_who_is_not_named_becomes_two(name: str | None) -> None:
    textures = (TEXTURE, np.roll(TEXTURE, 40, 0))
    sight, _ = scene((0, 0), textures)
    shot = begin({name: [sight.alpha]}, sight)
    for frame in range(1, 9):
        sight, mattes = scene((0, frame), textures)
        shot = carry(shot, sight, carried_by((mattes[1] > 0.5).astype(np.float32)))
    assert [each.name for each in shot.figures] == ([None, None] if name is None else [name])
    if name is None:
        assert sorted(float(each.speed[0]) for each in shot.figures) == pytest.approx([0, 1], abs=0.3)


@pytest.mark.parametrize(("gap", "expected"), [(0, False), (6, True)])
def test_what_lies_in_two_pieces_is_two(gap: int, expected: bool) -> None:
    _, (first, second) = scene((0, gap), (TEXTURE, TEXTURE))
    piece = fallen_apart(np.maximum(first, 0.9 * second))
    assert (piece is not None) == expected
    if piece is not None:
        assert {float((piece * matte).sum() / matte.sum()) for matte in (first, second)} == {0.0, 1.0}


def test_a_hand_beside_the_body_is_no_piece() -> None:
    _, (body, _) = scene((0, 0), (TEXTURE, TEXTURE))
    body[30:36, 80:86] = 1
    assert fallen_apart(body) is None and fallen_apart(np.zeros_like(body)) is None


def walk(start: float, end: float, height: float = 0.75) -> Path:
    """On a straight way in three seconds."""
    return lambda time: Pose(start + (end - start) * min(time / 3, 1), 0.58, height)


@pytest.mark.parametrize("rotated", range(3))
def test_one_of_two_who_began_as_one_passes_before_the_subject(rotated: int) -> None:
    figures = drawn_figures()
    paths = (("stays", 1, walk(0.72, 0.74)), ("subject", 0, walk(0.2, 0.55)), ("goes", 2, walk(0.8, 0.1)))
    figures = figures[rotated:] + figures[:rotated]
    clip = make_clip(Scenario("apart", paths), figures, [drawn_scene(seed) for seed in range(3)])
    mattes, _, _ = follow(clip, [box_around(clip)])
    truth, found = clip.subject > 0.5, mattes > 0.5
    iou = (truth & found).sum((1, 2)) / np.maximum((truth | found).sum((1, 2)), 1)
    wrong = np.maximum(mattes - clip.subject, 0) * (clip.others > 0.5)
    assert iou.mean() > 0.9 and wrong.sum() / mattes.sum() < 0.01
