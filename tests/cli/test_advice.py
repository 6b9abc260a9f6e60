"""What the program says where people go wrong, as a shell shows it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_clip
from PIL import Image

PROGRAM = [sys.executable, "-m", "birefnet_video"]
FAST = ["--size", "64", "--smooth", "off", "-b", "1", "--engine", "eager", "--progress", "none"]


def run(*arguments: str, folder: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advice")
    make_clip(folder / "in.mp4", frames=3)
    Image.new("RGB", (64, 48)).save(folder / "photo.jpg")
    (folder / "shots").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48)).save(folder / f"shot_{number:04}.png")
        Image.new("RGB", (64, 48)).save(folder / "shots" / f"take{number:03}.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["photo.jpg", "--alpha", "a_%d.png"], 65, ["is a picture, not a video", "photo_%d.jpg", "matte_image"]),
        (["in.mp4", "photo.jpg", "--alpha", "a.mov"], 2, ["one INPUT is taken at a time"]),
        (["in.mp4", "x.mov"], 2, ["x.mov", "--alpha x.mov"]),
        (["in.mp4", "-to", "2", "--alpha", "a.mov"], 2, ["-to", "-t takes a length"]),
        (["shot_*.png", "--alpha", "a.mov"], 66, ["no such file", "shot_%04d.png"]),
        (["shot_####.png", "--alpha", "a.mov"], 66, ["no such file", "shot_%04d.png"]),
        (["shots", "--alpha", "a.mov"], 66, ["is a folder", "take%03d.png"]),
        (["", "--alpha", "a.mov"], 2, ["INPUT is empty"]),
        (["prob", "in.mp4"], 2, ["did you mean probe?"]),
        (["jbos"], 66, ["did you mean the command jobs?"]),
        (["help"], 66, ["birefnet-video --help"]),
        (["in.mp4", "--hlep"], 2, ["did you mean --help?"]),
        (["in.mp4", "--threads", "2"], 2, ["--threads", "cores"]),
        (["in.mp4", "--alpha", "no/such\nfolder/a.mov"], 73, ["no/such\\nfolder"]),
        (["in.mp4", "--alpha", "a.mov", "-m", "tinny"], 3, ["did you mean tiny?"]),
        (["attach"], 2, ["the interface needs a terminal"]),
    ],
)
def test_the_way_is_pointed_out(arguments: list[str], code: int, words: list[str], folder: Path) -> None:
    ran = run(*arguments, folder=folder)
    assert ran.returncode == code, ran.stderr
    *before, last = ran.stderr.splitlines()
    assert before in ([], ["loading the network tinny"]) and all(word in last for word in words), ran.stderr
    assert "without --tui" not in ran.stderr


def test_standard_input_is_called_by_its_name(folder: Path) -> None:
    ran = run("-", "--alpha", "a.mov", folder=folder, stdin=subprocess.DEVNULL)
    assert ran.returncode == 65 and "standard input: the file is empty" in ran.stderr and "/tmp" not in ran.stderr


def test_a_full_folder_for_standard_input_is_one_line(folder: Path) -> None:
    with Path("/dev/zero").open("rb") as endless:
        ran = run(
            "-",
            "--alpha",
            "a.mov",
            folder=folder,
            stdin=endless,
            # As a full disk would: files may not grow beyond this.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
        )
    assert ran.returncode == 73, ran.stderr
    assert len(ran.stderr.splitlines()) == 1 and "TMPDIR names another place" in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such users there")
def test_a_user_without_a_home_folder_renders_and_is_told_where_records_would_go(folder: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    start = "\n".join(
        (
            "import os, pwd, sys",
            "from birefnet_video.cli import main",
            "os.environ.pop('HOME', None)",
            "pwd.getpwuid = {}.__getitem__",
            "main(sys.argv[1:])",
        )
    )
    ran = subprocess.run(
        [sys.executable, "-c", start, "in.mp4", "--mask", "home.mkv", *FAST],
        cwd=folder,
        env=bare,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    for arguments in (["jobs"], ["in.mp4", "--mask", "b.mkv", "--detach"]):
        ran = subprocess.run(
            [sys.executable, "-c", start, *arguments], cwd=folder, env=bare, capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 73 and "XDG_STATE_HOME names one" in ran.stderr, ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_who_stops_reading_hears_no_traceback(folder: Path) -> None:
    program = f"{sys.executable} -m birefnet_video"
    command = f"{program} probe in.mp4 | true; {program} --help | head -1; {program} jobs --json | head -c 1"
    ran = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ran.stderr == "", ran.stderr


def test_too_little_memory_is_said_as_that(folder: Path) -> None:
    command = f"ulimit -v 3000000; {sys.executable} -m birefnet_video in.mp4 --mask mem.mkv {' '.join(FAST)}"
    ran = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 4, ran.stderr
    assert "not enough memory" in ran.stderr and "Traceback" not in ran.stderr
    assert not (folder / "mem.mkv").exists()


def test_quiet_is_quiet_and_the_result_is_the_last_word(folder: Path) -> None:
    ran = run("in.mp4", "--mask", "q.mkv", "-q", *FAST[:-2], folder=folder)
    assert ran.returncode == 0 and ran.stderr == "" and ran.stdout == ""
    ran = run("in.mp4", "--mask", "p.mkv", "--progress", "plain", *FAST[:-2], folder=folder)
    lines = ran.stderr.splitlines()
    end = next(index for index, line in enumerate(lines) if line.startswith("wrote"))
    assert "of loading; verified" in lines[end] and not any(line.startswith("progress") for line in lines[end:])


def test_figures_agree(folder: Path) -> None:
    ran = run("in.mp4", "--mask", "f.mkv", "--json", *FAST[:-2], folder=folder)
    last = json.loads(ran.stdout.splitlines()[-1])
    assert last["frames"] == 3
    rendering = last["frames"] / last["fps"]
    assert rendering + last["loading"] <= last["seconds"] + 0.05


def test_no_renders_are_said_to_be_none(folder: Path, tmp_path: Path) -> None:
    ran = run("jobs", folder=folder, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)})
    assert ran.returncode == 0 and ran.stdout == "" and "there are no renders" in ran.stderr
