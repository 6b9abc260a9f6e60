"""Filters of planes on a device: what OpenCV makes, and what the whole matrix of a filter would make, for less."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from birefnet_video.matting.colours.opencv import Space
from birefnet_video.matting.colours.torch import retouched
from birefnet_video.matting.edges.torch import refine
from birefnet_video.matting.filters import bands
from birefnet_video.matting.filters import torch as filters
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.options.matte import ColourSpec

SIDES = st.integers(1, 45)
#: Sums of float32 in another order differ by so much in planes of [0, 1].
ROUNDING = 2e-6


def plane(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).random((height, width), np.float32)


def cubic(before: int, after: int, *, from_left: bool) -> np.ndarray:
    """The whole matrix (after, before) in float64, weight by weight: Keys' kernel with a slope of -0.6 at 1."""

    def keys(x: float) -> float:
        x = abs(x)
        if x < 1:
            return 1.4 * x**3 - 2.4 * x**2 + 1
        return -0.6 * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0

    ratio = before / after
    matrix = np.zeros((after, before))
    for line in range(after):
        centre = line * ratio if from_left else (line + 0.5) * ratio - 0.5
        for pixel in range(-4 * before - 8, 5 * before + 8):
            matrix[line, min(max(pixel, 0), before - 1)] += keys((pixel - centre) / max(1.0, ratio))
    return matrix / matrix.sum(1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(before=st.tuples(SIDES, SIDES), after=st.tuples(SIDES, SIDES), from_left=st.booleans())
def test_chroma_is_resampled_as_by_the_whole_matrix(
    before: tuple[int, int], after: tuple[int, int], from_left: bool
) -> None:
    samples = plane(*before)
    made = filters.resampled(torch.from_numpy(samples), after, from_left=from_left).numpy()
    lines = cubic(before[0], after[0], from_left=False)
    expected = samples if before == after else lines @ samples @ cubic(before[1], after[1], from_left=from_left).T
    assert made.shape == after and made.dtype == np.float32
    assert np.abs(made - expected).max() < ROUNDING


@settings(max_examples=60, deadline=None)
@given(before=st.tuples(SIDES, SIDES), after=st.tuples(SIDES, SIDES))
def test_sizes_are_changed_as_by_opencv(before: tuple[int, int], after: tuple[int, int]) -> None:
    samples = plane(*before)
    made = filters.resized(torch.from_numpy(samples), after).numpy()
    assert made.shape == after
    assert np.abs(made - resized(samples, after)).max() < 1e-5


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(SIDES, SIDES), reach=st.integers(0, 60))
def test_a_box_is_the_mean_of_a_square_that_repeats_the_border(size: tuple[int, int], reach: int) -> None:
    samples, side = plane(*size), 2 * reach + 1
    made = filters.box(torch.from_numpy(samples), side).numpy()
    padded = np.pad(samples.astype(np.float64), reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    assert np.abs(made - windows.mean((2, 3))).max() < 1e-5
    assert np.abs(made - cv2.blur(samples, (side, side), borderType=cv2.BORDER_REPLICATE)).max() < 1e-5


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(SIDES, SIDES), sigma=st.floats(0.2, 30))
def test_a_gaussian_repeats_the_border(size: tuple[int, int], sigma: float) -> None:
    samples, reach = plane(*size), int(4 * sigma)
    made = filters.gaussian(torch.from_numpy(samples), sigma).numpy()
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(samples.astype(np.float64), reach, mode="edge")
    for axis in (0, 1):
        padded = np.apply_along_axis(np.convolve, axis, padded, weights / weights.sum(), "valid")
    assert np.abs(made - padded).max() < ROUNDING
    blurred = cv2.GaussianBlur(samples, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    # OpenCV's kernels end at four deviations rounded to whole pixels, and are never shorter than a pixel each way.
    assert sigma < 0.5 or np.abs(made - blurred).max() < 2e-3


@settings(max_examples=100, deadline=None)
@given(before=SIDES, after=SIDES, sigma=st.floats(0.2, 50))
def test_bands_name_samples_that_are_there_and_no_more_than_there_are(before: int, after: int, sigma: float) -> None:
    made = [bands.cubic(before, after), bands.cubic_from_left(before, after), bands.Gaussian(sigma)(before, before)]
    if after <= before:
        made.append(bands.area(before, after))
    for band in made:
        assert band.indices.shape == band.weights.shape and band.indices.shape[1] <= before
        assert band.indices.min() >= 0 and band.indices.max() < before
        assert np.abs(band.weights.sum(1) - 1).max() < 1e-6


def test_work_and_memory_grow_with_the_picture_and_not_with_its_sides() -> None:
    for side in (270, 1080, 2160):
        assert bands.cubic(side, 2 * side).indices.shape == (2 * side, 4)
        assert bands.cubic_from_left(side, 2 * side).indices.shape == (2 * side, 4)
        assert bands.cubic(2 * side, side).indices.shape == (side, 8)
        assert bands.area(2 * side, side + side // 2).indices.shape[1] <= 3
        assert bands.Gaussian(2.5)(side, side).indices.shape == (side, 21)


def test_nothing_waits_for_the_device_and_nothing_is_made_on_the_host_for_each_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tensors of the device "meta" have no values: whoever asks for one fails."""
    space = Space(8, None, full_range=True)

    def work() -> list[torch.Tensor]:
        planes = [torch.empty((90, 161), device="meta"), *(torch.empty((45, 81), device="meta") for _ in range(2))]
        alpha = refine(torch.empty((64, 96), device="meta"), planes)
        whole = [planes[0], *(filters.resampled(each, (90, 161), from_left=True) for each in planes[1:])]
        spec = ColourSpec(decontaminate="fast", despill="green")
        return [*retouched(whole, alpha, space, spec), filters.gaussian(alpha, 2.0), filters.box(alpha, 9)]

    first = work()
    monkeypatch.setattr(filters.torch, "from_numpy", lambda samples: pytest.fail("made on the host again"))
    assert [each.shape for each in work()] == [each.shape for each in first] == [(90, 161)] * 5
