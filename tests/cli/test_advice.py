"""What the program says where people go wrong, as a shell shows it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import ready
from clips import make_clip
from PIL import Image

from birefnet_video.cli import app, main
from birefnet_video.shell.grammar import grammar_of

PROGRAM = [sys.executable, "-m", "birefnet_video"]
FAST = ["--size", "96", "--smooth", "off", "-b", "1", "--engine", "eager", "--progress", "none"]


def started(*arguments: str, folder: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )


def run(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return ready.run(*arguments, folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advice")
    make_clip(folder / "in.mp4", frames=3)
    (folder / "more.mp4").write_bytes((folder / "in.mp4").read_bytes())
    Image.new("RGB", (64, 48)).save(folder / "photo.jpg")
    (folder / "photo").write_bytes((folder / "photo.jpg").read_bytes())
    (folder / "shots").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48)).save(folder / f"shot_{number:04}.png")
        Image.new("RGB", (64, 48)).save(folder / "shots" / f"take{number:03}.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["photo.jpg", "--alpha", "a_%d.png"], 73, ["a_%d.png: numbers the pictures of a sequence"]),
        (["photo.jpg", "--alpha", "a.mov"], 73, ["a.mov", "is no name of a picture", "use .png"]),
        (["photo.jpg", "--tui"], 2, ["--tui: means nothing for a picture"]),
        (["photo", "--alpha", "a.mov"], 65, ["is a picture, not a video", "birefnet-video image", "photo_%d"]),
        (["shot_*.png", "--alpha", "a.mov"], 66, ["no such file", "shot_%04d.png"]),
        (["shot_####.png", "--alpha", "a.mov"], 66, ["no such file", "shot_%04d.png"]),
        (["shots", "--alpha", "a.mov"], 66, ["is a folder", "take%03d.png"]),
        (["", "--alpha", "a.mov"], 2, ["INPUT is empty"]),
        ([f"{'n' * 300}.mp4", "--alpha", "a.mov"], 66, ["no such file", "longer than any"]),
        ([f"{'n' * 300}.jpg", "--alpha", "a.png"], 66, ["no such file", "longer than any"]),
        (["jbos"], 66, ["did you mean the command jobs?"]),
        (["queue"], 66, ["birefnet-video jobs"]),
        (["version"], 66, ["birefnet-video --version"]),
        (["in.mp4", "--green", "a.mp4", "--codec", "h256"], 2, ["--codec", "h256", "did you mean h264?"]),
        (["in.mp4", "--alpha", "no/such\nfolder/a.mov"], 73, ["no/such\\nfolder"]),
        (["in.mp4", "--alpha", "a.mov", "-m", "tinny"], 3, ["did you mean tiny?"]),
        (["in.mp4", "--alpha", "a.mov", "-m", "TINY"], 3, ["did you mean tiny?"]),
        (["attach"], 2, ["the interface needs a terminal"]),
    ],
)
def test_the_way_is_pointed_out(arguments: list[str], code: int, words: list[str], folder: Path) -> None:
    ran = run(*arguments, folder=folder)
    assert ran.returncode == code, ran.stderr
    *before, last = ran.stderr.splitlines()
    assert before in ([], [f"loading the network {arguments[-1]}"]) and all(word in last for word in words), ran.stderr
    assert "without --tui" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.mp4", "photo.jpg", "--alpha", "a.mov"], ["photo.jpg: is a picture", "birefnet-video image takes many"]),
        (["in.mp4", "more.mp4", "--alpha", "a.mov"], ["a.mov: is the output of in.mp4 and of more.mp4", "{stem}"]),
        (["in.mp4", "more.mp4", "--alpha", "{stm}.mov"], ["{stm} is no field", "did you mean {stem}?"]),
        (["in.mp4", "--alpha", "{stm}.mov"], ["{stm} is no field", "did you mean {stem}?"]),
        (["in.mp4", "--alpha", "{stem.mov", "--out-dir", "o"], ["--alpha {stem.mov: ", "there are {stem}"]),
        (["in.mp4", "more.mp4", "--tui"], ["--tui: watches one render", "--queue"]),
        (["in.mp4", "-", "--out-dir", "o"], ["standard input is rendered alone"]),
        (["in.mp4", "more.mp4", "--alpha", "-"], ["standard output takes one input alone"]),
        (["in.mp4", "--out-dir", "o", "--look", "0"], ["--look: is for one input"]),
        (["in.mp4", "in.mp4", "--out-dir", "o", "--estimate"], ["--estimate: is for one input"]),
        (["in.mp4", "webcam", "--out-dir", "o"], ["commands come first"]),
        (["batch", "in.mp4"], ["batch: no such command", "--out-dir"]),
        (["in.mp4", "x.mov"], ["x.mov", "--alpha x.mov"]),
        (["x.mov", "in.mp4"], ["x.mov: no such file", "INPUT comes first"]),
        (["in.mp4", "a_%05d.png"], ["--alpha a_%05d.png"]),
        (["in.mp4", "webcam"], ["commands come first"]),
        (["in.mp4", "-to", "2", "-t", "1"], ["-to and -t", "give one of them"]),
        (["in.mp4", "-ss", "3", "-to", "2"], ["-to: 2 s does not come after -ss 3 s"]),
        (["prob", "in.mp4"], ["did you mean probe?"]),
        (["queue", "list"], ["queue: no such command", "birefnet-video jobs"]),
        (["help", "webcm"], ["did you mean webcam?"]),
        (["help", "work"], ["work: no such command"]),
        (["in.mp4", "--hlep"], ["--hlep", "did you mean --help?"]),
        (["--help-all"], ["did you mean --help?"]),
        (["in.mp4", "--mask-ofset", "2"], ["--mask-ofset", "did you mean --mask-offset?"]),
        (["in.mp4", "-codec", "h264"], ["did you mean --codec?"]),
        (["-i", "in.mp4"], ["INPUT is named without an option"]),
        (["in.mp4", "-c:v", "hevc"], ["-c:v", "--codec hevc"]),
        (["in.mp4", "-b:v", "5M"], ["-b:v", "--quality"]),
        (["in.mp4", "-r", "25"], ["-r:", "keeps its rate"]),
        (["in.mp4", "-vf", "hflip"], ["-vf:", "no filters"]),
        (["in.mp4", "-f", "mov"], ["-f:", "names of outputs"]),
        (["in.mp4", "-qx"], ["-qx: is not known"]),
        (["webcam", "--lits"], ["--lits", "did you mean --list?"]),
        (["webcam", "--smooth", "liv"], ["--smooth: 'liv' is none of off, live", "did you mean live?"]),
        (["jobs", "cancle"], ["jobs takes no such word", "did you mean birefnet-video jobs cancel?"]),
        (["jobs", "forget"], ["ID is missing", "birefnet-video jobs forget ID"]),
        (["in.mp4", "--smooth", "hihg"], ["--smooth: 'hihg' is none of", "did you mean high?"]),
        (["in.mp4", "--smooth", "HIGH"], ["did you mean high?"]),
        (["in.mp4", "--engine", "openvin"], ["did you mean openvino?"]),
        (["in.mp4", "--device", "cdua"], ["did you mean cuda?"]),
        (["in.mp4", "--composite", "a.mp4", "--background", "gren"], ["did you mean green?"]),
        (["export", "onx"], ["FORMAT: 'onx' is none of", "did you mean onnx?"]),
        (["train", "finetun", "--out", "o"], ["did you mean finetune?"]),
        (["train", "finetune"], ["--out is missing", "Folder of the run"]),
        (["export"], ["FORMAT is missing", "birefnet-video export --help"]),
        (["in.mp4", "--size"], ["--size: a value is missing", "multiples of 32"]),
        (["in.mp4", "--mask-offset", "x"], ["--mask-offset: 'x' is no whole number"]),
        (["in.mp4", "-y", "-y"], ["is given more than once"]),
        (["--alpha", "a.mov"], ["INPUT is missing"]),
        (["in.mp4", "--threads", "2"], ["--threads", "cores"]),
        (["config", "show", "--", "-i", "in.mp4"], ["INPUT is named without an option"]),
        (["--", "in.mp4", "--dry-run"], ["--dry-run: is taken for a name behind --", "in front of it"]),
        (["--", "in.mp4", "--smooth=high"], ["--smooth=high: is taken for a name behind --"]),
        (["bench", "--", "in.mp4", "--json"], ["--json: is taken for a name behind --"]),
    ],
)
def test_what_the_parser_refuses_is_answered_with_what_was_meant(
    arguments: list[str],
    words: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # In this process: each of its own would load the program anew.
    monkeypatch.chdir(folder)
    said = refusal(capsys, *arguments)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "arguments", [["in.mp4", "--profile", "-i"], ["in.mp4", "--mask-offset", "-r"], ["--", "-i", "in.mp4"]]
)
def test_a_value_is_no_option_of_another_program(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    said = refusal(capsys, *arguments)
    assert "named without" not in said and "keeps its rate" not in said, said


@pytest.mark.parametrize(
    ("arguments", "is_asked"),
    [
        (["json", "--smooth", "x"], False),
        (["in.mp4", "--profile", "json"], False),
        (["in.mp4", "--smooth", "x", "--", "--json"], False),
        (["in.mp4", "--smooth", "x", "--json"], True),
        (["in.mp4", "--smooth", "x", "--progress", "json"], True),
        (["in.mp4", "--smooth", "x", "--progress=json"], True),
    ],
)
def test_json_is_printed_where_it_is_asked_for(
    arguments: list[str], is_asked: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert ended.value.code == 2 and (capsys.readouterr().out != "") is is_asked


def test_every_option_and_choice_that_is_misspelt_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    for command in grammar_of(app).walk():
        for option in command.options:
            name = max(option.names, key=len)
            # Short ones are like many others.
            if len(name) > 5:
                said = refusal(capsys, *command.path, wrong := f"{name[:3]}x{name[3:]}")
                assert f"{wrong}: is not known (did you mean {name}?)" in said, said
        for taken in (*command.options, *command.places):
            name = max(taken.names, key=len)
            for choice in (word for word in taken.choices if len(word) > 3):
                given = [name, f"{choice}x"] if name.startswith("-") else [f"{choice}x"]
                needed = [place.words[0] if place.words else "x" for place in command.places if place != taken]
                needed += [word for each in command.options if each.is_required for word in (each.names[-1], "x")]
                said = refusal(capsys, *command.path, *needed, *given)
                assert f"did you mean {choice}?" in said, said


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command line that is wrong."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and len(said.splitlines()) == 1, said
    return said


@pytest.mark.parametrize("arguments", [["help", "webcam"], ["-h", "webcam"], ["webcam", "--help"]])
def test_help_of_a_command_can_be_asked_for_in_three_ways(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("Usage: birefnet-video webcam")


def test_help_shows_examples_and_what_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for command in grammar_of(app).walk():
        with pytest.raises(SystemExit):
            main(["help", *command.path])
        shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert all(" ".join(line.split()) in shown for line in command.description.splitlines()), shown
        assert all(place.help.split(". ")[0] in shown for place in command.places), shown


def test_standard_input_is_called_by_its_name(folder: Path) -> None:
    ran = run("-", "--alpha", "a.mov", folder=folder)
    assert ran.returncode == 65 and "standard input: the file is empty" in ran.stderr and "/tmp" not in ran.stderr


def test_a_full_folder_for_standard_input_is_one_line(folder: Path) -> None:
    with Path("/dev/zero").open("rb") as endless:
        ran = started(
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
    ran = started("in.mp4", "--mask", "f.mkv", "--json", *FAST[:-2], folder=folder)
    last = json.loads(ran.stdout.splitlines()[-1])
    assert last["frames"] == 3
    rendering = last["frames"] / last["fps"]
    assert rendering + last["loading"] <= last["seconds"] + 0.05


def test_no_renders_are_said_to_be_none(folder: Path, tmp_path: Path) -> None:
    ran = ready.run("jobs", folder=folder, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)})
    assert ran.returncode == 0 and ran.stdout == "" and "there are no renders" in ran.stderr
