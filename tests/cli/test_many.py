"""Many inputs in one call: as many calls would do, with the network loaded once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import decode_alpha, make_clip
from PIL import Image
from specs import asked
from stubs import open_stub
from wait import until

from birefnet_video import execute as execute_module
from birefnet_video.backends import registry
from birefnet_video.errors import BirefnetVideoError, InputMissing, OutputRefused, UsageError
from birefnet_video.execute import execute
from birefnet_video.many import planning, queueing, running
from birefnet_video.many.folders import videos_of
from birefnet_video.many.names import filled, values_of
from birefnet_video.many.request import ManyRequest
from birefnet_video.many.telling import LineTeller
from birefnet_video.options.request import RenderRequest
from birefnet_video.pipeline.shared_network import SharedNetwork
from birefnet_video.renders.store import JobStore

QUICK = ["--engine", "eager", "--size", "96", "--smooth", "off", "-b", "1"]
PROGRAM = [sys.executable, "-m", "birefnet_video"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a call is made."""
    monkeypatch.chdir(tmp_path)
    # Signals stay pytest's.
    monkeypatch.setattr(running, "stop_on_signals", lambda stop: [])
    monkeypatch.setattr(execute_module, "stop_on_signals", lambda stop: [])
    return tmp_path


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that needs no torch."""
    monkeypatch.setattr(running, "SharedNetwork", lambda: SharedNetwork(open_stub()))


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def planned(*arguments: str) -> dict[str, list[str]]:
    """The outputs that a command line would write, by input."""
    request = asked(*arguments)
    assert isinstance(request, ManyRequest)
    renders = planning.plan_all(request).requests
    return {render.source: [*render.outputs] for render in renders}


def test_ten_clips_load_the_network_once_and_come_out_as_of_ten_calls(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[str] = []
    load = registry.load_network

    def counted(model: str, *where: Any) -> Any:
        loads.append(model)
        return load(model, *where)

    monkeypatch.setattr(registry, "load_network", counted)
    names = [f"clip{number}.mp4" for number in range(10)]
    for number, name in enumerate(names):
        make_clip(folder / name, frames=2 + number % 3, size=(96, 160) if number % 2 else (160, 96))
    assert execute(asked(*names, "--alpha", "many_{stem}.mkv", *QUICK)) == 0
    assert loads == ["tiny"]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("[1/10] clip0.mp4 -> many_clip0.mkv: 2 frames")
    assert len(said) == 11 and said[-1] == "10 inputs: 10 delivered"
    for name in names:
        single = f"one_{name.removesuffix('.mp4')}.mkv"
        assert execute(asked(name, "--alpha", single, *QUICK)) == 0
        alone, among = decode_alpha(Path(single)), decode_alpha(Path(single.replace("one", "many")))
        assert np.array_equal(alone, among) and alone.max() > 0
    assert len(loads) == 11


def test_a_broken_one_in_the_middle_keeps_nobody_from_their_turn(
    folder: Path, stub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "c.mp4"):
        make_clip(folder / name, frames=3)
    touch("b.mp4")
    assert execute(asked("a.mp4", "b.mp4", "c.mp4", "--out-dir", "out")) == 5
    said = capsys.readouterr().err
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.alpha.mov", "c.alpha.mov"]
    assert "[2/3] b.mp4: error: is not a video file" in said
    assert said.splitlines()[-2] == "3 inputs: 2 delivered, 1 failed"
    assert said.splitlines()[-1].startswith("  b.mp4: is not a video file")


def test_damage_is_counted_and_everything_of_it_is_told(
    folder: Path, stub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(folder / "whole.mp4", frames=40)
    (folder / "cut.mkv").write_bytes(make_clip(folder / "x.mkv", frames=40).read_bytes()[:-3000])
    assert execute(asked("whole.mp4", "cut.mkv", "--out-dir", "out", "-q")) == 5
    said = capsys.readouterr().err
    assert "[2/2] cut.mkv -> out/cut.alpha.mov" in said and "damaged: " in said
    assert "2 inputs: 2 delivered, 1 of them damaged" in said and "whole.mp4" not in said


def test_if_nothing_comes_of_any_the_exit_code_says_why(folder: Path, stub: None) -> None:
    touch("a.mp4", "b.mp4")
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "out")) == 65


def test_json_has_the_input_in_every_object_and_counts_at_the_end(
    folder: Path, stub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(folder / "a.mp4", frames=3)
    touch("b.mp4", "out/c.alpha.mov", "c.mp4")
    assert execute(asked("a.mp4", "b.mp4", "c.mp4", "--out-dir", "out", "--skip-existing", "--json")) == 5
    *events, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["input"] for event in events} == {"a.mp4", "b.mp4", "c.mp4"}
    ends = {event["input"]: event["event"] for event in events}
    assert ends == {"a.mp4": "finished", "b.mp4": "failed", "c.mp4": "skipped"}
    (failure,) = last.pop("failures")
    assert failure["input"] == "b.mp4" and failure["exit_code"] == 65 and "not a video" in failure["message"]
    assert last == {
        "event": "summary", "exit_code": 5, "inputs": 3, "delivered": 1, "skipped": 1, "not_begun": 0,
    }  # fmt: skip


def test_a_dry_run_prints_all_plans_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(folder / "a.mp4", frames=3)
    make_clip(folder / "b.mp4", frames=3)
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "out/deep", "--dry-run")) == 0
    shown = capsys.readouterr()
    assert shown.out.count("write   out/deep/") == 2 and shown.err == "2 inputs: 2 planned\n"
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "out", "--dry-run", "--json")) == 0
    plans = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [plan["info"]["path"] for plan in plans[:-1]] == ["a.mp4", "b.mp4"] and plans[-1]["event"] == "summary"
    assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "b.mp4"]


def test_ctrl_c_stops_the_one_that_runs_and_begins_no_other(tmp_path: Path) -> None:
    for name, frames in (("a", 2), ("b", 3000), ("c", 2)):
        make_clip(tmp_path / f"{name}.mp4", frames=frames)
    command = [*PROGRAM, "a.mp4", "b.mp4", "c.mp4", "--mask", "{stem}.mkv", "--json", *QUICK]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        until(lambda: [path for path in tmp_path.glob("b.partial*") if path.stat().st_size > 10_000])
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate()
    last = json.loads(said.splitlines()[-1])
    assert running.returncode == 130 == last["exit_code"]
    assert last["delivered"] == 1 and last["not_begun"] == 1 and last["failures"] == []
    assert sorted(path.name for path in tmp_path.glob("*.mkv")) == ["a.mkv", "b.partial.mkv"]


def test_how_far_the_one_that_runs_is_can_be_shown(
    folder: Path, stub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(folder / "a.mp4", frames=3)
    touch("b.mp4")
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "out", "--progress", "rich", "-v")) == 5
    said = capsys.readouterr().err
    assert "[1/2] a.mp4 -> out/a.alpha.mov: 3 frames" in said and "Traceback" in said


def test_a_signal_between_two_begins_no_other(folder: Path, stub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_clip(folder / name, frames=2)
    received: list[int] = []
    monkeypatch.setattr(running, "stop_on_signals", lambda stop: received)
    monkeypatch.setattr(LineTeller, "end", lambda self, ended, job, place: received.append(signal.SIGTERM))
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "out")) == 143
    assert [path.name for path in (folder / "out").iterdir()] == ["a.alpha.mov"]


def test_names_have_fields(folder: Path) -> None:
    touch("day/in.mp4", "in.mov")
    values = values_of(Path("day/in.mp4"), 7)
    assert filled(Path("o/{parent}/{stem}.{suffix}_{kind}_{index:03}.mov"), "green", values) == Path(
        "o/day/in.mp4_green_007.mov"
    )
    assert filled(Path("{{stem}}.mov"), "alpha", values) == Path("{stem}.mov")
    assert (
        values_of(Path("shot_%04d.png"), 1)["stem"] == "shot" and values_of(Path("in.mov"), 1)["parent"] == folder.name
    )
    for wrong, message in (
        ("{stme}.mov", r"--mask \{stme\}.mov: \{stme\} is no field \(did you mean \{stem\}\? there are \{stem\}, "),
        ("{}.mov", r"\{\} is no field \(there are"),
        ("{stem", r"--mask \{stem: .+ \(there are \{stem\}"),
        ("{stem:d}.mov", r"--mask \{stem:d\}.mov: .+ \(there are"),
    ):
        with pytest.raises(UsageError, match=message):
            filled(Path(wrong), "mask", values)


def test_one_input_is_what_it_was(folder: Path) -> None:
    touch("in.mp4", "{in}.mp4")
    for arguments in (["in.mp4"], ["in.mp4", "--alpha", "{take}.mov"], ["{in}.mp4", "--alpha", "{in}.mov"]):
        assert isinstance(asked(*arguments), RenderRequest)
    # Of a pattern of the shell that only one file fits.
    assert planned("in.mp4", "--alpha", "{stem}.mov") == {"in.mp4": ["in.mov"]}


def test_outputs_are_named_by_fields_or_as_usual(folder: Path) -> None:
    touch("a.mp4", "d/b.mov")
    assert planned("a.mp4", "d/b.mov") == {"a.mp4": ["a.alpha.mov"], "d/b.mov": ["d/b.alpha.mov"]}
    both = planned("a.mp4", "d/b.mov", "--out-dir", "o", "--alpha", "{stem}.webm", "--green", "{kind}/{stem}.mp4")
    assert both == {"a.mp4": ["o/a.webm", "o/green/a.mp4"], "d/b.mov": ["o/b.webm", "o/green/b.mp4"]}
    assert planned("a.mp4", "d/b.mov", "--out-dir", "o")["d/b.mov"] == ["o/b.alpha.mov"]
    assert planned("a.mp4", "--out-dir", "o", "--alpha", f"{folder}/x.mov") == {"a.mp4": [f"{folder}/x.mov"]}


def test_a_folder_means_its_videos_and_never_results(folder: Path) -> None:
    touch(
        "d/a.mp4", "d/B.MOV", "d/a.alpha.mov", "d/b.partial.mov", "d/.c.mp4", "d/notes.txt", "d/e/f.mkv", "d/.g/h.mp4"
    )
    assert [path.name for path in videos_of(Path("d"))] == ["B.MOV", "a.mp4"]
    assert [str(path) for path in videos_of(Path("d"), recursive=True)] == ["d/B.MOV", "d/a.mp4", "d/e/f.mkv"]
    assert planned("d", "d/a.mp4", "--out-dir", "o") == {"d/B.MOV": ["o/B.alpha.mov"], "d/a.mp4": ["o/a.alpha.mov"]}


def test_a_tree_is_made_again_below_the_folder_of_outputs(folder: Path) -> None:
    touch("d/a.mp4", "d/e/a.mp4", "d/out/e/a.mov")
    found = planned("d", "--recursive", "--out-dir", "d/out")
    assert found == {"d/a.mp4": ["d/out/a.alpha.mov"], "d/e/a.mp4": ["d/out/e/a.alpha.mov"]}


def test_results_of_any_name_are_not_taken_for_inputs(folder: Path) -> None:
    touch("d/a.mp4")
    assert planned("d", "--alpha", "d/{stem}_cut.mov") == {"d/a.mp4": ["d/a_cut.mov"]}
    touch("d/a_cut.mov")
    with pytest.raises(OutputRefused, match=r"d/a_cut\.mov: exists already"):
        planned("d", "--alpha", "d/{stem}_cut.mov")
    again = planned("d", "--alpha", "d/{stem}_cut.mov", "-y")
    assert again == {"d/a.mp4": ["d/a_cut.mov"]}
    with pytest.raises(OutputRefused, match=r"d/a_cut\.mov: is an input, and the output of d/a\.mp4"):
        planned("d/a.mp4", "d/a_cut.mov", "--alpha", "d/{stem}_cut.mov", "-y")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["a.mp4", "b.mp4", "--alpha", "x.mov"], UsageError, "x.mov: is the output of a.mp4 and of b.mp4"),
        (["a.mp4", "a.mov"], UsageError, "a.alpha.mov: is the output of a.mp4 and of a.mov"),
        (["a.mp4", "b.mp4", "--alpha", "{stem}.mov", "--mask", "{stem}.mov"], UsageError, "more than one output"),
        (["a.mp4", "missing.mp4", "--out-dir", "o"], InputMissing, "missing.mp4: no such file"),
        (["a.mp4", "empty", "--out-dir", "o"], InputMissing, "empty: is a folder without a video"),
        (["shots", "--out-dir", "o"], InputMissing, "its pictures are shots/s%02d.png"),
        (["a.mp4", "c.mp4"], OutputRefused, "c.alpha.mov: exists already"),
        (["a.mp4", "b.mp4", "--alpha", "no/{stem}.mov"], OutputRefused, "the folder no does not exist"),
        (["a.mp4", "b.mp4", "--alpha", "{stem}.xyz"], OutputRefused, ".xyz"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_begins(
    arguments: list[str], error: type[BirefnetVideoError], message: str, folder: Path, stub: None
) -> None:
    touch("a.mp4", "a.mov", "b.mp4", "c.mp4", "c.alpha.mov", "empty/note.txt", "shots/s01.png")
    before = sorted(folder.rglob("*"))
    with pytest.raises(error) as caught:
        execute(asked(*arguments))
    assert message in str(caught.value) and sorted(folder.rglob("*")) == before


def test_what_is_there_is_left_as_it_is(folder: Path) -> None:
    touch("a.mp4", "b.mp4", "o/a.alpha.mov", "o/b.mkv", "o/p_00001.png")
    assert planned("a.mp4", "b.mp4", "--out-dir", "o", "--skip-existing") == {"b.mp4": ["o/b.alpha.mov"]}
    both = ["--alpha", "{stem}.alpha.mov", "--mask", "{stem}.mkv"]
    assert planned("a.mp4", "b.mp4", "--out-dir", "o", "--skip-existing", *both) == {
        "a.mp4": ["o/a.mkv"], "b.mp4": ["o/b.alpha.mov"],
    }  # fmt: skip
    assert planned("a.mp4", "--out-dir", "o", "--skip-existing", "--alpha", "p_%05d.png") == {}
    assert execute(asked("a.mp4", "--out-dir", "o", "--skip-existing")) == 0


def test_a_folder_for_outputs_that_cannot_be_made_is_refused(folder: Path, stub: None) -> None:
    make_clip(folder / "a.mp4", frames=2)
    touch("o")
    with pytest.raises(OutputRefused, match="o"):
        execute(asked("a.mp4", "--out-dir", "o"))
    with pytest.raises(OutputRefused, match="o"):
        execute(asked("a.mp4", "--out-dir", "o/p"))


def test_pictures_of_every_clip_get_a_folder(folder: Path, stub: None) -> None:
    make_clip(folder / "a.mp4", frames=2)
    Image.new("RGB", (32, 32)).save(folder / "shot_1.png")
    assert execute(asked("a.mp4", "shot_%d.png", "--out-dir", "o", "--alpha", "{stem}/{stem}_%02d.png")) == 0
    assert sorted(str(path.relative_to("o")) for path in Path("o").rglob("*.png")) == [
        "a/a_01.png", "a/a_02.png", "shot/shot_01.png",
    ]  # fmt: skip


@pytest.mark.parametrize("flag", ["--queue", "--detach"])
def test_all_are_put_into_the_queue(
    flag: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    begun: list[JobStore] = []
    monkeypatch.setattr(queueing, "ensure_worker", begun.append)
    touch("a.mp4", "b.mp4")
    assert execute(asked("a.mp4", "b.mp4", "--out-dir", "o", "--smooth", "off", flag)) == 0
    records = JobStore().records()
    assert [(each.source, each.outputs) for each in records] == [
        ("a.mp4", ("o/a.alpha.mov",)), ("b.mp4", ("o/b.alpha.mov",)),
    ]  # fmt: skip
    assert all(each.queued and each.folder == os.getcwd() for each in records) and len(begun) == 1  # noqa: PTH109
    assert "2 in the queue: birefnet-video jobs lists it" in capsys.readouterr().err
    # Each can be asked for again, one by one.
    for each in records:
        request = asked(*each.asked().arguments)
        assert request.spec == each.asked().spec and (folder / "o").is_dir()
