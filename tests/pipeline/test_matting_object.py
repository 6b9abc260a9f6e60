"""One open object: numpy, PIL or torch in, the same kind out, the network loaded once."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from birefnet_video import Matting, matte_image
from birefnet_video.errors import UsageError
from birefnet_video.pictures.kinds import as_rgb
from birefnet_video.pipeline import networks

FAST = {"model": "tiny", "size": 64, "engine": "eager", "precision": "fp32"}


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
    return np.where(disc[..., None], np.uint8([220, 60, 40]), np.uint8([30, 90, 40]))


@pytest.fixture(scope="module")
def matting() -> Matting:
    return Matting(**FAST)  # type: ignore[arg-type]


def test_each_kind_gives_the_same_matte_of_its_own_kind(matting: Matting) -> None:
    rgb = picture()
    alpha = matting.image(rgb)
    assert alpha.shape == (48, 64) and alpha.dtype == np.float32
    # Threads that share the work add up in another order, now and then.
    assert np.allclose(alpha, matte_image(rgb, **FAST), atol=1 / 255)  # type: ignore[arg-type]
    image = matting.image(Image.fromarray(rgb))
    assert isinstance(image, Image.Image) and image.mode == "L" and image.size == (64, 48)
    assert np.abs(np.asarray(image) / 255 - alpha).max() <= 1.5 / 255
    tensor = matting.image(torch.from_numpy(rgb).permute(2, 0, 1))
    assert tensor.shape == (1, 48, 64) and tensor.dtype == torch.float32
    assert np.abs(tensor[0].numpy() - alpha).max() <= 1 / 255


@pytest.mark.parametrize(
    "make",
    [
        lambda rgb: rgb / np.float32(255),
        lambda rgb: rgb.astype(np.uint16) * 257,
        lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)]),
        lambda rgb: torch.from_numpy(rgb).permute(2, 0, 1).half() / 255,
        lambda rgb: Image.fromarray(rgb).convert("RGBA"),
    ],
    ids=["float", "uint16", "rgba", "half tensor", "PIL with alpha"],
)
def test_values_of_every_type_are_the_same_picture(make: object) -> None:
    rgb, _ = as_rgb(make(picture()))  # type: ignore[operator]
    assert np.abs(rgb.astype(int) - picture()).max() <= 1 and rgb.dtype == np.uint8 and rgb.flags.c_contiguous


def test_grey_pictures_become_three_equal_colours() -> None:
    grey = picture()[..., 0]
    for made in (grey, grey[..., None], torch.from_numpy(grey)[None], Image.fromarray(grey)):
        rgb, _ = as_rgb(made)
        assert np.array_equal(rgb, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"got \(4, 4, 2\)"),
        (np.zeros((4, 4, 3), np.int32), "got int32"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (torch.zeros(1, 3, 4, 4), r"a tensor \(C, H, W\), got \(1, 3, 4, 4\)"),
        ("photo.jpg", "got str"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_it_is(wrong: object, words: str, matting: Matting) -> None:
    with pytest.raises(ValueError, match=words):
        matting.image(wrong)


def test_the_network_is_loaded_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[object] = []
    load = networks.load_backend
    monkeypatch.setattr(networks, "load_backend", lambda *args, **keys: loads.append(args) or load(*args, **keys))
    with Matting(**FAST) as opened:  # type: ignore[arg-type]
        found = list(opened.images([picture(), Image.fromarray(picture(32, 40)), picture(64, 20)]))  # type: ignore[list-item]
        assert [np.asarray(each).shape for each in found] == [(48, 64), (32, 40), (64, 20)]
        opened.image(picture())
    assert len(loads) == 1


def test_options_are_checked_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="--size"):
        Matting(size=100)
    with pytest.raises(TypeError, match="modle"):
        Matting(modle="tiny")  # type: ignore[call-arg]


def test_no_library_is_loaded_for_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "PIL.Image")
    with pytest.raises(ValueError, match="expected a numpy array"):
        as_rgb(object())
    assert "PIL.Image" not in sys.modules
