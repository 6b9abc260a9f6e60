"""Photographs out of a git repository that is made on the spot; `insteadOf` puts it in the place of the public one."""

import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from photographs import fetch_photographs, picture_name
from repositories import HOST, fetch_repository, list_blobs, listing_digest, read_blobs
from sources import Photographs

from birefnet_video.pictures.files import read_rgb


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=["knows filters", "knows none"])
def published(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A repository with six pictures and other files, with the commit that has them; a later one takes them away."""
    origin = tmp_path / "origin"
    (origin / "some animals").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", str(origin))
    rng = np.random.default_rng(0)
    for name, size in {
        "a": (300, 500),
        "b": (300, 400),
        "c": (300, 300),
        "small": (90, 300),
        "long": (200, 900),
    }.items():
        cv2.imwrite(str(origin / "some animals" / f"{name}.jpg"), rng.integers(0, 256, (*size, 3), np.uint8))
    (origin / "some animals" / "broken.jpg").write_bytes(b"no picture")
    (origin / "README.md").write_text("animals\n")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message", "pictures")
    commit = git(origin, "rev-parse", "HEAD").strip()
    git(origin, "rm", "--quiet", "-r", "some animals")
    git(origin, "commit", "--quiet", "--message", "none")
    config = tmp_path / "gitconfig"
    git(tmp_path, "config", "--file", str(config), f"url.file://{origin}.insteadOf", f"{HOST}/somebody/animals")
    allowed = str(request.param == "knows filters").lower()
    git(tmp_path, "config", "--file", str(config), "uploadpack.allowFilter", allowed)
    git(tmp_path, "config", "--file", str(config), "uploadpack.allowAnySHA1InWant", allowed)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    return tmp_path / "repositories", commit


def source(commit: str, listing: str) -> Photographs:
    return Photographs(
        name="animals",
        repository="somebody/animals",
        commit=commit,
        pattern=r"\.jpg$",
        listing=listing,
        most=10,
        least_side=100,
        terms="mine",
    )


def known(published: tuple[Path, str]) -> Photographs:
    folder, commit = published
    blobs = list_blobs(fetch_repository("somebody/animals", commit, folder), commit, r"\.jpg$")
    return source(commit, listing_digest(blobs))


def test_a_commit_is_fetched_without_what_comes_after_it_and_its_files_are_read(published: tuple[Path, str]) -> None:
    folder, commit = published
    repository = fetch_repository("somebody/animals", commit, folder)
    blobs = list_blobs(repository, commit, "broken|README")
    assert [blob.path for blob in blobs] == ["README.md", "some animals/broken.jpg"]
    assert [content for _, content in read_blobs(repository, blobs)] == [b"animals\n", b"no picture"]
    assert list(read_blobs(repository, [])) == []
    assert git(repository, "rev-list", "--count", commit).strip() == "1"
    assert fetch_repository("somebody/animals", commit, folder) == repository


def test_a_commit_that_is_not_there_is_an_error_of_one_line(published: tuple[Path, str]) -> None:
    folder, _ = published
    with pytest.raises(SystemExit, match=r"^somebody\+animals.*: git fetch .*0000: .+$"):
        fetch_repository("somebody/animals", "0" * 40, folder)
    assert not (folder / "somebody+animals").exists()


def test_photographs_are_chosen_by_size_and_made_small(published: tuple[Path, str], tmp_path: Path) -> None:
    target = tmp_path / "im"
    fetch_photographs(known(published), published[0], target)
    shapes = {path.stem: read_rgb(path).shape for path in target.iterdir()}
    assert shapes == {
        "some_animals_a": (250, 416, 3),
        "some_animals_b": (300, 400, 3),
        "some_animals_c": (300, 300, 3),
    }


def test_pictures_of_other_sets_are_not_taken_again(published: tuple[Path, str], tmp_path: Path) -> None:
    fetch_photographs(known(published), published[0], tmp_path / "im", taken=["images_some_animals_a", "c"])
    assert sorted(path.stem for path in (tmp_path / "im").iterdir()) == ["some_animals_b", "some_animals_c"]


def test_an_interrupted_folder_is_completed_and_a_whole_one_left(published: tuple[Path, str], tmp_path: Path) -> None:
    partial = tmp_path / "im.partial"
    partial.mkdir()
    (partial / "some_animals_a.webp").write_bytes(b"made before")
    fetch_photographs(known(published), published[0], tmp_path / "im")
    assert (tmp_path / "im" / "some_animals_a.webp").read_bytes() == b"made before"
    assert len(list((tmp_path / "im").iterdir())) == 3 and not partial.exists()
    (tmp_path / "im" / "some_animals_b.webp").unlink()
    fetch_photographs(known(published), published[0], tmp_path / "im")
    assert len(list((tmp_path / "im").iterdir())) == 2


def test_a_budget_takes_fewer_and_always_the_same(published: tuple[Path, str], tmp_path: Path) -> None:
    fitting = replace(known(published), least_side=1, pattern=r"/[abc]\.jpg$")
    blobs = list_blobs(published[0] / "somebody+animals", fitting.commit, fitting.pattern)
    fitting = replace(fitting, listing=listing_digest(blobs))
    for name in ("one", "other"):
        fetch_photographs(fitting, published[0], tmp_path / name, most=2)
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("one", "other")]
    assert names[0] == names[1] and len(names[0]) == 2


def test_other_files_than_the_table_says_are_an_error(published: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"animals: 6 files match .*, of digest \w{16}, not 1234 as sources.toml says"):
        fetch_photographs(source(published[1], "1234"), published[0], tmp_path / "im")
    assert not (tmp_path / "im").exists()


def test_names_are_of_folder_and_file() -> None:
    assert picture_name("deep/er/some animals/cat.1.jpg") == "some_animals_cat.1"
    assert picture_name("n01_tench.JPEG") == "n01_tench"
