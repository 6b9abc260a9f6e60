"""docs/integrations.md: its examples are run out of the page, and its tables are what the program does."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clips import make_clip, read_times
from markdown import ROOT, Block, blocks_of, section
from PIL import Image
from program import QUICK, environment, run_here

from birefnet_video.errors import EXIT_CODES
from birefnet_video.events import JobSnapshot, JobState
from birefnet_video.json_lines import JsonReporter
from birefnet_video.many import queueing

PAGE = ROOT / "docs" / "integrations.md"
EXAMPLES = blocks_of(PAGE)
#: Objects of other commands than those of the page, and one that it names apart.
ELSEWHERE = {"pulled", "estimate"}


def example(language: str, words: str) -> str:
    """The one that holds some words."""
    (found,) = [block for block in EXAMPLES if block.language == language and words in block.text]
    return found.text


def ran(*command: str, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, env=environment(folder / "bin"), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def photo(path: Path) -> Path:
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(path)
    return path


def needs(program: str) -> str:
    """Where a program of somebody else's is."""
    return shutil.which(program) or pytest.skip(f"no {program} here")


@pytest.mark.slow
def test_make_renders_what_is_not_there_and_only_that(tmp_path: Path) -> None:
    make = needs("make")
    make_clip(tmp_path / "in.mp4", frames=3)
    photo(tmp_path / "photo.jpg")
    (tmp_path / "Makefile").write_text(example("make", "birefnet-video"), encoding="utf-8")
    ran(make, "in.alpha.mov", "photo.cut.png", folder=tmp_path)
    assert len(read_times(tmp_path / "in.alpha.mov")) == 3
    with Image.open(tmp_path / "photo.cut.png") as cut:
        assert cut.mode == "RGBA"
    assert "up to date" in ran(make, "in.alpha.mov", folder=tmp_path).stdout
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    assert "Error 65" in ran(make, "bad.alpha.mov", folder=tmp_path, code=2).stderr
    assert not (tmp_path / "bad.alpha.mov").exists()


@pytest.mark.slow
def test_a_watched_folder_is_sorted_by_exit_codes(tmp_path: Path) -> None:
    bash = needs("bash")
    (tmp_path / "in").mkdir()
    make_clip(tmp_path / "in" / "good one.mp4", frames=3)
    (tmp_path / "in" / "bad.mp4").write_bytes(b"no video")
    whole = make_clip(tmp_path / "whole.mkv", frames=30).read_bytes()
    (tmp_path / "in" / "cut.mov").write_bytes(whole[: len(whole) * 2 // 3])
    script = tmp_path / "cut.sh"
    script.write_text(example("bash", "shopt"), encoding="utf-8")
    ran(bash, str(script), folder=tmp_path)
    assert [path.name for path in (tmp_path / "done").iterdir()] == ["good one.mp4"]
    assert [path.name for path in (tmp_path / "damaged").iterdir()] == ["cut.mov"]
    assert [path.name for path in (tmp_path / "failed").iterdir()] == ["bad.mp4"]
    assert list((tmp_path / "in").iterdir()) == []
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good one.alpha.mov", "cut.alpha.mov"}


@pytest.mark.slow
def test_a_workflow_reads_the_last_line(tmp_path: Path) -> None:
    node, bash = needs("node"), needs("bash")
    make_clip(tmp_path / "in.mp4", frames=3)
    command, code = example("bash", "|| true"), example("js", "$json.stdout")
    for frames in (3, 0):
        if not frames:
            (tmp_path / "in.mp4").write_bytes(b"no video")
        (tmp_path / "code.js").write_text(
            f"const code = {json.dumps(code)};\nconst $json = {{stdout: require('fs').readFileSync(0, 'utf8')}};\n"
            "console.log(JSON.stringify(new Function('$json', code)($json)));\n",
            encoding="utf-8",
        )
        said = ran(bash, "-c", command, folder=tmp_path).stdout
        done = subprocess.run([node, str(tmp_path / "code.js")], input=said, capture_output=True, text=True)
        if frames:
            (item,) = json.loads(done.stdout)
            assert item["json"] == {"file": "out.mov", "frames": 3, "warnings": [], "damaged": False}
        else:
            assert done.returncode and "65: in.mp4: is not a video file" in done.stderr


@pytest.mark.slow
def test_a_python_program_calls_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "in.mp4", frames=6)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", environment(tmp_path / "bin")["PATH"])
    names: dict[str, Any] = {}
    exec(example("python", "def cut(source"), names)
    steps: list[tuple[int, int]] = []
    end = names["cut"]("in.mp4", "out.mov", lambda done, total: steps.append((done, total)))
    assert (end["exit_code"], end["frames"], end["outputs"]) == (0, 6, ["out.mov"])
    assert all(0 < done <= total == 6 for done, total in steps)
    with pytest.raises(RuntimeError, match=r"none\.mp4: no such file"):
        names["cut"]("none.mp4", "out.mov")


def test_a_node_gives_a_mask_for_every_picture() -> None:
    names: dict[str, Any] = {}
    exec(example("python", "NODE_CLASS_MAPPINGS"), names)
    node = names["NODE_CLASS_MAPPINGS"]["CutSubject"]()
    (mask,) = getattr(node, node.FUNCTION)(torch.rand(2, 48, 64, 3))
    assert mask.shape == (2, 48, 64) and mask.dtype == torch.float32 and 0 <= mask.min() <= mask.max() <= 1
    assert node.RETURN_TYPES == ("MASK",) and node.INPUT_TYPES() == {"required": {"image": ("IMAGE",)}}
    node.matting.close()


def test_the_exit_codes_are_all_of_them() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", section(PAGE, "Exit codes"), re.MULTILINE)
    assert [int(code) for row in rows for code in row.split(", ")] == [code for code, _ in EXIT_CODES]


def rows() -> list[tuple[set[str], set[str]]]:
    """Events of each row of the table, and the names that they have beside it."""
    found = []
    for line in section(PAGE, "JSON").splitlines():
        if line.startswith("| `"):
            events, _, names = line.strip("| ").split(" | ", 2)
            # What stands in brackets explains.
            found.append(
                (set(re.findall(r"`(\w+)`", events)), set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", names))))
            )
    return found


def test_every_event_of_the_program_has_a_row() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "birefnet_video").rglob("*.py"))
    known = set(re.findall(r'"event": "(\w+)"', sources)) - ELSEWHERE
    assert known and known <= {event for events, _ in rows() for event in events}


