"""``--look`` as its users run it: pictures of a few frames, and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_clip
from specs import asked
from stubs import open_stub
from wait import until

from birefnet_video import cli
from birefnet_video.commands.look import clock_of, draw, picture_path
from birefnet_video.errors import UsageError
from birefnet_video.pictures.files import read_rgb
from birefnet_video.pipeline import look as look_module
from birefnet_video.pipeline.look import LookedAt

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program in a folder with ``in.mp4``, with a network that needs no torch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("birefnet_video.commands.look.exit_on_signals", lambda: None)
    make_clip(tmp_path / "in.mp4", with_sound=True)
    frames = look_module.Looking.frames
    monkeypatch.setattr(look_module.Looking, "frames", lambda looking, times: frames(looking, times, open_stub()))

    def called(*arguments: str) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--no-config"])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out.splitlines(), said.err

    return called


def test_a_picture_and_a_line_for_each_time(run: Run) -> None:
    code, lines, _ = run("in.mp4", "--look", "0.4,50%")
    assert code == 0
    names = ["in.look-00-00-00.400.png", "in.look-00-00-00.480.png"]
    for line, name in zip(lines, names, strict=True):
        assert line.startswith(f"{name}: frame at 00:00:00.") and "subject " in line and "soft edge " in line
    assert sorted(path.name for path in Path().iterdir()) == [*names, "in.mp4"]
    assert read_rgb(Path(names[0])).shape == (3 * 34 + 2 * 288 + 12, 3 * 480 + 4 * 12, 3)


def test_pictures_lie_beside_the_first_output_and_no_output_is_written(run: Run) -> None:
    Path("out").mkdir()
    code, _, _ = run("in.mp4", "--mask", "out/m.mkv", "--composite", "c.mp4", "--background", "blur", "--look", "0")
    assert code == 0
    assert [path.name for path in Path("out").iterdir()] == ["in.look-00-00-00.000.png"]
    assert sorted(path.name for path in Path().iterdir()) == ["in.mp4", "out"]


def test_outputs_that_exist_are_no_hindrance_and_pictures_that_exist_are_kept(run: Run) -> None:
    Path("a.mov").write_bytes(b"mine")
    assert run("in.mp4", "--alpha", "a.mov", "--look", "0.4")[0] == 0
    picture = Path("in.look-00-00-00.400.png")
    picture.write_bytes(b"mine too")
    code, lines, said = run("in.mp4", "--alpha", "a.mov", "--look", "0,0.4")
    assert code == 73 and lines == []
    assert said.splitlines()[-1] == f"birefnet-video: error: {picture}: exists already (-y overwrites it)"
    assert picture.read_bytes() == b"mine too" and not Path("in.look-00-00-00.000.png").exists()
    assert run("in.mp4", "--alpha", "a.mov", "--look", "0.4", "-y")[0] == 0
    assert picture.read_bytes()[:4] == b"\x89PNG" and Path("a.mov").read_bytes() == b"mine"


def test_json_is_an_object_a_frame_and_a_result(run: Run) -> None:
    code, lines, _ = run("in.mp4", "--look", "0.41", "--json")
    *_, looked, result = map(json.loads, lines)
    assert code == 0 and looked["event"] == "look" and looked["path"] == "in.look-00-00-00.410.png"
    assert (looked["asked"], looked["time"]) == (0.41, 0.4) and 0 < looked["subject"] < 1 and 0 <= looked["soft"] <= 1
    assert result["event"] == "finished" and result["outputs"] == [looked["path"]] and result["frames"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--look", "9"], 2, "9 s is not rendered: in.mp4 is from 0.00 s on to 0.96 s"),
        (["--look", "soon"], 2, "--look: 'soon' is no time"),
        (["--look", "0.4001,0.4002"], 2, "two of the times make in.look-00-00-00.400.png"),
        (["--look", "0", "--alpha", "nowhere/a.mov"], 73, "the folder nowhere does not exist"),
        (["--look", "0", "--dry-run"], 2, "--look renders frames"),
        (["--look", "0", "--detach"], 2, "--look and --estimate are done here"),
        (["--look", "0", "--composite", "c.mp4", "--background", "gone.png"], 66, "gone.png"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_a_line(run: Run, arguments: list[str], code: int, words: str) -> None:
    ended, lines, said = run("in.mp4", *arguments)
    assert (ended, lines) == (code, []) and words in said.splitlines()[-1]
    assert [path.name for path in Path().iterdir()] == ["in.mp4"]


def test_a_pipe_cannot_be_looked_at(run: Run) -> None:
    code, _, said = run("-", "--alpha", "a.mov", "--look", "0")
    assert code == 2 and "standard input is read only once" in said


def test_the_part_that_is_enlarged_has_an_edge_and_not_a_haze() -> None:
    alpha = np.zeros((1000, 1600), np.float32)
    alpha[:, :800] = np.linspace(0.3, 0.7, 800, dtype=np.float32)
    alpha[700:900, 1300:1500] = cv2.GaussianBlur(np.pad(np.ones((180, 180), np.float32), 10), (9, 9), 2)
    source = np.zeros((1000, 1600, 3), np.uint8)
    source[600:, 1200:] = 200
    looked = LookedAt(
        asked_s=Fraction(0), time_s=Fraction(0), source=source, alpha=alpha, result=np.zeros((1000, 1600, 4), np.uint8)
    )
    sheet = draw(looked, "")
    # The first pane of the lower row, of 500 lines and 800 columns.
    assert sheet[3 * 34 + 500 : -12, 12:812].mean() > 199


def test_names_are_those_of_the_time_that_was_asked_for(tmp_path: Path) -> None:
    assert clock_of(Fraction("3723.9999")) == "01:02:03.999"
    name = "shot.look-00-01-02.500.png"
    assert picture_path(Path("d/shot_%04d.png"), [Path("-")], Fraction(125, 2)) == Path("d") / name
    assert picture_path(Path("d/shot.mp4"), [tmp_path / "new" / "a_%05d.png"], Fraction(125, 2)) == tmp_path / name
    assert picture_path(Path("d/shot.mp4"), [Path("-"), tmp_path / "m.mkv"], Fraction(125, 2)) == tmp_path / name


def test_the_option_survives_its_own_command_line() -> None:
    request = asked("in.mp4", "--look", "50%,1:02.5")
    assert asked(*request.arguments) == request and request.run.look == "50%,1:02.5"
    with pytest.raises(UsageError, match="--dry-run"):
        asked("in.mp4", "--look", "1", "--estimate")


def test_an_interrupted_look_leaves_whole_pictures_only(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=400)
    program = [sys.executable, "-m", "birefnet_video", "in.mp4", "--look", "auto:100", "--engine", "eager"]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: [path for path in tmp_path.glob("in.look-*.png") if ".partial" not in path.name])
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130 and "Traceback" not in said
    pictures = sorted(tmp_path.glob("*.png"))
    assert 0 < len(pictures) < 100 and not [path for path in pictures if ".partial" in path.name]
    assert read_rgb(pictures[-1]).ndim == 3
