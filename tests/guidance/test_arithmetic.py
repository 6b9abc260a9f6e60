"""What is written for speed gives, bit by bit, what its plain form gives."""

import cv2
import numpy as np
import pytest
from guided import clip_of

from birefnet_video.matting.guidance.look import Coded, Look, extent
from birefnet_video.matting.guidance.shot import shared
from birefnet_video.matting.guidance.template import Template
from birefnet_video.matting.temporal.motion import SPACING, followed

STEPS, SPREAD, PARTS = (8, 16, 16), 0.8, 3


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.ascontiguousarray(clip_of("mirror").frames[0][::2, ::2])


@pytest.fixture(scope="module")
def matte() -> np.ndarray:
    return np.ascontiguousarray(clip_of("mirror").subject[0][::2, ::2])


def test_ways_are_as_long() -> None:
    rng = np.random.default_rng(0)
    there, back = (rng.normal(0, 3, (68, 120, 2)).astype(np.float32) for _ in range(2))
    places, missed, length = followed(there, back)
    across = there[..., 0] / SPACING + np.arange(120, dtype=np.float32)
    down = there[..., 1] / SPACING + np.arange(68, dtype=np.float32)[:, None]
    found = cv2.remap(back, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.array_equal(places, np.dstack([across, down]))
    assert np.array_equal(missed, np.square(there + found).sum(2))
    assert np.array_equal(length, np.sqrt(np.square(there).sum(2)))


@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_a_look_has_the_same_colours(rgb: np.ndarray, matte: np.ndarray, threshold: float) -> None:
    coded, whole = Coded.of(rgb), np.where(matte > threshold, matte, 0).astype(np.float32)
    first, last = extent(whole)
    rows = (np.arange(len(whole)) - first) / max(last - first, 1.0) * PARTS
    part_of = np.clip(rows.astype(int), 0, PARTS - 1)[:, None]
    for part, own in enumerate(Look.of(coded, whole).shares):
        weights = np.where(part_of == part, whole, 0)
        spread = np.bincount(coded.steps.ravel(), weights.ravel(), minlength=2048).reshape(STEPS).astype(np.float32)
        for axis in range(3):
            moved = np.moveaxis(spread, axis, 0)
            flat = np.ascontiguousarray(moved).reshape(moved.shape[0], -1)
            blurred = cv2.GaussianBlur(flat, (1, 5), sigmaX=0.1, sigmaY=SPREAD, borderType=cv2.BORDER_CONSTANT)
            spread = np.moveaxis(blurred.reshape(moved.shape), 0, axis)
        assert np.array_equal(own, spread.ravel() / max(float(spread.sum()), 1e-6))


def test_colours_fit_as_well(rgb: np.ndarray, matte: np.ndarray) -> None:
    coded, here = Coded.of(rgb), (slice(20, 110), slice(30, 90))
    look, lines = Look.of(coded, matte), extent(matte)
    place = (np.arange(20, 110, dtype=np.float32) - lines[0]) / max(lines[1] - lines[0], 1.0) * PARTS - 0.5
    mixed = 0.4 * look.shares.mean(0) + (1 - 0.4) * look.shares
    low = np.clip(np.floor(place), 0, PARTS - 1).astype(int)
    high, share = np.clip(low + 1, 0, PARTS - 1), np.clip(place - low, 0, 1)[:, None].astype(np.float32)
    fits = ((1 - share) * mixed[low] + share * mixed[high])[np.arange(90)[:, None], coded.steps[here]]
    assert np.array_equal(look.likelihood(coded, lines, here), fits + np.float32(0.02 / 2048))


def test_a_picture_is_as_likely(rgb: np.ndarray, matte: np.ndarray) -> None:
    template = Template.of(matte > 0.4, matte, rgb)
    assert template is not None
    here, speed = (slice(10, 120), slice(20, 110)), np.array([1.3, -0.7], np.float32)
    seen = rgb[here].astype(np.float32)
    at = (template.corner[0] + float(speed[1]) - 10, template.corner[1] + float(speed[0]) - 20)
    there = Template(template.rgb, template.mask, at)
    mask = there.placed(template.mask, seen.shape)
    picture = there.placed(template.rgb * template.mask[..., None], seen.shape) / np.maximum(mask, 1e-3)[..., None]
    wide = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    aways = [
        cv2.blur(np.square(wide[down : down + 110, across : across + 90] - seen).mean(2), (3, 3))
        for down in range(3)
        for across in range(3)
    ]
    fits = mask * np.exp(-0.5 * np.minimum.reduce(aways) / 14.0**2) + 0.05
    assert np.array_equal(template.likelihood(rgb, speed, here), fits / np.float32(1.05))


def test_a_share_of_a_matte_is_the_same(rgb: np.ndarray, matte: np.ndarray) -> None:
    share, alpha = matte.copy(), np.sqrt(matte)
    expected = np.where(share > 1 / 512, alpha * np.minimum(share, 1), 0).astype(np.float32)
    assert np.array_equal(shared(share, alpha, rgb, met=False), expected)
    assert np.array_equal(share, matte)
