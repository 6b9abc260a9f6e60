"""Threads around a render that die are told and begun anew."""

import threading
from pathlib import Path
from typing import Any

import pytest
from birefnet_video.tui.telemetry import Telemetry
from served import Served
from specs import render_request
from wait import until

from birefnet_video.events import JobState
from birefnet_video.renders import process as process_module
from birefnet_video.renders import serving
from birefnet_video.renders import watcher as watcher_module
from birefnet_video.renders.process import work
from birefnet_video.renders.record import RecordState, left_behind
from birefnet_video.renders.server import ServedJob
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.watcher import PictureWish, Watcher


def test_a_wish_that_is_withdrawn_meanwhile_freezes_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a dialog does that opens while a picture is on its way."""
    watcher = Watcher(served.store, served.record)
    usual = Watcher._get_picture
    asked = threading.Event()

    def get(self: Watcher, connection: Any, wish: PictureWish) -> None:
        self.want(None)
        usual(self, connection, wish)
        asked.set()

    monkeypatch.setattr(Watcher, "_get_picture", get)
    watcher.want(PictureWish(40, 40, every_s=0.01))
    assert asked.wait(30)
    before = watcher.view.snapshot.written
    until(lambda: watcher.view.snapshot.written > before)
    assert not any(line.level == "error" for line in watcher.view.lines)
    watcher.close()


def test_a_watch_that_dies_is_told_and_goes_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, failures = watcher_module.wire.snapshot_from_json, iter(range(2))

    def read(values: dict[str, Any]) -> Any:
        if next(failures, None) is not None:
            raise AttributeError("every_s")
        return usual(values)

    watcher = Watcher(served.store, served.record)
    until(lambda: watcher.view.snapshot.written > 0)
    monkeypatch.setattr(watcher_module.wire, "snapshot_from_json", read)
    until(lambda: sum("begun anew" in line.text for line in watcher.view.lines) == 2)
    before = watcher.view.snapshot.written
    until(lambda: watcher.view.snapshot.written > before)
    # Orders from before and after still arrive.
    watcher.pause()
    until(lambda: watcher.view.snapshot.state is JobState.PAUSED)
    watcher.resume()
    watcher.close()
    assert sum("begun anew" in line.text for line in watcher.view.lines) == 2


def test_a_server_that_cannot_answer_once_answers_the_next_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, failures = ServedJob.look, iter(range(1))

    def look(self: ServedJob, after: int) -> dict[str, Any]:
        if next(failures, None) is not None:
            raise RuntimeError("changed while it was read")
        return usual(self, after)

    monkeypatch.setattr(ServedJob, "look", look)
    watcher = Watcher(served.store, served.record)
    until(lambda: watcher.view.snapshot.written > 0)
    until(lambda: any("changed while it was read" in line.text for line in watcher.view.lines))
    before = watcher.view.snapshot.written
    until(lambda: watcher.view.snapshot.written > before)
    watcher.close()
    assert sum("changed while it was read" in line.text for line in watcher.view.lines) == 1


def test_what_was_asked_is_shown_at_once(served: Served) -> None:
    watcher = Watcher(served.store, served.record)
    until(lambda: watcher.view.snapshot.written > 0)
    watcher.pause()
    assert watcher.view.asked == "pause"
    until(lambda: watcher.view.snapshot.state is JobState.PAUSED and watcher.view.asked is None)
    watcher.resume()
    assert watcher.view.asked == "resume"
    until(lambda: watcher.view.asked is None)
    watcher.cancel(keep=True)
    assert watcher.view.asked == "cancel"
    until(lambda: watcher.view.is_over)
    assert watcher.view.asked is None


def test_telemetry_goes_on_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("birefnet_video.tui.telemetry._EVERY_S", 0.01)
    failures = iter(range(1))

    def count() -> int:
        if next(failures, None) is not None:
            raise ValueError("no such counter")
        return 4

    monkeypatch.setattr("psutil.cpu_count", count)
    telemetry = Telemetry()
    telemetry.start()
    until(lambda: telemetry.latest is not None)
    assert "no such counter" in telemetry.complaint
    telemetry.close()


def test_one_render_that_cannot_be_started_leaves_the_others_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JobStore(tmp_path / "jobs")
    for name in ("a", "b"):
        store.add(render_request(name, f"{name}.mov"), folder=tmp_path)

    def spawn(store: JobStore, record: Any) -> Any:
        raise RuntimeError(f"no {record.source}")

    monkeypatch.setattr(process_module, "_spawn_render", spawn)
    work(store)
    assert [record.state for record in store.records()] == [RecordState.FAILED] * 2


def test_a_render_that_vanished_names_what_it_left(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    record = store.add(render_request("in.mp4", "out[1].mov"), folder=tmp_path)
    (tmp_path / "out[1].partial.mov").write_bytes(b"x")
    (tmp_path / "out1.partial.mov").write_bytes(b"x")
    assert left_behind(record) == [tmp_path / "out[1].partial.mov"]


def test_progress_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_PROGRESS_S", 0.02)
    served = Served(tmp_path)
    served.thread.start()
    until(lambda: served.now().written)
    assert served.now().frames == 300
    served.job.cancel(keep=False)
    served.thread.join()
    assert served.now().frames == 300
