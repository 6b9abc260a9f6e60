"""The bundled network: small, offline, and good enough to be useful."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint, patch_order, save_checkpoint
from birefnet_video.model.patch_order import find_patch_order, read_evidence

from birefnet_video import matte_image
from birefnet_video.zoo.files import weights_path

SAMPLES = Path(__file__).parents[2] / "samples"
WEIGHTS = weights_path("tiny")


@pytest.fixture(scope="module")
def tiny() -> BiRefNet:
    return load_checkpoint(WEIGHTS)


def test_it_is_small(tiny: BiRefNet) -> None:
    assert sum(p.numel() for p in tiny.parameters()) <= 8_000_000
    assert WEIGHTS.stat().st_size <= 20 * 2**20


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    found = alpha > 0.5
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def test_it_finds_the_subject_of_a_photograph() -> None:
    picture, truth = read_evidence()
    alpha = matte_image(picture)
    assert alpha.shape == truth.shape and alpha.dtype == np.float32
    assert iou(alpha, truth) >= 0.85


def test_it_finds_the_generated_subject_in_every_frame() -> None:
    with av.open(str(SAMPLES / "orbit.mp4")) as film, av.open(str(SAMPLES / "orbit_alpha.mkv")) as mattes:
        pairs = list(zip(film.decode(video=0), mattes.decode(video=0), strict=True))[::12]
    for frame, matte in pairs:
        rgb = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
        assert iou(matte_image(rgb), matte.to_ndarray() > 127) >= 0.8


@pytest.mark.parametrize("kind", ["black", "grey", "gradient", "noise"])
def test_a_picture_without_a_subject_gives_an_almost_empty_matte(kind: str) -> None:
    y, x = np.mgrid[:270, :480]
    pictures = {
        "black": np.zeros((270, 480)),
        "grey": np.full((270, 480), 128),
        "gradient": 60 + 120 * (x + y) / 750,
        "noise": np.random.default_rng(0).normal(120, 20, (270, 480)).clip(0, 255),
    }
    rgb = np.repeat(pictures[kind].astype(np.uint8)[..., None], 3, axis=2)
    alpha = matte_image(rgb)
    assert (alpha > 0.5).mean() <= 0.02 and alpha.mean() <= 0.05


def test_any_size_that_is_a_multiple_of_32(tiny: BiRefNet) -> None:
    with torch.inference_mode():
        for height, width in ((64, 64), (96, 160), (288, 512)):
            assert tiny(torch.zeros(1, 3, height, width)).shape == (1, 1, height, width)


def test_patches_in_the_old_order_are_normalised(tiny: BiRefNet, tmp_path: Path) -> None:
    """The weights as they would be in a file from before November 2024."""
    legacy = load_checkpoint(WEIGHTS, patch_order="current")
    for conv in legacy.reconstruction.patch_convolutions():
        out_channels, channels, *kernel = conv.weight.shape
        side = round((channels // 3) ** 0.5)
        weight = conv.weight.data.view(out_channels, 3, side, side, *kernel)
        conv.weight.data = weight.permute(0, 3, 2, 1, 4, 5).reshape(conv.weight.shape).contiguous()
    save_checkpoint(legacy, tmp_path / "legacy.safetensors")
    forced = load_checkpoint(tmp_path / "legacy.safetensors", patch_order="legacy")
    for ours, theirs in zip(forced.parameters(), tiny.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert "patch order: current" in tiny.patch_order_note


@pytest.mark.parametrize(
    ("as_current", "as_legacy", "order"),
    [
        (0.95, 0.96, "current"),
        (0.55, 0.93, "legacy"),
        (0.90, 0.94, "legacy"),
        (0.90, 0.91, "current"),
        (0.30, 0.60, "current"),
        (0.98, 0.99, "current"),
    ],
)
def test_the_patch_order_is_decided_by_a_clear_lead_of_a_working_network(
    as_current: float, as_legacy: float, order: str, tiny: BiRefNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [conv.weight.clone() for conv in tiny.reconstruction.patch_convolutions()]
    figures = iter((as_current, as_legacy))
    monkeypatch.setattr(patch_order, "_agreement", lambda *_: next(figures))
    assert find_patch_order(tiny)[0] == order
    after = [conv.weight for conv in tiny.reconstruction.patch_convolutions()]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_matte_image_refuses_what_is_no_picture(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        matte_image(wrong)
