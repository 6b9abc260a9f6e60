"""A TIFF of many pages goes in, and a TIFF of as many comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from volumes import SHAPE, ellipsoid, names, overlap, run_stack, use_stub, voxels

Capsys = pytest.CaptureFixture[str]
HARD = ("--threshold", "0.5", "--smooth", "off")
IMAGEJ = f"ImageJ=1.54f\nimages={SHAPE[2]}\nslices={SHAPE[2]}\nunit=micron\nspacing=3.0\nloop=false\nmin=0\nmax=900\n"


@pytest.fixture(autouse=True)
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_stub(monkeypatch)


def save(path: str, pages: list[np.ndarray], **tags: Any) -> None:
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=rest, **tags)


def pages_of(path: str) -> np.ndarray:
    with Image.open(path) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            found.append(np.asarray(image))
    return np.stack(found)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int32])
def test_pages_of_all_depths_are_slices(dtype: Any, capsys: Capsys) -> None:
    inside = ellipsoid()
    data = np.where(inside, 250, 10).astype(dtype) if dtype == np.uint8 else (voxels(inside) + 1000).astype(dtype)
    save("a.tif", [*data.T], dpi=(300, 150))
    ran = run_stack(capsys, "a.tif", "--mask", "m.tiff", *HARD)
    assert ran.code == 0, ran.lines
    mask = pages_of("m.tiff")
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
    assert overlap(mask > 0, inside.T) > 0.93
    with Image.open("m.tiff") as image:
        assert [round(float(each)) for each in image.info["dpi"]] == [300, 150]
    assert not any("medical" in line for line in ran.lines)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_stack_can_be_cut_along_any_axis(axis: str, capsys: Capsys) -> None:
    inside = ellipsoid()
    save("a.tif", [*voxels(inside + 0).astype(np.float32).T])
    assert run_stack(capsys, "a.tif", "--axis", axis, *HARD).code == 0
    assert overlap(pages_of("a.mask.tif") > 0, inside.T) > 0.93
    ran = run_stack(capsys, "a.tif", "--axis", "axial", "-y")
    assert ran.code == 2 and "a.tif does not say how its volume lies" in ran.lines[-1]


def test_pages_of_colour_are_shown_as_they_are(capsys: Capsys) -> None:
    inside = ellipsoid().T
    colour = np.where(inside[..., None], (250, 240, 245), (10, 20, 5)).astype(np.uint8)
    save("a.tif", [*colour])
    ran = run_stack(capsys, "a.tif", *HARD)
    assert ran.lines[0] == "12 slices along z, shown as stored, in 8 bits"
    assert overlap(pages_of("a.mask.tif") > 0, inside) > 0.93


def test_the_spacing_of_imagej_stays(capsys: Capsys) -> None:
    save("a.tif", [*(voxels(ellipsoid()).T + 1000).astype(np.uint16)], description=IMAGEJ, x_resolution=2.5,
         y_resolution=2.0, resolution_unit=1)  # fmt: skip
    assert run_stack(capsys, "a.tif", "--axis", "y").code == 0
    with Image.open("a.mask.tif") as image:
        tags = image.tag_v2
        assert (float(tags[282]), float(tags[283]), tags[296]) == (2.5, 2.0, 1)
        lines = str(tags[270]).splitlines()
    assert lines[:3] == ["ImageJ=1.54f", "images=12", "slices=12"]
    assert {"unit=micron", "spacing=3.0", "max=255.0"} <= set(lines) and "max=900" not in lines


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("ImageJ=1.54f\nimages=12\nchannels=2\nslices=6\n", "its 12 pages are slices of 2 channels"),
        ("ImageJ=1.54f\nimages=12\nframes=3\nslices=4\n", "its 12 pages are slices of 3 times"),
        ("ImageJ=1.54f\nimages=40\nslices=40\n", "has 12 pages where ImageJ says 40"),
        ('<OME><Pixels SizeC="2" SizeT="1" SizeZ="6"/></OME>', "its 12 pages are slices of 2 channels"),
    ],
)
def test_pages_that_are_more_than_slices_are_refused(description: str, words: str, capsys: Capsys) -> None:
    save("a.tif", [*voxels(ellipsoid()).T.astype(np.float32)], description=description)
    ran = run_stack(capsys, "a.tif")
    assert ran.code == 65 and words in ran.lines[-1]


def test_pages_of_several_sizes_are_refused(capsys: Capsys) -> None:
    save("a.tif", [np.zeros((32, 40), np.uint8), np.zeros((32, 40), np.uint8), np.zeros((16, 20), np.uint8)])
    ran = run_stack(capsys, "a.tif")
    assert ran.code == 65 and "page 3 is 20x16 of L, the first is 40x32 of L: no volume" in ran.lines[-1]
    ran = run_stack(capsys, "a.tif", "--max-pixels", "100")
    assert ran.code == 65


@pytest.mark.parametrize("left", [0, 8, 0.5, 0.97])
def test_a_file_that_ends_early_is_named_and_leaves_nothing(left: float, capsys: Capsys) -> None:
    save("a.tif", [*(voxels(ellipsoid()).T + 1000).astype(np.uint16)])
    data = Path("a.tif").read_bytes()
    Path("a.tif").write_bytes(data[: int(left if left > 1 else left * len(data))])
    ran = run_stack(capsys, "a.tif")
    assert ran.code == 65 and "error: a.tif: " in ran.lines[-1]
    assert names(Path()) == ["a.tif"]


def test_a_mask_of_another_kind_is_refused(capsys: Capsys) -> None:
    save("a.tif", [np.zeros((32, 40), np.uint8)] * 2)
    for name in ("m.nii.gz", "m.png"):
        ran = run_stack(capsys, "a.tif", "--mask", name)
        assert ran.code == 73 and "a mask has its stack's format (use .tif or .tiff)" in ran.lines[-1]
    Path("m.tif").mkdir()
    assert run_stack(capsys, "a.tif", "--mask", "m.tif", "-y").code == 73
