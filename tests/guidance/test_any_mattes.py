"""Figures are carried over whatever a network may show: faint, torn, empty, full, and gone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birefnet_video.matting.guidance import shot as shot_module
from birefnet_video.matting.guidance.shot import Shot, begin, carry, corrected, find_again, shares_of
from birefnet_video.matting.guidance.sight import Carried, Sight, parts

SHAPE = (48, 80)


def matte(rng: np.random.Generator, blobs: int, reach: float) -> np.ndarray:
    """Soft blobs, some faint, some that touch."""
    alpha = np.zeros(SHAPE, np.float32)
    for _ in range(blobs):
        middle = (int(rng.integers(SHAPE[1])), int(rng.integers(SHAPE[0])))
        axes = (int(rng.integers(2, 22)), int(rng.integers(2, 18)))
        one = cv2.ellipse(np.zeros(SHAPE, np.float32), middle, axes, 0, 0, 360, 1.0, -1)
        alpha = np.maximum(alpha, one * np.float32(rng.uniform(0.3, 1)))
    return np.clip(cv2.GaussianBlur(alpha, (0, 0), reach), 0, 1).astype(np.float32)


def picture(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (6, 10, 3)).astype(np.uint8)
    return cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_LINEAR)


def ways(rng: np.random.Generator) -> Carried:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    off = rng.normal(0, 4, 2)
    trust = np.full(SHAPE, rng.uniform(0, 1), np.float32)
    return Carried(np.dstack([columns + off[0], rows + off[1]]).astype(np.float32), trust)


def check(shot: Shot) -> None:
    shares = list(shot.shares)
    assert len(shares) == len(shot.figures)
    for share in shares:
        assert np.isfinite(share).all() and share.min() >= 0
    if shares:
        assert np.sum(shares, axis=0).max() <= 1 + 1e-4
    assert all(np.isfinite(share).all() for share in shares_of(shot).values())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 7), min_size=2, max_size=6), st.floats(0.5, 3))
def test_any_mattes_can_be_followed(seed: int, blobs: list[int], reach: float) -> None:
    rng = np.random.default_rng(seed)
    sight = Sight.of(matte(rng, max(blobs[0], 1), reach), picture(rng))
    found = [np.where(part, sight.alpha, 0).astype(np.float32) for part in parts(sight.alpha)]
    shot = begin({"anna": found[:1], "bob": found[1:2], None: found[2:]}, sight)
    check(shot)
    for count in blobs[1:]:
        sight = Sight.of(matte(rng, count, reach), picture(rng) if rng.random() < 0.3 else sight.rgb)
        shot = find_again(shot, sight) if rng.random() < 0.15 else carry(shot, sight, ways(rng))
        check(shot)
        if rng.random() < 0.2 and (here := parts(sight.alpha)):
            shot = corrected(shot, {"anna": [np.where(here[0], sight.alpha, 0).astype(np.float32)]}, sight)
            check(shot)


def test_what_is_left_of_a_part_is_somebody_only_if_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = np.zeros(SHAPE, np.float32)
    alpha[10:40, 10:30] = alpha[10:40, 40:60] = 1
    sight = Sight.of(alpha, np.full((*SHAPE, 3), 120, np.uint8))
    found = [np.where(part, alpha, 0).astype(np.float32) for part in parts(alpha)]
    both = begin({"anna": found[:1], None: found[1:]}, sight)
    anna = replace(both.figures[0], matte=np.zeros_like(alpha), hidden_for=3)
    before = replace(both, figures=(anna, both.figures[1]))
    # Of every part a third is nobody's, and it looks like the one who is missing.
    monkeypatch.setattr(shot_module, "claims_of", lambda *_: ([1], True))
    third = np.full(SHAPE, 0.34, np.float32)
    monkeypatch.setattr(shot_module, "split", lambda *_, free: ([1 - third], third))
    after = carry(before, sight, still())
    assert len(after.figures) == 2 and after.figures[0].hidden_for
    monkeypatch.setattr(shot_module, "split", lambda *_, free: ([third], 1 - third))
    assert carry(before, sight, still()).figures[0].hidden_for == 0


def still() -> Carried:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return Carried(np.dstack([columns, rows]), np.ones(SHAPE, np.float32))
