"""Sets of `tools/tiny`: those put in place by hand, those without a subject, near duplicates, cut-outs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from backgrounds import exclude, hold_back, vet
from bands import make_band_set, unknown_band
from birefnet_video.model.training.recipe_toml import load_recipe
from birefnet_video.model.training.sets import find_set
from by_hand import digest, lay_out, refuse_missing
from cutouts import make_cutouts
from duplicates import duplicates, signs_of_measured
from pictures import make_cutouts as draw_cutouts
from pictures import make_set
from sources import ByHand, read_sources
from teacher_sets import KINDS
from training import without_empty
from whole import whole_folder, write_whole

from birefnet_video.pictures.files import list_pictures


def row(name: str = "discs", labels: str = "gt", digest: str = "") -> ByHand:
    return ByHand(name=name, pictures=6, labels=labels, made="drawn", source="me", terms="mine", digest=digest)


def test_every_set_of_the_recipe_has_a_source() -> None:
    sources, data = read_sources(), load_recipe("tiny").data
    by_hand, photographs = ([each.name for each in table] for table in (sources.by_hand, sources.photographs))
    assert len({*by_hand, *photographs}) == len(by_hand) + len(photographs)
    named = {*data.sets.split("+"), *data.cutouts, *data.backgrounds, *data.places}
    assert named - {*by_hand, *photographs, *KINDS, "stamps", "renders", "clipart"} == {"sbd_band"}
    assert set(by_hand) - named == {"voc_sbd"}
    assert all(len(each.digest) == 16 for each in sources.by_hand)
    assert all(len(each.commit) == 40 and len(each.listing) == 16 for each in sources.photographs)
    assert all(name in by_hand for each in sources.photographs for name in each.known)
    assert set(data.shares) == set(data.sets.split("+"))


def test_all_missing_sets_are_named_at_once(tmp_path: Path) -> None:
    make_set(tmp_path)
    with pytest.raises(SystemExit, match=r"(?s)sources.toml:\n  cats/\{im,gt\}: me\n  rooms/\{im\}: me$"):
        refuse_missing([row("cats"), row(), row("rooms", "")], tmp_path)
    refuse_missing([row()], tmp_path)


def test_a_set_is_laid_out_as_links_and_another_content_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_set(tmp_path)
    content = digest(folder, ["im", "gt"])
    lay_out(row(digest=content), folder, tmp_path / "data" / "discs")
    assert capsys.readouterr().out == ""
    assert len(find_set(tmp_path / "data", "discs").pairs) == 6
    (folder / "im" / "0.jpg").write_bytes((folder / "im" / "1.jpg").read_bytes())
    lay_out(row(digest=content), folder, tmp_path / "few" / "discs", most=3)
    assert f"discs: 6 pictures of digest {digest(folder, ['im', 'gt'])}; the table says 6 of {content}" in (
        capsys.readouterr().out
    )
    assert [pair.picture.stem for pair in find_set(tmp_path / "few", "discs").pairs] == ["0", "2", "4"]


def test_a_band_along_edges_is_unknown(tmp_path: Path) -> None:
    matte = np.zeros((20, 20), np.uint8)
    matte[:, 10:] = 255
    assert unknown_band(matte, 3)[10].tolist() == [0] * 7 + [128] * 6 + [255] * 7
    make_set(tmp_path)
    make_band_set(tmp_path / "discs", tmp_path / "banded")
    banded, plain = find_set(tmp_path, "banded"), find_set(tmp_path, "discs")
    assert [pair.picture.stem for pair in banded.pairs] == [pair.picture.stem for pair in plain.pairs]
    for one, other in zip(banded.pairs, plain.pairs, strict=True):
        loose, exact = one.read(), other.read()
        known = loose.known > 127
        assert 0.5 < known.mean() < 1 and ((loose.alpha == 255) == (exact.alpha > 127))[known].all()


def test_backgrounds_with_a_subject_are_excluded_and_looked_at_once(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=3)
    looked: list[int] = []

    def teacher(rgb: np.ndarray) -> np.ndarray:
        looked.append(len(looked))
        found = np.zeros((10, 10), np.float32)
        found[: len(looked) - 1, :2] = 0.9
        return found

    vet(teacher, folder, tmp_path / "labels")
    vet(teacher, folder, tmp_path / "labels")
    # Nothing, two and four of a hundred pixels.
    assert (folder / "exclude.txt").read_text() == "2\n" and looked == [0, 1, 2]


def test_some_pictures_are_held_back(tmp_path: Path) -> None:
    pictures = list_pictures(make_set(tmp_path, count=6) / "im")
    hold_back(pictures, 3, "^[05]$", tmp_path / "trained", tmp_path / "held")
    assert list(list_pictures(tmp_path / "trained" / "im")) == ["1", "3", "4"]
    assert list(list_pictures(tmp_path / "held" / "im")) == ["2", "5"]
    hold_back(pictures, 0, "", tmp_path / "all", tmp_path / "none")
    assert len(list_pictures(tmp_path / "all" / "im")) == 6 and not (tmp_path / "none").exists()
    hold_back({"0": pictures["0"]}, 9, "", tmp_path / "no more", tmp_path / "one")
    assert list(list_pictures(tmp_path / "one" / "im")) == ["0"] and list_pictures(tmp_path / "no more" / "im") == {}
    exclude(tmp_path / "all", ["2", "1"])
    assert (tmp_path / "all" / "exclude.txt").read_text() == "1\n2\n"


def test_near_duplicates_are_found_mirrored_small_and_of_another_quality(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blurred = [cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (320, 240)) for _ in range(5)]
    for name in ("measured", "ours"):
        (tmp_path / name).mkdir()
    for i in (0, 1):
        cv2.imwrite(str(tmp_path / "measured" / f"{i}.png"), blurred[i])
    ours = {
        "mirrored": blurred[0][:, ::-1],
        "new1": blurred[2],
        "new2": cv2.resize(blurred[2], (200, 150)),
        "other": blurred[3],
        "small": cv2.resize(blurred[1], (100, 75), interpolation=cv2.INTER_AREA),
    }
    for name, picture in ours.items():
        cv2.imwrite(str(tmp_path / "ours" / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 60])
    measured = signs_of_measured([tmp_path / "measured"])
    assert measured.shape == (4, 8) and measured.dtype == np.uint8
    assert duplicates(list_pictures(tmp_path / "ours"), measured) == ["mirrored", "new2", "small"]
    nothing = signs_of_measured([])
    assert duplicates(list_pictures(tmp_path / "ours"), nothing) == ["new2"]


def test_cutouts_of_packages_are_chosen_and_made_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "packages"
    drawings = draw_cutouts(packages, "openclipart-png/usr/share/openclipart/png/things", count=2)
    (drawings / "broken.png").write_bytes(b"")
    stamps = draw_cutouts(packages, "tuxpaint-stamps-default/usr/share/tuxpaint/stamps", count=1)
    renders = draw_cutouts(packages, "fluent-emoji-3d/package/assets", count=1)
    encoded = cv2.imencode(".webp", cv2.imread(str(renders / "0.png"), cv2.IMREAD_UNCHANGED))[1].tobytes()
    for name in ("1f600", "1f1e6-1f1e7", "1f44b-1f3fb"):
        (renders / f"{name}.webp").write_bytes(encoded)
    (tmp_path / "stamps.txt").write_text("0.png\n")
    monkeypatch.setattr("cutouts.HERE", tmp_path)
    make_cutouts(packages, tmp_path / "data")
    found = {name: list(list_pictures(tmp_path / "data" / name)) for name in ("stamps", "renders", "clipart")}
    assert found == {"stamps": ["000"], "renders": ["1f600"], "clipart": []}
    for path in drawings.glob("?.png"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), (400, 400)))
    (tmp_path / "data" / "clipart").rmdir()
    make_cutouts(packages, tmp_path / "data", most=1)
    (drawing,) = list_pictures(tmp_path / "data" / "clipart").values()
    assert cv2.imread(str(drawing), cv2.IMREAD_UNCHANGED).shape == (320, 320, 4) and stamps.is_dir()


def test_the_recipe_goes_without_sets_that_have_no_picture(tmp_path: Path) -> None:
    data = load_recipe("tiny").data
    assert without_empty(data, tmp_path) == []
    (tmp_path / "soft" / "im").mkdir(parents=True)
    make_set(tmp_path, "rough")
    left = load_recipe("tiny", without_empty(data, tmp_path)).data
    assert set(data.sets.split("+")) - set(left.sets.split("+")) == {"soft"}
    assert set(data.cutouts) - set(left.cutouts) == {"soft"} and set(data.places) - set(left.places) == {"soft"}
    assert left.cutouts["persons"] == data.cutouts["persons"]


def test_files_and_folders_are_there_when_they_are_whole(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "a") as partial:
        write_whole(partial / "1.txt", b"1")
        raise RuntimeError("power cut")
    assert not (tmp_path / "a").exists()
    with whole_folder(tmp_path / "a") as partial:
        assert (partial / "1.txt").read_bytes() == b"1"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["1.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
