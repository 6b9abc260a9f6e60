"""The bundled network: small, offline, and good enough to be useful."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from birefnet_video.model import BiRefNet, load_checkpoint
from birefnet_video.model.evidence import read_evidence
from outlines import agreement, outlined

from birefnet_video import Matting, matte_image
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


@pytest.mark.parametrize(
    ("sample", "mean", "least", "inside"), [("dog", 0.95, 0.90, 0.97), ("bunny", 0.69, 0.36, 0.95)]
)
def test_it_cuts_out_the_samples_as_well_as_is_said(sample: str, mean: float, least: float, inside: float) -> None:
    """On frames that were outlined by hand, ten of each; the model card has the figures."""
    frames = outlined(sample)
    with Matting() as matting:
        found = [agreement(np.asarray(matting.image(rgb)), truth) for _, rgb, truth in frames]
    union, core = (np.array(column) for column in zip(*found, strict=True))
    assert len(frames) == 10 and union.mean() >= mean and union.min() >= least and core.mean() >= inside


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


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_matte_image_refuses_what_is_no_picture(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        matte_image(wrong)
