"""Renders apart from who starts them, through the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ready
from clips import make_clip, read_times
from specs import asked, render_request
from wait import until

from birefnet_video.renders.process import ensure_worker, launch
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import Watcher

PROGRAM = [sys.executable, "-m", "birefnet_video"]
#: As little work as a network allows.
QUICK = ["--engine", "eager", "--size", "64", "--smooth", "off", "--no-refine", "--decontaminate", "off"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return JobStore()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return ready.run(*arguments, folder=cwd)


def test_a_detached_render_finishes_and_is_listed(store: JobStore, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=12)
    # What lies beside a clip is no module of ours.
    (tmp_path / "platformdirs.py").write_text("raise SystemExit('hijacked')")
    (tmp_path / "queue.py").write_text("raise SystemExit('hijacked')")
    ran = subprocess.run(
        [PROGRAM[0], "-P", *PROGRAM[1:], "in.mp4", "--alpha", "out.mov", "--detach=true", *QUICK],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    (record,) = store.records()
    assert record.id in ran.stderr and record.command.startswith("birefnet-video in.mp4 --alpha out.mov ")
    until(lambda: store.records()[0].state.is_over)
    (record,) = store.records()
    assert record.state is RecordState.FINISHED, store.log_path(record.id).read_text()
    assert len(read_times(tmp_path / "out.mov")) == 12 and (tmp_path / "out.run.json").is_file()
    (tmp_path / "platformdirs.py").unlink()
    (tmp_path / "queue.py").unlink()
    listed = json.loads(run("jobs", "--json", cwd=tmp_path).stdout)
    assert listed["id"] == record.id and listed["state"] == "finished" and "key" not in listed
    assert "in.mp4 -> out.mov" in run("jobs", cwd=tmp_path).stdout
    assert run("jobs", "--forget", record.id, cwd=tmp_path).returncode == 0
    assert store.records() == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.mp4", "--detach"], 66, "no such file"),
        (["in.mp4", "--alpha", "-", "--detach"], 2, "pipes"),
        (["in.mp4", "--tui"], 2, "needs a terminal"),
        (["tui"], 2, "needs a terminal"),
        (["attach"], 2, "needs a terminal"),
        (["jobs", "--forget", "x"], 2, "x: 0 renders"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    store: JobStore, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    make_clip(tmp_path / "in.mp4", frames=2)
    ran = run(*arguments, cwd=tmp_path)
    assert ran.returncode == code and words in ran.stderr and "Traceback" not in ran.stderr
    assert store.records() == []


def start(store: JobStore, folder: Path, *, frames: int, queued: bool = False, name: str = "out") -> JobRecord:
    clip = make_clip(folder / f"{name}.mp4", frames=frames)
    request = asked(str(clip), "--mask", str(folder / f"{name}.mkv"), *QUICK)
    return store.add(request, folder=folder, queued=queued)


def test_a_killed_render_has_failed_and_leaves_its_part(store: JobStore, tmp_path: Path) -> None:
    record = launch(store, start(store, tmp_path, frames=1400))
    watcher = Watcher(store, record)
    until(lambda: watcher.view.snapshot.written > 100)
    assert record.pid is not None
    os.kill(record.pid, signal.SIGKILL)
    until(lambda: watcher.view.is_over)
    assert watcher.view.record.state is RecordState.FAILED
    assert "killed" in str(watcher.view.record.error)
    assert len(read_times(tmp_path / "out.partial.mkv")) > 10
    watcher.close()


def test_the_queue_goes_on_after_a_render_that_fails(store: JobStore, tmp_path: Path) -> None:
    bad = start(store, tmp_path, frames=2, queued=True, name="bad")
    Path(bad.source).write_bytes(b"no video")
    # Refused before there is a job.
    worse = store.add(render_request("x.mp4", "x.mov"), folder=tmp_path)
    good = start(store, tmp_path, frames=4, queued=True, name="good")
    ensure_worker(store)
    ensure_worker(store)
    until(lambda: all(record.state.is_over and record.ended_at for record in store.records()))
    by_id = {record.id: record for record in store.records()}
    assert by_id[bad.id].state is RecordState.FAILED and "bad.mp4" in str(by_id[bad.id].error)
    assert by_id[worse.id].state is RecordState.FAILED and "no such file" in str(by_id[worse.id].error)
    assert by_id[good.id].state is RecordState.FINISHED
    assert len(read_times(tmp_path / "good.mkv")) == 4
