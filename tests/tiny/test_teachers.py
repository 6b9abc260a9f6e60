"""What teachers say of photographs, kept and made into sets. The networks themselves are stand-ins."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from birefnet_video.model.training.sets import find_set
from labels import choose_for_correction, doubt, kept, label
from pictures import make_set
from teacher_sets import Labelled, is_usable, judge, make_teacher_sets

from birefnet_video.pictures.files import list_pictures, read_matte

SIZE = (100, 100)


def square(side: int, *, at: int = 30, value: int = 255, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A square of ``value`` from ``at``, ``at``."""
    matte = np.zeros(size, np.uint8)
    matte[at : at + side, at : at + side] = value
    return matte


def test_labels_are_made_once_a_picture(tmp_path: Path) -> None:
    pictures = list_pictures(make_set(tmp_path, count=3) / "im")
    looked: list[tuple[int, ...]] = []

    def teacher(rgb: np.ndarray) -> np.ndarray:
        looked.append(rgb.shape)
        return np.full((4, 5), 0.5, np.float32)

    first = label(teacher, {"0": pictures["0"]}, tmp_path / "labels")
    made = label(teacher, pictures, tmp_path / "labels")
    assert looked == [(60, 80, 3)] * 3 and list(made) == ["0", "1", "2"] and made["0"] == first["0"]
    assert all((read_matte(path) == np.full((4, 5), 128)).all() for path in made.values())
    assert list(kept(tmp_path / "labels", ["1"])) == ["0", "2"]


def test_doubt_is_of_wavering_pixels_for_each_of_the_subject() -> None:
    assert doubt(square(40)) == 0
    assert doubt(square(40) + square(10, at=0, value=100)) == pytest.approx(100 / 1600)
    assert doubt(np.zeros(SIZE, np.uint8)) == float("inf")


def test_photographs_come_by_lot_and_those_of_variety_before_others(tmp_path: Path) -> None:
    labels = {}
    for name in ("much", "little"):
        (tmp_path / name).mkdir()
        for i in range(20):
            cv2.imwrite(str(tmp_path / name / f"{i:02d}.png"), square(40 if i else 5))
        labels[name] = list_pictures(tmp_path / name)
    variety = {"much": 1.0, "little": 0.1}
    order = choose_for_correction(labels, variety, is_usable)
    assert order == choose_for_correction(labels, variety, is_usable) and len(order) == 38
    assert [name for name, _ in order[:19]].count("much") >= 13
    assert ("much", "00") not in order
    fewer = {"much": labels["much"], "little": {}}
    assert choose_for_correction(fewer, variety, is_usable) != []


def test_a_quick_label_that_is_sure_is_a_trimap() -> None:
    kind, label_of = judge(square(40, size=SIZE), None, SIZE) or ("", np.zeros(0))
    assert kind == "rough" and label_of.shape == SIZE and label_of.dtype == np.uint8
    assert label_of[50].tolist() == [0] * 27 + [128] * 6 + [255] * 34 + [128] * 6 + [0] * 27
    kind, larger = judge(square(40), None, (200, 300)) or ("", np.zeros(0))
    assert larger.shape == (200, 300)
    wavering = square(40) + square(10, at=0, value=100)
    _, unsure = judge(wavering, None, SIZE) or ("", np.zeros(0))
    assert (unsure[:9, :9] == 128).all()


@pytest.mark.parametrize(
    "coarse",
    [square(10), square(95, at=0), square(40) + square(25, at=0, value=100)],
    ids=["too small", "too large", "unsure"],
)
def test_a_quick_label_of_no_use_is_left_out(coarse: np.ndarray) -> None:
    assert judge(coarse, None, SIZE) is None


def test_a_careful_label_that_is_agreed_with_is_alpha() -> None:
    fine = square(40)
    fine[30], fine[69], fine[0] = 100, 250, 5
    kind, alpha = judge(square(40), fine, SIZE) or ("", np.zeros(0))
    assert kind == "soft"
    assert (alpha[30] == 100).all() and (alpha[69] == 255).all() and (alpha[0] == 0).all()


def test_where_two_teachers_differ_somewhat_nothing_is_known() -> None:
    coarse, fine = square(40), square(46)
    coarse[0:6, 50:90] = 255
    kind, trimap = judge(coarse, fine, SIZE) or ("", np.zeros(0))
    assert kind == "agreed"
    assert (trimap[1, 55:85] == 128).all(), "the quick one's alone"
    assert (trimap[72, 40:60] == 255).all() and (trimap[78, 40:60] == 0).all(), "beside the careful one's edge"
    assert trimap[50, 50] == 255 and trimap[95, 5] == 0
    fine[50, 50] = 150
    _, wavering = judge(coarse, fine, SIZE) or ("", np.zeros(0))
    assert wavering[50, 50] == 128


@pytest.mark.parametrize("fine", [square(40, at=50), square(95, at=0)], ids=["elsewhere", "everything"])
def test_a_photograph_that_two_teachers_see_differently_is_left_out(fine: np.ndarray) -> None:
    assert judge(square(40), fine, SIZE) is None


def test_sets_are_made_of_what_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = list_pictures(make_set(tmp_path, count=3, size=SIZE) / "im")
    (tmp_path / "said").mkdir()
    for name, matte in (("square", square(40)), ("speck", square(5))):
        cv2.imwrite(str(tmp_path / "said" / f"{name}.png"), matte)
    said, speck = tmp_path / "said" / "square.png", tmp_path / "said" / "speck.png"
    photographs = [
        Labelled("a__0", pictures["0"], said, None),
        Labelled("a__1", pictures["1"], said, said),
        Labelled("a__2", pictures["2"], speck, None),
    ]
    make_teacher_sets(photographs, tmp_path / "data")
    assert capsys.readouterr().out.split("\n")[:3] == [
        "rough: 1 photographs",
        "agreed: 0 photographs",
        "soft: 1 photographs",
    ]
    (rough,), (soft,) = (find_set(tmp_path / "data", kind).pairs for kind in ("rough", "soft"))
    assert rough.picture.stem == "a__0" and rough.is_trimap and soft.picture.stem == "a__1" and not soft.is_trimap
    assert (tmp_path / "data" / "agreed" / "im").is_dir()
    make_teacher_sets([], tmp_path / "data")
    assert len(find_set(tmp_path / "data", "rough").pairs) == 1
