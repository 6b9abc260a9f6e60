"""One render is told what to do by its id."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import make_clip
from served import Served
from specs import asked, live_request, render_request
from wait import until

from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.events import JobState
from birefnet_video.renders import orders as orders_module
from birefnet_video.renders.orders import Orders, exit_code_of
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.serving import refuse
from birefnet_video.renders.store import JobStore

QUICK = ["--engine", "eager", "--size", "64", "--smooth", "off", "--no-refine", "--decontaminate", "off", "-b", "1"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return JobStore()


@pytest.fixture
def served(store: JobStore, tmp_path: Path) -> Iterator[Served]:
    """A render that runs in this process, in the list that the program knows."""
    each = Served(tmp_path)
    each.store = store
    each.record = store.add(render_request(each.clip, each.out), folder=tmp_path, queued=False)
    each.thread = threading.Thread(target=each.serve)
    each.thread.start()
    yield each
    each.job.cancel(keep=False)
    each.thread.join()


def ended(store: JobStore, state: RecordState, **fields: object) -> JobRecord:
    record = store.add(render_request("in.mp4", "out.mov"), folder=store.folder)
    return store.update(record.id, state=state, **fields)


def test_a_render_is_paused_goes_on_and_is_stopped(served: Served) -> None:
    until(lambda: served.job.snapshot().written > 5)
    name = served.record.id[:-2]
    assert asked("jobs", "pause", name) == 0 and served.job.snapshot().state is JobState.PAUSED
    assert asked("jobs", "resume", "last") == 0 and served.job.snapshot().state is JobState.RUNNING
    assert asked("jobs", "cancel", "last") == 0
    assert asked("jobs", "wait", "last") == 130
    assert served.out.with_name("out.partial.mov").is_file()


def test_whom_a_render_keeps_cannot_be_changed(served: Served) -> None:
    with pytest.raises(UsageError, match="is no camera"):
        asked("jobs", "subject", "last", "point=1,2")
    with pytest.raises(UsageError, match="is none of"):
        asked("jobs", "subject", "last", "circle=1")


def test_a_render_that_is_stopped_can_leave_nothing(served: Served) -> None:
    until(lambda: served.job.snapshot().written > 5)
    assert asked("jobs", "cancel", "last", "--discard") == 0
    assert asked("jobs", "wait", "last") == 130
    assert not list(served.out.parent.glob("out*"))


def test_a_render_that_waits_is_taken_out_of_the_queue(store: JobStore, tmp_path: Path) -> None:
    record = store.add(render_request("in.mp4", "out.mov"), folder=tmp_path)
    assert asked("jobs", "cancel", record.id) == 0
    assert store.find(record.id).state is RecordState.CANCELLED and asked("jobs", "wait", "last") == 130
    for verb in ("cancel", "pause", "resume"):
        with pytest.raises(UsageError, match="has ended: cancelled"):
            asked("jobs", verb, record.id)


def test_the_turn_of_a_render_that_is_held_passes_by(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[JobStore] = []
    monkeypatch.setattr(orders_module, "ensure_worker", begun.append)
    first, second = (store.add(render_request("in.mp4", f"{n}.mov"), folder=tmp_path) for n in "ab")
    assert asked("jobs", "pause", first.id) == 0 and asked("jobs", "list") == 0
    assert "  held  " in capsys.readouterr().out
    taken = store.take_next()
    assert taken is not None and taken.id == second.id
    assert not store.waits() and store.take_next() is None
    assert asked("jobs", "resume", first.id) == 0 and len(begun) == 1
    taken = store.take_next()
    assert taken is not None and taken.id == first.id


def test_a_camera_is_not_paused(store: JobStore, tmp_path: Path) -> None:
    store.add(live_request("cam", "me.mp4"), folder=tmp_path, queued=False)
    with pytest.raises(UsageError, match="is a camera"):
        asked("jobs", "pause", "last")


def test_the_exit_code_is_that_of_the_render(store: JobStore) -> None:
    class Full(BirefnetVideoError):
        exit_code = 73

    record = ended(store, RecordState.RUNNING)
    refuse(store, record.id, Full("no room"))
    assert exit_code_of(store.find(record.id)) == 73
    for state, code in ((RecordState.FINISHED, 0), (RecordState.CANCELLED, 130), (RecordState.FAILED, 1)):
        assert exit_code_of(ended(store, state)) == code
    assert exit_code_of(ended(store, RecordState.FINISHED, exit_code=5)) == 5


def test_whoever_waits_sees_the_end(store: JobStore) -> None:
    record, rests = ended(store, RecordState.RUNNING, pid=os.getpid()), []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            store.update(record.id, state=RecordState.FINISHED, exit_code=5)

    assert Orders(store, rest=rest).wait(record).exit_code == 5 and len(rests) == 3
    store.remove(record.id)
    with pytest.raises(UsageError, match="has been removed"):
        Orders(store, rest=rest).wait(record)


def test_a_log_is_followed_to_the_end(store: JobStore) -> None:
    record, rests = ended(store, RecordState.RUNNING, pid=os.getpid()), []
    log = store.log_path(record.id)
    assert list(Orders(store).log(record, follow=False)) == []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"line {len(rests)}\n")
        if len(rests) == 3:
            store.update(record.id, state=RecordState.FINISHED)

    assert list(Orders(store, rest=rest).log(record, follow=True)) == ["line 1\n", "line 2\n", "line 3\n"]
    assert list(Orders(store).log(record, follow=False)) == ["line 1\nline 2\nline 3\n"]


def test_a_render_that_never_answers_is_given_up(store: JobStore) -> None:
    record, rests = ended(store, RecordState.RUNNING, pid=os.getpid(), address="nowhere"), []
    with pytest.raises(UsageError, match="does not resume"):
        Orders(store, rest=rests.append).resume(record)
    assert sum(rests) == orders_module._PATIENCE_S


def test_the_same_is_asked_for_once_more(store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[JobStore] = []
    monkeypatch.setattr(orders_module, "ensure_worker", begun.append)
    record = store.add(render_request("in.mp4", "out.mov"), folder=tmp_path)
    with pytest.raises(UsageError, match="has not ended"):
        asked("jobs", "retry", "last")
    store.withdraw(record.id)
    assert asked("jobs", "retry", record.id) == 0
    first, second = store.records()
    assert first.state is RecordState.CANCELLED and second.state is RecordState.WAITING and second.queued
    assert second.asked() == first.asked() and second.folder == first.folder and len(begun) == 1
    (tmp_path / "out.mov").touch()
    with pytest.raises(OutputRefused, match=r"out\.mov: exists already"):
        asked("jobs", "retry", first.id)
    assert asked("jobs", "retry", first.id, "-y") == 0
    assert store.find("last").overwrites and len(store.records()) == 3


def test_numbered_outputs_are_there_if_one_of_them_is(store: JobStore, tmp_path: Path) -> None:
    record = store.add(render_request("in.mp4", "out_%04d.png"), folder=tmp_path)
    store.withdraw(record.id)
    (tmp_path / "out_0007.png").touch()
    with pytest.raises(OutputRefused, match=r"out_%04d\.png: exists already"):
        asked("jobs", "retry", record.id)


def test_ids_may_be_short_as_long_as_they_mean_one(store: JobStore, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="there is no render"):
        asked("jobs", "wait", "last")
    old, new = (ended(store, RecordState.FINISHED, created_at=float(at)) for at in (2, 1))
    assert store.find("last").id == old.id
    with pytest.raises(UsageError, match="2 renders have an id that begins so"):
        asked("jobs", "log", old.id[:2])
    assert asked("jobs", "forget", new.id) == 0 and [each.id for each in store.records()] == [old.id]
    assert asked("jobs", "list") == 0 and old.id in capsys.readouterr().out


@pytest.mark.slow
def test_a_script_queues_waits_and_reads(store: JobStore, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=4)
    (tmp_path / "bad.mp4").write_bytes(b"no video")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "birefnet_video", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert run("in.mp4", "bad.mp4", "--mask", "{stem}.mkv", "--queue", *QUICK).returncode == 0
    good, bad = store.records()
    assert run("jobs", "wait", bad.id).returncode == 65
    assert run("jobs", "wait", good.id).returncode == 0
    assert "wrote in.mkv: 4 frames" in run("jobs", "log", "-f", good.id).stdout
    assert "bad.mp4: is not a video file" in run("jobs", "log", "last").stdout
