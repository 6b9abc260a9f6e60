"""Mattes are enlarged along the picture's edges, and only there."""

import cv2
import numpy as np
import pytest
from moving import texture

from birefnet_video.matting.adjust.opencv import edit
from birefnet_video.matting.edges import opencv as module
from birefnet_video.matting.edges.opencv import refine
from birefnet_video.options.matte import MatteSpec


def scene(height: int, width: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A head with hair before blots: exact alpha float32 (H, W), and luma with half-size chroma."""
    rng = np.random.default_rng(4)
    canvas = np.zeros((height, width), np.uint8)
    centre = np.array((width / 2, height * 0.6))
    cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), (width // 8, height // 4), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for _ in range(120):
        angle = rng.uniform(np.pi, 2 * np.pi)
        start = centre + np.array((width / 8.2 * np.cos(angle), height / 4.2 * np.sin(angle)))
        end = start + rng.uniform(0.02, 0.1) * width * np.array((np.cos(angle + rng.normal(0, 0.3)), np.sin(angle)))
        cv2.line(canvas, start.astype(int).tolist(), end.astype(int).tolist(), 255, 2, cv2.LINE_AA)
    alpha = canvas.astype(np.float32) / 255
    behind = cv2.resize(texture(5), (width, height), interpolation=cv2.INTER_CUBIC) * 0.4 + 120
    picture = alpha[..., None] * np.array((40, 60, 90), np.float32) + (1 - alpha[..., None]) * behind
    planes = cv2.split(cv2.cvtColor(picture.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2YCrCb))
    half = (-(-width // 2), -(-height // 2))
    return alpha, [planes[0], *(cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in planes[1:])]


@pytest.mark.parametrize("size", [(1080, 1920), (541, 963), (1280, 720)], ids=str)
def test_edges_are_found_again(size: tuple[int, int]) -> None:
    alpha, guide = scene(*size)
    small = cv2.resize(alpha, (size[1] // 4, size[0] // 4), interpolation=cv2.INTER_AREA)
    band = cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    linear = cv2.resize(small, size[::-1])
    refined = refine(small, guide)
    assert refined.shape == size and refined.dtype == np.float32 and refined.min() >= 0 and refined.max() <= 1
    assert np.abs(refined - alpha)[band].mean() < 0.7 * np.abs(linear - alpha)[band].mean()


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("size", [(540, 960), (541, 963)], ids=str)
def test_parts_are_what_the_whole_would_be(
    size: tuple[int, int], inverted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the subject reaches the borders of the picture, far from any edge."""
    alpha, guide = scene(*size)
    small = cv2.resize(1 - alpha if inverted else alpha, (256, 144), interpolation=cv2.INTER_AREA)
    in_parts = refine(small, guide)
    monkeypatch.setattr(module, "_edges", lambda alpha: np.ones(alpha.shape, bool))
    # What counts as no edge may still be up to four levels.
    assert np.abs(in_parts - refine(small, guide)).max() < 6 / 255


@pytest.mark.parametrize("column", [20, 47, 93, 130, 201])
def test_opaque_stays_opaque_up_to_the_border(column: int) -> None:
    _, guide = scene(540, 960)
    small = np.zeros((144, 256), np.float32)
    small[:, :column] = 1
    refined = refine(small, guide)
    away = round(960 / 256 * 4)
    edge = round(960 / 256 * column)
    assert refined[:, : edge - away].min() > 1 - 1e-5 and refined[:, edge + away :].max() < 1e-5


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_without_an_edge_nothing_is_added(value: float) -> None:
    _, guide = scene(270, 480)
    assert np.allclose(refine(np.full((90, 160), value, np.float32), guide), value, atol=1e-6)


def test_a_matte_as_large_as_the_picture_only_gets_its_size() -> None:
    alpha, guide = scene(270, 480)
    assert np.array_equal(refine(alpha, guide), alpha)


def test_a_matte_larger_than_the_picture_is_averaged() -> None:
    alpha, guide = scene(270, 480)
    hair = (np.indices((540, 960)).sum(0) % 4 == 0).astype(np.float32)
    assert np.abs(refine(hair, guide) - 0.25).max() < 1e-5
    wide = refine(cv2.resize(alpha, (240, 540), interpolation=cv2.INTER_AREA), guide)
    linear = cv2.resize(cv2.resize(alpha, (240, 270), interpolation=cv2.INTER_AREA), (480, 270))
    assert np.abs(wide - alpha).mean() < 0.8 * np.abs(linear - alpha).mean()


def test_edits_come_in_their_order() -> None:
    ramp = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (41, 1))
    before = ramp.copy()
    hard = edit(ramp, MatteSpec(threshold=0.5))
    assert set(np.unique(hard)) == {0, 1} and hard[0, 50] == 1 and hard[0, 49] == 0
    assert edit(ramp, MatteSpec(threshold=0.5, mask_offset=3))[20].sum() == hard[20].sum() + 3
    assert edit(ramp, MatteSpec(threshold=0.5, mask_offset=-3))[20].sum() == hard[20].sum() - 3
    soft = edit(ramp, MatteSpec(threshold=0.5, mask_blur=4))
    assert 0.4 < soft[20, 50] < 0.6 and soft[20, 0] < 0.01 and np.allclose(soft[0], soft[20], atol=1e-5)
    assert np.allclose(edit(ramp, MatteSpec(invert=True)), 1 - ramp)
    assert np.array_equal(edit(ramp, MatteSpec()), ramp) and np.array_equal(ramp, before)
