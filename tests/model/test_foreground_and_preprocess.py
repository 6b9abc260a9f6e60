"""What surrounds the network: preprocessing, postprocessing, foreground colour."""

import numpy as np
import pytest
import torch
from birefnet_video.model import estimate_foreground
from birefnet_video.model.foreground import box_blur
from birefnet_video.model.preprocess import postprocess, preprocess
from official import DATA

REFINE = np.load(DATA / "refine_foreground.npz")
PREPOST = np.load(DATA / "prepost.npz")


@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.parametrize("radius", [90, 31])
def test_foreground_equals_the_reference(case: str, radius: int) -> None:
    rgb = REFINE[f"{case}|rgb_u8"]
    alpha = REFINE[f"{case}|alpha_u8"]
    found = estimate_foreground(rgb, alpha, radius=radius)
    expected = REFINE[f"{case}|fg_torch_f32_r{radius}"][0].transpose(1, 2, 0)
    assert found.dtype == np.float32 and found.shape == rgb.shape
    assert np.abs(found - expected).max() <= 1e-4
    if radius == 90:
        assert np.abs((found * 255) - REFINE[f"{case}|refine_torch_u8_r90"]).max() <= 1.01


@pytest.mark.parametrize("side", [6, 7, 90])
def test_box_blur(side: int) -> None:
    alpha = torch.from_numpy(REFINE["a|alpha_u8"] / 255).float()[None, None]
    expected = REFINE[f"a|mean_blur_k{side}_alpha"]
    assert np.abs(box_blur(alpha, side)[0, 0].numpy() - expected).max() <= 1e-5


def test_foreground_of_a_composite_is_nearer_to_the_truth_than_the_picture() -> None:
    y, x = np.mgrid[:120, :160]
    alpha = np.clip((45 - np.hypot(y - 60, x - 80)) / 20 + 0.5, 0, 1).astype(np.float32)
    truth, background = np.array((0.9, 0.5, 0.2)), np.array((0.1, 0.3, 0.8))
    picture = (alpha[..., None] * truth + (1 - alpha[..., None]) * background).astype(np.float32)
    soft = (alpha > 0.1) & (alpha < 0.9)
    before, after = (np.abs(p[soft] - truth).mean() for p in (picture, estimate_foreground(picture, alpha)))
    assert after < 0.5 * before


def test_foreground_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected"):
        estimate_foreground(np.zeros((4, 5, 3)), np.zeros((5, 4)))


@pytest.mark.parametrize("case", ["down", "up", "square"])
def test_preprocess_equals_pil_and_torchvision(case: str) -> None:
    height, width = (int(v) for v in PREPOST[f"{case}|out_hw"])
    found = preprocess(PREPOST[f"{case}|src_rgb_u8"], (height, width))
    expected = PREPOST[f"{case}|notebook_tensor"]
    one_level = 1 / 255 / 0.224
    assert np.abs(found.numpy() - expected).max() <= one_level * 1.01


@pytest.mark.parametrize("case", ["down", "up", "square"])
def test_postprocess_equals_the_reference(case: str) -> None:
    logits = torch.from_numpy(PREPOST[f"{case}|post_logits"])
    expected = PREPOST[f"{case}|post_inference_py_f32"]
    assert np.abs(postprocess(logits, expected.shape[2:]).numpy() - expected).max() <= 1e-6
