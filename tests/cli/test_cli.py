"""The program as its users run it: exit codes, one line of error, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ready
from clips import make_clip, read_times

from birefnet_video.cli import main

CLIPS = Path(__file__).parents[1] / "data" / "clips"
PROGRAM = [sys.executable, "-m", "birefnet_video"]


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return ready.run(*map(str, arguments), folder=cwd)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("cli") / "in.mp4", frames=8, with_sound=True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.mp4"], 66, "no such file"),
        ([CLIPS.parent], 66, "is a folder without a video"),
        ([CLIPS / "text.mp4", "--alpha", "o.mov"], 65, "holds text"),
        ([CLIPS / "empty.mp4", "--alpha", "o.mov"], 65, "empty"),
        ([CLIPS / "audio_only.m4a", "--alpha", "o.mov"], 65, "no video stream"),
        ([CLIPS / "bad_no_moov.mp4", "--alpha", "o.mov"], 65, "moov"),
        ([CLIPS / "evil_playlist.mp4", "--alpha", "o.mov"], 65, "playlist"),
        ([CLIPS / "no_audio.mp4", "--alpha", "nowhere/o.mov"], 73, "does not exist"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mp4"], 73, "cannot carry alpha here (use .mov"),
        ([CLIPS / "no_audio.mp4", "--alpha", "there.mov"], 73, "exists already"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--model", "nonsense"], 3, "no model is called"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--model", "nonsense.pth"], 3, "no such file"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--device", "cuda:99"], 4, "cuda:99"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--device", "toaster"], 2, "toaster"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--size", "100"], 2, "multiple of 32"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--size", "big"], 2, "WIDTHxHEIGHT"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--batch-size", "0"], 2, "less than 1"),
        ([CLIPS / "no_audio.mp4", "--alpha", "o.mov", "--green", "o.mov"], 2, "more than one output"),
        ([CLIPS / "no_audio.mp4", "--bogus"], 2, "--bogus"),
    ],
)
def test_bad_input_gives_one_line_and_the_code(
    arguments: list[str | Path], code: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "there.mov").write_bytes(b"mine")
    ran = run(*arguments, "--progress", "plain", cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    assert ran.stdout == ""
    errors = [line for line in ran.stderr.splitlines() if line.startswith("birefnet-video: error: ")]
    assert len(errors) == 1 and words in errors[0], ran.stderr
    assert "Traceback" not in ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["there.mov"]
    assert (tmp_path / "there.mov").read_bytes() == b"mine"


def test_the_input_is_never_overwritten(clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "clip.mov"
    source.write_bytes(clip.read_bytes())
    (tmp_path / "link.mov").symlink_to(source)
    for output in (source, tmp_path / "link.mov"):
        ran = run(source, "--alpha", output, "-y")
        assert ran.returncode == 73 and "is the input" in ran.stderr
    assert source.read_bytes() == clip.read_bytes()


def test_a_run_with_json_ends_with_the_result(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    # As a shell starts it, and the next one, too: what the others here share is not there yet.
    ran = subprocess.run([*PROGRAM, clip, "--alpha", out, "--json"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    last = records[-1]
    # What is being loaded, built or assumed may come first.
    assert next(record for record in records if record["event"] not in ("notice", "step"))["event"] == "started"
    assert last["event"] == "finished" and last["exit_code"] == 0 and last["frames"] == 8
    assert last["outputs"] == [str(out)] and last["error"] is None and last["fps"] > 0
    assert read_times(out) == read_times(clip)


def test_a_failed_run_with_json_says_so(tmp_path: Path) -> None:
    ran = subprocess.run([*PROGRAM, "missing.mp4", "--json"], capture_output=True, text=True, cwd=tmp_path)
    last = json.loads(ran.stdout.splitlines()[-1])
    assert ran.returncode == last["exit_code"] == 66
    assert last["event"] == "failed" and "no such file" in last["error"]["message"]


def test_default_output_lies_beside_the_input_and_the_tip_names_a_better_model(clip: Path) -> None:
    ran = run(clip, "--progress", "plain")
    assert ran.returncode == 0, ran.stderr
    assert clip.with_name("in.alpha.mov").exists()
    assert ran.stdout == ""
    tips = [line for line in ran.stderr.splitlines() if "larger model" in line]
    assert len(tips) == 1 and "birefnet-video models pull lite-matting" in tips[0]


def test_damaged_input_exits_with_5(tmp_path: Path) -> None:
    ran = run(CLIPS / "cut_in_mdat.mp4", "--mask", tmp_path / "m.mkv", "--progress", "plain")
    assert ran.returncode == 5, ran.stderr
    assert "0.68 s" in ran.stderr
    assert len(read_times(tmp_path / "m.mkv")) == 23


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("long") / "long.mp4", frames=2000, size=(320, 192), with_sound=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_a_playable_part_under_another_name(
    number: int, code: int, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mov"
    process = subprocess.Popen(
        [*PROGRAM, str(long_clip), "--alpha", str(out), "--json", "--engine", "eager"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    written = 0
    for line in process.stdout:
        written = json.loads(line).get("frames", 0)
        if written >= 5:
            break
    os.kill(process.pid, number)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    last = json.loads(rest.splitlines()[-1])
    partial = tmp_path / "out.partial.mov"
    assert last["event"] == "cancelled" and last["outputs"] == [str(partial)]
    assert not out.exists()
    assert written <= len(read_times(partial)) < 2000


@pytest.mark.parametrize("arguments", [["in.mp4", "--bogus", "--json"], ["in.mp4", "--size", "7", "--json"]])
def test_wrong_usage_with_json_says_so_too(arguments: list[str]) -> None:
    ran = run(*arguments)
    last = json.loads(ran.stdout.splitlines()[-1])
    assert ran.returncode == last["exit_code"] == 2 and last["event"] == "failed"


def test_a_reader_that_goes_away_does_not_stop_the_render(clip: Path, tmp_path: Path) -> None:
    command = f"{' '.join(PROGRAM)} {clip} --mask {tmp_path}/m.mkv --json | head -1"
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr and len(read_times(tmp_path / "m.mkv")) == 8


def test_an_ignored_hangup_stays_ignored(clip: Path, tmp_path: Path) -> None:
    """As under nohup."""
    command = [*PROGRAM, str(clip), "--mask", str(tmp_path / "m.mkv"), "--json"]
    process = subprocess.Popen(
        ["bash", "-c", 'trap "" HUP; exec "$@"', "_", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGHUP)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and json.loads(rest.splitlines()[-1])["event"] == "finished"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "nonsense", "--out", "o"], 2, "no recipe is called 'nonsense'"),
        (["train", "smoke", "--out", "o"], 2, "data.root and data.sets name no pictures"),
        (["train", "smoke", "--data", "nowhere", "--out", "o"], 66, "no such folder of picture sets"),
        (["train", "smoke", "--data", ".", "--out", "o"], 66, "no such folder"),
        (["train", "smoke", "run.nonsense=1", "--out", "o"], 2, "has no 'nonsense'"),
        (["train", "smoke", "--data", ".", "--out", "o", "--init", "none.pth"], 3, "no such file"),
        (["train", "smoke", "--data", ".", "--out", "o", "--device", "toaster"], 2, "toaster"),
    ],
)
def test_wrong_use_of_train(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # In this process: each of its own would load torch first.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == code and words in said and len(said.splitlines()) == 1
    assert not (tmp_path / "o").exists()
