"""Records of renders: written whole, in order, readable by any number of programs."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from specs import live_request, render_request

from birefnet_video.errors import UsageError
from birefnet_video.renders.record import JobRecord, RecordState
from birefnet_video.renders.store import JobStore


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def add(store: JobStore, name: str = "a.mp4", **options: bool) -> JobRecord:
    return store.add(render_request(name, f"{name}.mov"), folder=Path("/x"), **options)


def test_a_record_survives_its_file(store: JobStore) -> None:
    record = add(store, "with space.mp4")
    assert JobRecord.from_json(record.to_json()) == record
    assert JobStore(store.folder).records() == [record]
    assert record.command == "birefnet-video 'with space.mp4' --alpha 'with space.mp4.mov'"
    assert store.folder.stat().st_mode & 0o077 == 0


def test_what_is_no_record_is_left_alone(store: JobStore) -> None:
    record = add(store)
    for name, text in (("b", "{"), ("c", "[]"), ("d", '{"schema": 99}'), ("e", '{"schema": 1, "id": "e"}')):
        (store.folder / f"{name}.json").write_text(text)
    assert store.records() == [record]


def test_the_queue_is_first_in_first_out_and_can_be_changed(store: JobStore) -> None:
    first, second, third = (add(store, name) for name in "abc")
    add(store, "not queued", queued=False)
    store.move(third.id, -2)
    store.move(first.id, 5)
    assert [record.source for record in store.records()] == ["c", "b", "not queued", "a"]
    store.remove(second.id)
    taken = [store.take_next() for _ in range(3)]
    assert [record and record.source for record in taken] == ["c", "a", None]
    assert all(record.state is RecordState.RUNNING for record in taken if record)


def test_one_render_is_taken_by_one_worker(store: JobStore) -> None:
    for index in range(20):
        add(store, str(index))
    taken: list[str] = []

    def work() -> None:
        while (record := store.take_next()) is not None:
            taken.append(record.source)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(index) for index in range(20)]


def test_a_render_whose_process_is_gone_has_failed(store: JobStore) -> None:
    record = store.update(add(store).id, state=RecordState.RUNNING, pid=os.getpid())
    assert store.records() == [record]
    # Another process of that number.
    store.update(record.id, pid_started_at=1.0)
    (gone,) = store.records()
    assert gone.state is RecordState.FAILED and "without a word" in str(gone.error)
    again = store.retry(record.id)
    assert again.state is RecordState.WAITING and again.pid is None and again.error is None


def test_finding_by_the_beginning_of_an_id(store: JobStore) -> None:
    with pytest.raises(UsageError, match="no render"):
        store.find(None)
    first, second = add(store), add(store)
    assert store.find(None) == second
    store.update(first.id, state=RecordState.RUNNING, pid=os.getpid())
    assert store.find(None).id == first.id
    assert store.find(second.id) == second
    with pytest.raises(UsageError, match=f"2 renders.*{first.id}"):
        store.find(first.id[:2])
    with pytest.raises(UsageError, match="is running"):
        store.remove(first.id)
    store.remove(second.id)
    with pytest.raises(UsageError, match="has been removed"):
        store.update(second.id, error="late")


def test_only_what_has_ended_is_put_back(store: JobStore) -> None:
    record = store.update(add(store).id, state=RecordState.RUNNING, pid=os.getpid())
    with pytest.raises(UsageError, match="has not ended"):
        store.retry(record.id)
    store.update(record.id, state=RecordState.FINISHED)
    # Its outputs are there.
    again = store.retry(record.id, overwrite=True)
    assert again.overwrites and again.command.endswith(" --overwrite") and again.asked().spec.writing.overwrite
    # Its process unloads still, and is waited for by the worker.
    store.settle(record.id, os.getpid(), error="vanished")
    assert store.find(record.id).state is RecordState.WAITING
    assert store.withdraw(record.id) and not store.withdraw(record.id)
    assert store.find(record.id).state is RecordState.CANCELLED


def test_renders_of_one_moment_keep_their_order(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.renders.store.time.time", lambda: 1.8e9)
    added = [add(store).id for _ in range(20)]
    assert [record.id for record in store.records()] == added


def test_a_live_session_is_put_back_as_one(store: JobStore) -> None:
    assert add(store, "-- odd").command.startswith("birefnet-video './-- odd' ")
    live = store.add(live_request("x", "o.mp4"), folder=Path("/x"))
    store.update(live.id, state=RecordState.FINISHED)
    again = store.retry(live.id, overwrite=True)
    assert again.is_live and again.command == "birefnet-video webcam x --record o.mp4 --overwrite"
    assert store.get(live.id) == again
    store.remove(live.id)
    assert store.get(live.id) is None


def test_what_was_never_started_has_failed(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, queued=False)
    store.update(add(store).id, state=RecordState.RUNNING, started_at=time.time())
    assert [record.state for record in store.records()] == [RecordState.WAITING, RecordState.RUNNING]
    later = time.time() + 100
    monkeypatch.setattr("birefnet_video.renders.store.time.time", lambda: later)
    assert [record.state for record in store.records()] == [RecordState.FAILED, RecordState.FAILED]


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        JobStore(tmp_path / "file" / "jobs")


def test_a_killed_writer_leaves_no_half_record(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record = add(store)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        store.update(record.id, error="x" * 1000)
    assert json.loads((store.folder / f"{record.id}.json").read_text())["error"] is None
    assert store.records() == [record]
