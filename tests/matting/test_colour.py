"""Soft edges lose the old background's colour, everything else keeps its own."""

import subprocess
import sys

import numpy as np
import pytest
from moving import texture

from birefnet_video.errors import BackendUnavailable
from birefnet_video.matting.colours import opencv as module
from birefnet_video.matting.colours.opencv import Retoucher, Space, despill, fuse, solve
from birefnet_video.options.matte import ColourSpec
from birefnet_video.types import ColourTags

HEIGHT, WIDTH = 270, 480


def composite(top: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Alpha float32 (H, W), the subject's own colours and what is filmed, (H, W, 3) of up to ``top``."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    alpha = np.clip((110 - np.hypot(columns - 240, rows - 135)) / 40, 0, 1)
    subject = (0.3 * texture(1)[:HEIGHT, :WIDTH] + 30) * (top / 255)
    behind = (0.3 * texture(2)[:HEIGHT, :WIDTH] + np.array((150, 170, 160))) * (top / 255)
    share = alpha[..., None]
    dtype = np.uint8 if top <= 255 else np.uint16
    return alpha, subject, (share * subject + (1 - share) * behind).round().astype(dtype)


@pytest.mark.parametrize("estimate", [fuse, solve])
@pytest.mark.parametrize("top", [255, 4095])
def test_the_error_under_soft_edges_is_less_than_half(estimate, top: int) -> None:  # type: ignore[no-untyped-def]
    alpha, subject, filmed = composite(top)
    planes = [np.ascontiguousarray(filmed[..., index]) for index in range(3)]
    estimate(planes, alpha, top)
    freed = np.stack(planes, -1)
    soft = (alpha > 0.02) & (alpha < 0.98)
    assert freed.max() <= top
    assert np.abs(freed - subject)[soft].mean() < 0.5 * np.abs(filmed - subject)[soft].mean()
    clear = (alpha == 0) | (alpha == 1)
    assert np.array_equal(freed[clear], filmed[clear])


@pytest.mark.parametrize("radius", [1, 2, 3, 6])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_small_subjects_do_not_change_their_hue(radius: int, share: float) -> None:
    """In YUV nothing may drift towards 0, which is green."""
    rows, columns = np.mgrid[0:1080, 0:1920]
    alpha = np.where(np.hypot(columns - 960, rows - 540) <= radius, np.float32(share), np.float32(0))
    luma = (alpha * 900 + (1 - alpha) * 500).astype(np.uint16)
    planes = [luma, *(np.full((540, 960), 512, np.uint16) for _ in range(2))]
    fuse(planes, alpha, 1023)
    assert all(np.abs(plane.astype(int) - 512).max() <= 2 for plane in planes[1:])
    assert planes[0].min() >= 495 and planes[0].max() <= 905


def test_chroma_may_be_smaller() -> None:
    alpha, subject, filmed = composite(255)
    planes = [np.ascontiguousarray(filmed[..., 0]), *(filmed[::2, ::2, index].copy() for index in (1, 2))]
    fuse(planes, alpha, 255)
    soft = (alpha > 0.05) & (alpha < 0.95)
    for plane, index, step in zip(planes, range(3), (1, 2, 2), strict=True):
        here, meant, raw = soft[::step, ::step], subject[::step, ::step, index], filmed[::step, ::step, index]
        assert np.abs(plane - meant)[here].mean() < 0.6 * np.abs(raw - meant)[here].mean()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_without_soft_pixels_nothing_changes(alpha: float) -> None:
    _, _, filmed = composite(255)
    planes = [np.ascontiguousarray(filmed[..., index]) for index in range(3)]
    Retoucher(ColourSpec()).apply(planes, np.full((HEIGHT, WIDTH), alpha, np.float32), Space(8))
    assert np.array_equal(np.stack(planes, -1), filmed)


@pytest.mark.parametrize("screen", ["green", "blue"])
def test_spill_is_taken_from_the_subject_alone(screen: str) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    alpha = np.zeros((64, 64), np.float32)
    alpha[:, 32:] = 1
    planes = [np.ascontiguousarray(rgb[..., index]) for index in range(3)]
    despill(planes, alpha, screen, Space(8))  # type: ignore[arg-type]
    own, others = (1, (0, 2)) if screen == "green" else (2, (0, 1))
    mean = (rgb[..., others[0]].astype(float) + rgb[..., others[1]]) / 2
    expected = np.minimum(rgb[..., own], mean)
    assert np.abs(planes[own] - expected)[:, 32:].max() <= 1
    assert np.array_equal(planes[own][:, :32], rgb[:, :32, own])
    assert all(np.array_equal(planes[index], rgb[..., index]) for index in others)


def test_spill_in_yuv_is_spill_in_rgb() -> None:
    rng = np.random.default_rng(1)
    rgb = rng.uniform(0.2, 0.8, (32, 32, 3))
    red, green, blue = 0.2126, 0.7152, 0.0722

    def to_yuv(picture: np.ndarray) -> np.ndarray:
        luma = picture @ np.array((red, green, blue))
        chroma = [(picture[..., 2] - luma) / (2 * (1 - blue)), (picture[..., 0] - luma) / (2 * (1 - red))]
        return np.stack((64 + 876 * luma, 512 + 896 * chroma[0], 512 + 896 * chroma[1]), -1)

    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(to_yuv(rgb).round().astype(np.uint16), -1, 0)]
    despill(planes, np.ones((32, 32), np.float32), "green", Space(10, ColourTags(matrix=1), full_range=False))
    without = rgb.copy()
    without[..., 1] = np.minimum(rgb[..., 1], (rgb[..., 0] + rgb[..., 2]) / 2)
    assert np.abs(np.stack(planes, -1) - to_yuv(without)).max() < 2


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"birefnet-video\[foreground\]"):
        Retoucher(ColourSpec(decontaminate="best"))


def test_of_the_library_no_more_is_loaded_than_is_used() -> None:
    """All of PyMatting compiles itself for most of a minute; what is kept of one is good for the other."""
    code = "\n".join(
        (
            "import sys",
            "import numpy as np",
            "from birefnet_video.matting.colours.multilevel import estimation, is_loaded",
            "assert not is_loaded()",
            "alpha = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))",
            "found = estimation()(np.full((8, 8, 3), 0.5, np.float32), alpha)",
            "assert found.shape == (8, 8, 3) and abs(found - 0.5).max() < 0.01",
            "assert is_loaded()",
            "print(*(name for name in sys.modules if name.startswith('pymatting')))",
        )
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["pymatting.foreground.estimate_foreground_ml"]