@pytest.mark.slow
def test_objects_have_the_names_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(queueing, "ensure_worker", lambda store: None)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    make_clip(Path("in.mp4"), frames=6)
    make_clip(Path("b.mp4"), frames=3)
    Path("bad.mp4").write_bytes(b"no video")
    photo(Path("p.jpg"))
    calls = [
        ("in.mp4 --mask m.mkv", 0),
        ("in.mp4 --mask m.mkv", 73),
        ("in.mp4 --maks m.mkv", 2),
        ("in.mp4 --look 50%", 0),
        ("in.mp4 b.mp4 bad.mp4 --out-dir out", 5),
        ("in.mp4 b.mp4 --out-dir out --skip-existing", 0),
        ("in.mp4 b.mp4 --out-dir plans --dry-run", 0),
        ("in.mp4 b.mp4 --out-dir later --queue", 0),
        ("image p.jpg none.jpg", 5),
        ("image none.jpg", 66),
    ]
    seen = set()
    for call, code in calls:
        assert run_here(*call.split(), "--json") == code, call
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert said[-1]["exit_code"] == code, call
        for record in said:
            if "event" not in record:
                assert "--dry-run" in call and record["version"] == 1
                continue
            event, names = record["event"], record.keys() - {"event"}
            seen.add(event)
            # With --dry-run the same count has another name; with many inputs the input is added.
            names = {"delivered" if name == "planned" else name for name in names}
            fitting = [row for events, row in rows() if event in events]
            assert names in fitting or names - {"input"} in fitting, (call, record)
    # How often progress is said depends on the machine.
    JsonReporter().on_tick(JobSnapshot(state=JobState.RUNNING, elapsed_s=1.0, written=1))
    progress = json.loads(capsys.readouterr().out)
    assert progress.keys() - {"event"} in [row for events, row in rows() if progress["event"] in events]
    assert seen >= {
        "step",
        "started",
        "look",
        "picture",
        "skipped",
        "queued",
        "summary",
        "finished",
        "failed",
        "partial",
    }


def test_each_language_has_its_example() -> None:
    def is_example(block: Block) -> bool:
        return block.language in ("make", "bash", "js", "python")

    assert all(is_example(block) for block in EXAMPLES)
    assert {block.language for block in EXAMPLES} == {"make", "bash", "js", "python"}
