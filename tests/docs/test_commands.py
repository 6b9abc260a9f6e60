"""Every command line that a page prints is understood; those that can be are carried out, on stand-ins for files."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from birefnet_video.model.training.recipe_toml import load_recipe
from clips import make_clip
from commands import Line, lines, others
from dicom_series import put_series
from markdown import PAGES, ROOT
from pictures import make_set
from PIL import Image
from program import QUICK, environment, run_here
from volumes import ellipsoid, oblique, voxels

from birefnet_video.cli import app
from birefnet_video.zoo.known import known_models

#: What is not carried out here, and why; what else shows it.
NOT_RUN = {
    r"ffplay|curl|man -l": "takes programs and servers of others",
    r"pull|models (path|rm)|lite-matting|--tracker": "needs weights that are not here: tests/cli/test_models.py",
    r"\btui\b|attach|--detach|--queue|video jobs \w": "is about terminals and processes: tests/tui, test_jobs.py",
    r"cuda": "needs a GPU",
    r"--ray": "needs a cluster: tests/workers/test_ray.py",
    r"int8": "takes minutes: tests/backends/test_int8.py",
    r"video (bench|doctor)": "measures the whole machine: tests/cli/test_bench.py, test_doctor.py",
    r"video export": "takes minutes: tests/cli/test_export.py",
    r"video train": "trains: tests/training",
    r"webcam (--|/dev|rtsp)": "needs a camera or a server: tests/live, tests/cli/test_webcam.py",
    r"\$file|/dev/null": "is run by test_integrations.py",
}
#: Pages whose blocks are sequences: every line finds what those before it have left.
IN_TURN = {"look.md", "models.md"}
ALL = lines()


def reason(line: Line) -> str | None:
    """Why a line is not carried out, if it is not."""
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, line.text)), None)


def groups() -> Iterator[list[Line]]:
    """Lines that are carried out one after another in one folder."""
    last = None
    for line in ALL:
        if reason(line) is not None:
            continue
        page = line.place.partition(":")[0]
        if page in IN_TURN:
            if last != (page, line.block):
                last = (page, line.block)
                yield [
                    each for each in ALL if (each.place.partition(":")[0], each.block) == last and reason(each) is None
                ]
        else:
            yield [line]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every name that pages use."""
    folder = tmp_path_factory.mktemp("stand-ins")
    for name in ("clips/day1", "photos/more", "my_run", "preds", "home/.config/fish/completions"):
        (folder / name).mkdir(parents=True)
    make_clip(folder / "long.mp4", frames=110, rate=1)
    for name in ("in.mp4", "a.mp4", "clip.mp4", "clips/c.mp4", "clips/day1/d.mp4", "b.mov"):
        make_clip(folder / name, frames=4, with_sound=name == "in.mp4")
    photo = cv2.imread(str(ROOT / "samples" / "training" / "orbit" / "im" / "00.jpg"))
    for name in ("photo.jpg", "beach.jpg", "office.jpg", "photos/a.jpg", "photos/more/b.jpg"):
        cv2.imwrite(str(folder / name), photo)
    for name in ("poster.tif", "map.tif"):
        cv2.imwrite(str(folder / name), photo)
    make_stacks(folder)
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f"shot_{number:04}.png"), photo[:96, :160])
    found = make_set(folder / "made")
    for name in ("my_pictures/subject", "DIS5K/DIS-VD"):
        shutil.copytree(found, folder / name)
    shutil.copytree(found / "gt", folder / "preds", dirs_exist_ok=True)
    (folder / "truth.mkv").symlink_to(ROOT / "samples" / "orbit_alpha.mkv")
    (folder / "my_run" / "model.safetensors").symlink_to(ROOT / "model" / "weights" / "tiny.safetensors")
    (folder / "notes.md").write_text("# Cats\n", encoding="utf-8")
    (folder / "profiles.toml").write_text('[profiles.film]\nquality = "best"\n[profiles.final]\n', encoding="utf-8")
    return folder


