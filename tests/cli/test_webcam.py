"""``birefnet-video webcam`` as its users run it."""

import io
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import ready
from clips import make_clip, read_times
from fake_watch import LIVE
from guided import write_beginning
from ready import run as run_program
from specs import asked

from birefnet_video.commands.live_report import LiveTeller
from birefnet_video.commands.webcam import webcam
from birefnet_video.renders.store import JobStore

PROGRAM = [sys.executable, "-m", "birefnet_video", "webcam"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return ready.run("webcam", *arguments, folder=cwd)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["/dev/video77", "--record", "o.mp4"], 66, "no such camera"),
        (["/dev/null", "--record", "o.mp4"], 4, "/dev/null: cannot be opened"),
        (["in.mp4"], 2, "no output is named"),
        (["in.mp4", "--record", "o.mp4", "--camera-size", "big"], 2, "WIDTHxHEIGHT"),
        (["in.mp4", "--record", "o.mp4", "--smooth", "high"], 2, "--smooth: 'high' is none of off, live"),
        (["in.mp4", "--record", "nowhere/o.mp4"], 73, "nowhere"),
        (["in.mp4", "--alpha", "-", "--json"], 2, "both want standard output"),
        (["in.mp4", "--record", "o.mp4", "--subject", "circle=3"], 2, "'circle=3' is none of"),
        (["in.mp4", "--record", "o.mp4", "--not", "point=1,1", "--tui"], 2, "--not: needs --subject"),
        (["in.mp4", "--record", "o.mp4", "--subjects", "none.json"], 2, "none.json: No such file"),
        (["in.mp4", "--record", "o.mp4", "--subject", "point=900,10"], 2, "outside of the picture, which is 160x96"),
        (["in.mp4", "--record", "{subject}.mp4", "--subject", "auto"], 2, "{subject} is for renders"),
        (["in.mp4", "--record", "o.mp4", "-t", "1", "--subject", "2:auto"], 2, "the session ends after 1 s"),
    ],
)
def test_what_cannot_be_is_one_line_and_a_code(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=3)
    ran = run(*arguments, cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    errors = [line for line in ran.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1 and words in errors[0] and "Traceback" not in ran.stderr


@pytest.mark.skipif(any(Path("/dev").glob("video*")), reason="there is a camera")
def test_without_a_camera_it_says_so(tmp_path: Path) -> None:
    ran = run("--record", "o.mp4", cwd=tmp_path)
    assert ran.returncode == 66 and "no camera found" in ran.stderr
    assert run("--list", cwd=tmp_path).returncode == 0


def test_cameras_are_listed_with_what_they_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    cameras = [(str(clip), "the first"), (str(tmp_path / "none"), "the second")]
    monkeypatch.setattr("birefnet_video.devices.camera.list_cameras", lambda: cameras)
    assert webcam(list_cameras=True) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{clip}  the first  160x96, 25 fps, yuv420p"
    assert second.startswith(f"{tmp_path / 'none'}  the second") and "no such camera" in second


def test_a_clip_stands_in_for_a_camera_until_ctrl_c(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=1500)
    process = subprocess.Popen(
        [*PROGRAM, "in.mp4", "--record", "o.mp4", "--json", "--engine", "eager", "--size", "64"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    assert line["state"] == "live" and line["size"] == [64, 64]
    while line["shown"] < 10:
        line = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    last = json.loads(rest.splitlines()[-1])
    assert last["state"] == "ended" and last["shown"] + last["dropped"] in (last["taken"], last["taken"] - 1)
    assert len(read_times(tmp_path / "o.mp4")) == last["shown"]


@pytest.mark.parametrize(("prompt", "code", "finding"), [("point=30%,58%", 0, None), ("point=50%,2%", 5, "lost")])
def test_one_of_two_is_kept(tmp_path: Path, prompt: str, code: int, finding: str | None) -> None:
    write_beginning("mirror", tmp_path / "in.mkv", 25)
    options = ["--background", "green", "--engine", "eager", "--strict-subject", "--json"]
    ran = run("in.mkv", "--record", "me.mp4", "--subject", prompt, *options, cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["finding"] for line in lines if "event" in line] == ([finding] if finding else [])
    assert lines[-1]["subjects"] == {"subject": finding or "kept"}
    with av.open(str(tmp_path / "me.mp4")) as file:
        pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(int)
    # The subject stands on the left and is red, the other one on the right; the background is green.
    is_kept = pictures[..., 0] > pictures[..., 1]
    left, right = float(is_kept[:, :, :240].mean()), float(is_kept[:, :, 240:].mean())
    assert right < 0.002 and (left > 0.01) is (finding is None)


def test_a_session_of_its_own_says_who_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_clip(tmp_path / "in.mp4", frames=4)
    options = ["--engine", "eager", "--size", "64", "--strict-subject"]
    store = JobStore()
    request = asked("webcam", "in.mp4", "--record", "o.mp4", "--subject", "point=1,1", *options)
    record = store.add(request, folder=tmp_path, queued=False)
    ran = run_program("carry-out", record.id, folder=tmp_path)
    assert ran.returncode == 5 and "subject: 0.00 s: subject: lost: nothing is seen" in ran.stderr, ran.stderr
    assert store.find(record.id).exit_code == 5 and read_times(tmp_path / "o.mp4")


def test_a_session_ends_with_what_it_wrote(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=10)
    ran = run("in.mp4", "--record", "o.mp4", "-t", "0.2", "--engine", "eager", "--size", "64", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    first, *_, last = ran.stderr.splitlines()
    assert first == "opening in.mp4, loading the network tiny; Ctrl-C ends the session"
    assert "pictures in 0." in ran.stderr and "dropped" in ran.stderr and last == "wrote o.mp4: 0.0 MB"
    assert read_times(tmp_path / "o.mp4")


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_changes_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    teller = LiveTeller(stream)
    teller.tick(replace(LIVE, shown=0))
    teller.tick(LIVE)
    teller.tick(replace(LIVE, shown=901, latency_p50_s=1.25))
    teller.say("note: a network of 320x448 takes over")
    assert stream.getvalue() == (
        "live 0:52  14.8 fps, 41 ms late; 900 shown, 925 dropped"
        "\r\x1b[Klive 0:52  14.8 fps, 1250 ms late; 901 shown, 925 dropped"
        "\r\x1b[Knote: a network of 320x448 takes over\n"
    )
    monkeypatch.setenv("COLUMNS", "20")
    teller.tick(LIVE)
    assert stream.getvalue().endswith("\nlive 0:52  14.8 fps")
