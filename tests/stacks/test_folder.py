"""A folder of slices goes in, and a folder of masks with the same names comes back."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from volumes import SHAPE, ellipsoid, names, overlap, run_stack, use_stub, voxels

from birefnet_video.stacks.folder import natural

Capsys = pytest.CaptureFixture[str]
HARD = ("--threshold", "0.5", "--smooth", "off")


@pytest.fixture(autouse=True)
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_stub(monkeypatch)


def put(folder: str, slices: np.ndarray, suffix: str = ".png") -> None:
    """As names that only people sort right: s1 to s12."""
    Path(folder).mkdir()
    for index, values in enumerate(slices, 1):
        Image.fromarray(values).save(Path(folder, f"s{index}{suffix}"))


def masks(folder: str, suffix: str = ".png") -> np.ndarray:
    return np.stack([opened(Path(folder, f"s{index}{suffix}")) for index in range(1, SHAPE[2] + 1)])


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".png", np.uint8), (".png", np.uint16), (".tif", np.uint16), (".tif", np.float32)]
)
def test_masks_have_the_names_of_their_slices(suffix: str, dtype: Any, capsys: Capsys) -> None:
    inside = ellipsoid()
    data = np.where(inside, 250, 10) if dtype == np.uint8 else voxels(inside) + 1000
    put("in", data.T.astype(dtype), suffix)
    ran = run_stack(capsys, "in", *HARD)
    assert ran.code == 0, ran.lines
    assert names(Path("in.mask")) == names(Path("in"))
    found = masks("in.mask", suffix)
    assert found.dtype == np.uint8 and overlap(found > 0, inside.T) > 0.93
    assert run_stack(capsys, "in", "--mask", "y", "--axis", "y", *HARD).code == 0
    assert overlap(masks("y", suffix) > 0, inside.T) > 0.93


def test_formats_that_lose_something_become_png_and_it_is_said(capsys: Capsys) -> None:
    inside = ellipsoid()
    put("in", np.where(inside, 250, 10).T.astype(np.uint8), ".jpg")
    ran = run_stack(capsys, "in", *HARD)
    assert "warning: in: masks of .jpg are written as .png, without loss" in ran.lines
    assert set(np.unique(masks("in.mask"))) == {0, 255}


def test_what_lies_in_a_folder_already_stays(capsys: Capsys) -> None:
    put("in", np.where(ellipsoid(), 250, 10).T.astype(np.uint8))
    Path("m").mkdir()
    assert run_stack(capsys, "in", "--mask", "m").code == 0
    Path("m/mine.txt").write_text("mine")
    Path("m/s1.png").write_text("old")
    ran = run_stack(capsys, "in", "--mask", "m")
    assert ran.code == 73 and "m: exists (-y replaces files of the same names in it)" in ran.lines[-1]
    assert Path("m/s1.png").read_text() == "old"
    assert run_stack(capsys, "in", "--mask", "m", "-y").code == 0
    assert names(Path("m")) == sorted([*names(Path("in")), "mine.txt"])
    assert opened(Path("m/s1.png")).shape == SHAPE[1::-1] and names(Path()) == ["in", "m"]
    ran = run_stack(capsys, "in", "--mask", "in", "-y")
    assert ran.code == 73 and "is the input itself" in ran.lines[-1]
    assert run_stack(capsys, "in", "--mask", "m/mine.txt", "-y").code == 73


def test_a_slice_of_another_size_is_named(capsys: Capsys) -> None:
    put("in", np.zeros((12, 32, 40), np.uint8))
    Image.new("L", (40, 31)).save("in/s7.png")
    ran = run_stack(capsys, "in")
    assert ran.code == 65 and "in/s7.png: is 40x31 where s1.png is 40x32: no volume" in ran.lines[-1]
    Image.fromarray(np.zeros((32, 40), np.uint16)).save("in/s7.png")
    ran = run_stack(capsys, "in", "--window", "full")
    assert ran.code == 65 and "in/s7.png: has samples of uint16, s1.png of uint8: no volume" in ran.lines[-1]
    Path("in/s7.png").write_bytes(b"no picture")
    assert "in/s7.png" in run_stack(capsys, "in").lines[-1]
    assert names(Path()) == ["in"]


def test_a_slice_that_may_be_missing_is_told(capsys: Capsys) -> None:
    put("in", np.zeros((12, 32, 40), np.uint8))
    Path("in/s7.png").unlink()
    ran = run_stack(capsys, "in", "-q")
    assert ran.code == 0
    assert ran.lines == ["warning: in: from s6.png to s8.png numbers are left out: slices may be missing"]


def test_a_folder_without_slices_is_refused(capsys: Capsys) -> None:
    Path("in").mkdir()
    Path("in/notes.txt").write_text("none")
    ran = run_stack(capsys, "in")
    assert ran.code == 66 and "in: holds no pictures and no DICOM" in ran.lines[-1]
    assert run_stack(capsys, "gone").code == 66
    assert run_stack(capsys, "in/notes.txt").code == 65


def test_a_full_disk_leaves_nothing_half_written(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    put("in", np.where(ellipsoid(), 250, 10).T.astype(np.uint8))
    usual, left = Path.write_bytes, [5]

    def write(path: Path, data: bytes) -> int:
        left[0] -= 1
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return usual(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    ran = run_stack(capsys, "in")
    assert ran.code == 73 and "in.mask: cannot be written: No space left on device" in ran.lines[-1]
    assert names(Path()) == ["in"]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=6, unique=True))
def test_names_are_sorted_by_their_numbers(numbers: list[int]) -> None:
    paths = [Path(f"Slice {number}.png") for number in numbers]
    assert sorted(paths, key=natural) == [Path(f"Slice {number}.png") for number in sorted(numbers)]


@given(st.lists(st.text(min_size=1, max_size=6).filter(lambda text: "/" not in text and "\0" not in text), unique=True))
def test_all_names_have_an_order(texts: list[str]) -> None:
    paths = [Path(text) for text in texts]
    assert sorted(paths, key=natural) == sorted([*reversed(paths)], key=natural)