def make_stacks(folder: Path) -> None:
    """Volumes and folders of slices."""
    data = voxels(ellipsoid())
    nibabel.save(nibabel.Nifti1Image(data, oblique()), folder / "head.nii.gz")
    put_series(str(folder / "ct_folder"), data, oblique())
    pages = [Image.fromarray(data[:, :, index].T.clip(0).astype(np.uint16)) for index in range(data.shape[2])]
    pages[0].save(folder / "cells.tif", save_all=True, append_images=pages[1:])
    (folder / "slices").mkdir()
    for index, page in enumerate(pages):
        page.save(folder / "slices" / f"{index:02}.png")


@pytest.fixture
def folder(stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stand-ins to work in, with a home of its own, and options that make it quick."""
    here = tmp_path / "here"
    shutil.copytree(stand_ins, here, symlinks=True)
    monkeypatch.chdir(here)
    own = {"HOME": here / "home", "BIREFNET_VIDEO_CONFIG": here / "profiles.toml", "VISUAL": "true"}
    own |= {f"XDG_{kind}_HOME": here / "home" / kind for kind in ("DATA", "STATE")}
    for name, value in {**QUICK, **own}.items():
        monkeypatch.setenv(name, str(value))
    return here


@pytest.mark.parametrize("line", ALL, ids=lambda line: line.place)
def test_every_command_line_is_understood(line: Line, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in line.calls:
        with monkeypatch.context() as now:
            for name, value in call.variables:
                now.setenv(name, value)
            words = ["./-" if word == "-" else word for word in call.words]
            command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
            groups = [*bound.args, *bound.kwargs.values()]
            model = next((group.model for group in groups if hasattr(group, "model")), "tiny")
            assert model in known_models() or model == "cats" or Path(model).suffix == ".safetensors"
            if command.__name__ == "train":
                load_recipe(bound.arguments["recipe"], [*bound.arguments.get("overrides", ())])


@pytest.mark.slow
@pytest.mark.parametrize("group", [*groups()], ids=lambda group: group[0].place)
def test_command_lines_do_what_they_say(group: list[Line], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(re.search(r"-ss|--look", line.text) for line in group):
        (folder / "long.mp4").replace(folder / "in.mp4")
    if any("--engine openvino" in line.text for line in group):
        pytest.importorskip("openvino")
    if any("--video out.mov" in line.text for line in group):
        shutil.copy(folder / "truth.mkv", folder / "out.mov")
    for line in group:
        if not line.is_plain:
            ran = subprocess.run(
                ["bash", "-c", line.text], env=environment(folder / "bin"), capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, ran.stderr
            continue
        (call,) = line.calls
        for name, value in call.variables:
            monkeypatch.setenv(name, value)
        # A shell does that with what stands without quotes.
        words = [
            each
            for word in call.words
            for each in (sorted(map(str, Path().glob(word))) if word.startswith("*") else [word])
        ]
        assert run_here(*words) == 0, line.text


def test_each_reason_is_needed_and_most_lines_are_carried_out() -> None:
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line.text) for line in ALL), pattern
    run = [line for line in ALL if reason(line) is None]
    assert len(ALL) > 100 and len(run) > len(ALL) // 2


def test_commands_in_running_text_are_understood(folder: Path) -> None:
    found = {words for page in PAGES for words in re.findall(r"`(birefnet-video [^`]+)`", page.read_text("utf-8"))}
    # Capitals and dots stand for something else, and one of them names an option alone.
    whole = [words for words in found if not re.search(r"\b[A-Z]{3,}\b|\.\.\.|\||--config$", words)]
    assert len(whole) > 5
    for words in whole:
        app.parse_args(words.split()[1:], exit_on_error=False, print_error=False)


def test_what_make_and_pip_are_told_is_there() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for place, (program, *words) in others():
        if program == "make":
            assert words[0] in targets, place
        else:
            named = {extra for word in words for part in re.findall(r"\[(.+)\]", word) for extra in part.split(",")}
            assert words[0] == "install" and named <= extras.keys(), place
