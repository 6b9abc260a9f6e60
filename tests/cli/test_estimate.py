"""``--estimate`` as its users run it: the plan, what the render would take, and nothing written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import make_clip
from stubs import open_stub

from birefnet_video import cli, estimate

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program in a folder with ``in.mp4``, with a network that needs no torch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("birefnet_video.commands.estimate.exit_on_signals", lambda: None)
    make_clip(tmp_path / "in.mp4", frames=150, with_sound=True)
    real = estimate.estimate
    monkeypatch.setattr(estimate, "estimate", lambda plan, notify: real(plan, notify, open_stub()))

    def called(*arguments: str) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--no-config"])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out.splitlines(), said.err

    return called


@pytest.mark.parametrize("flags", [["--estimate"], ["--dry-run", "--estimate"]])
def test_it_says_the_plan_and_what_to_expect_and_writes_nothing(run: Run, flags: list[str]) -> None:
    code, lines, _ = run("in.mp4", "--alpha", "a.mov", "--mask", "m.mkv", *flags)
    assert code == 0
    assert [line.split()[0] for line in lines] == ["read", "matte", "write", "write", "time", "size", "size", "memory"]
    took, alpha, mask = lines[4:7]
    assert took.startswith("time    about 00:00:") and "on 72 frames of it" in took
    assert alpha.startswith("size    a.mov: about ") and mask.startswith("size    m.mkv: about ")
    assert [path.name for path in Path().iterdir()] == ["in.mp4"]


def test_json_is_the_plan_and_then_the_estimate(run: Run) -> None:
    code, lines, _ = run("in.mp4", "--mask", "m.mkv", "--estimate", "--json")
    plan, *steps, found = map(json.loads, lines)
    assert code == 0 and plan["version"] == 1 and {step["event"] for step in steps} == {"step"}
    assert found["event"] == "estimate" and (found["frames"], found["measured"]) == (150, 72)
    about, least, most = found["seconds"]
    assert 0 < least <= about <= most
    (output,) = found["outputs"]
    assert output["path"] == "m.mkv" and output["bytes"][1] < output["bytes"][0] < output["bytes"][2]


def test_a_disk_that_is_too_full_is_said_before_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "room_left", lambda path: 1000)
    code, _, said = run("in.mp4", "--alpha", "a.mov", "--estimate")
    assert code == 0 and "note: a.mov: may need " in said and "1 kB are free there" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.mp4", "--alpha", "-", "--estimate"], "not standard output"),
        (["-", "--alpha", "a.mov", "--estimate"], "standard input is read only once"),
        (["in.mp4", "--estimate", "--tui"], "are done here and at once"),
        (["in.mp4", "--estimate", "--look", "1"], "--look renders frames"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(run: Run, arguments: list[str], words: str) -> None:
    code, _, said = run(*arguments)
    assert code == 2 and words in said.splitlines()[-1]


def test_an_output_that_exists_is_refused_before_any_work(run: Run) -> None:
    Path("a.mov").write_bytes(b"mine")
    code, lines, said = run("in.mp4", "--alpha", "a.mov", "--estimate")
    assert code == 73 and lines == [] and "exists already" in said
