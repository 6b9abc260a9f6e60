"""``birefnet-video bench``."""

import json
from pathlib import Path

import pytest
from clips import make_clip

from birefnet_video import bench as benching
from birefnet_video.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4")


def test_parts_and_whole_are_measured(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(tmp_path.iterdir())
    code = run("bench", clip, "--engine", "eager,tensorrt", "--size", "96x64", "--device", "cpu", "--json")
    assert code == 0
    record = json.loads(capsys.readouterr().out)
    measured, refused = record["rows"]
    assert record["output"] == "green" and record["machine"]["cores"] >= 1
    assert "eager on cpu" in measured["plan"] and measured["error"] is None and measured["frames"] == 24
    rates = [measured[f"{part}_fps"] for part in ("decode", "model", "encode")]
    assert min(rates) > 0 and measured["end_to_end_fps"] > 0
    assert measured[f"{measured['slowest']}_fps"] == min(rates)
    assert measured["share"] == pytest.approx(measured["end_to_end_fps"] / min(rates))
    assert measured["cpu_s"] > 0 and measured["cpu_parts_s"] > 0 and measured["memory_mb"] > 50
    assert "does not run on cpu" in refused["error"]
    assert sorted(tmp_path.iterdir()) == before


def test_the_table_names_what_was_measured_and_what_would_be_faster(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        benching, "encoded_on_cpu", lambda limit, spec, backend, info: f"{limit} to {spec.outputs[0].path}"
    )
    options = ("--engine", "eager", "--size", "96x64", "--output", "mask", "--frames", "4", "--plain")
    assert run("bench", clip, *options) == 0
    table, said = capsys.readouterr()
    assert table.startswith("| plan | decode | model | encode | end to end | of the slowest |")
    assert "tiny at 96x64, eager on" in table
    (line,) = [line for line in said.splitlines() if line.endswith(" to out.mkv")]
    assert line.startswith("tiny at 96x64, eager on")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--engine", "warp"), 2, "--engine: 'warp' is none of"),
        (("--precision", "fp8"), 2, "--precision: 'fp8' is none of"),
        (("--output", "gif"), 2, "--output: 'gif' is none of alpha"),
        (("--frames", "0"), 2, "--frames: 0 is less than 1"),
    ],
)
def test_wrong_usage(
    clip: Path, arguments: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", clip, *arguments) == code
    assert message in capsys.readouterr().err


def test_a_missing_input(tmp_path: Path) -> None:
    assert run("bench", tmp_path / "none.mp4") == 66


def test_what_measures_nothing_has_failed(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", clip, "--engine", "tensorrt", "--device", "cpu") == 4
    assert "tensorrt" in capsys.readouterr().err
    assert run("bench", clip, "--calibration", tmp_path) == 2
    assert "goes with --precision int8" in capsys.readouterr().err
    assert run("bench", clip, "--precision", "fp32,int8", "--calibration", tmp_path / "none") == 66
    assert run("bench", clip, "-b", "some") == 2
