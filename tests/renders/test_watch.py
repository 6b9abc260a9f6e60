"""A render is watched and steered from another thread, process, or not at all."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import numpy as np
import pytest
from clips import read_times
from served import Served
from specs import live_request, live_spec, render_request
from stubs import INFO
from wait import until

from birefnet_video.errors import NotAVideo
from birefnet_video.events import JobState
from birefnet_video.options.prompts import NOBODY, as_prompts
from birefnet_video.renders.orders import Orders
from birefnet_video.renders.record import RecordState
from birefnet_video.renders.store import JobStore
from birefnet_video.renders.summary import RunSummary
from birefnet_video.renders.watcher import PictureWish, Watcher


@pytest.fixture
def watcher(served: Served) -> Iterator[Watcher]:
    each = Watcher(served.store, served.record)
    yield each
    each.close()


def test_numbers_lines_and_pictures_arrive(served: Served, watcher: Watcher) -> None:
    until(lambda: watcher.view.snapshot.written > 0)
    view = watcher.view
    assert view.snapshot.state is JobState.RUNNING and view.snapshot.total == 300
    assert [stage.name for stage in view.snapshot.stages][:2] == ["decode", "prepare"]
    assert view.clip is not None and (view.clip.width, view.clip.height, view.clip.rate) == (160, 96, 25.0)
    assert view.plan is not None and "stub" in view.plan
    assert any("stub" in line.text for line in view.lines)
    assert view.picture is None
    watcher.want(PictureWish(40, 40, every_s=0.1))
    until(lambda: watcher.view.picture is not None)
    picture = watcher.view.picture
    assert picture is not None and picture.rgb.shape == (24, 40, 3) and picture.rgb.max() > 200
    assert picture.alpha.shape == (24, 40) and picture.alpha.dtype == np.uint8


def test_it_is_paused_resumed_and_stopped_without_a_trace(served: Served, watcher: Watcher, tmp_path: Path) -> None:
    until(lambda: watcher.view.snapshot.written > 0)
    watcher.pause()
    until(lambda: watcher.view.snapshot.state is JobState.PAUSED)
    watcher.resume()
    until(lambda: watcher.view.snapshot.state is JobState.RUNNING)
    watcher.cancel(keep=False)
    until(lambda: watcher.view.is_over)
    assert watcher.view.record.state is RecordState.CANCELLED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "jobs"]


def test_the_end_comes_with_a_summary(served: Served, watcher: Watcher, tmp_path: Path) -> None:
    until(lambda: watcher.view.is_over)
    view = watcher.view
    assert view.record.state is RecordState.FINISHED and view.record.address is None
    assert view.summary is not None and view.summary.frames == 300 and view.summary.exit_code == 0
    assert view.summary.realtime is not None
    assert view.summary.bytes_written == served.out.stat().st_size
    assert RunSummary.from_json(view.summary.to_json()) == view.summary
    assert (tmp_path / "out.run.json").is_file()
    assert len(read_times(served.out)) == 300
    # Who comes late sees the same.
    late = Watcher(served.store, served.now())
    until(lambda: late.view.summary is not None)
    assert late.view.summary == view.summary
    late.close()


def test_a_cancel_before_anybody_answers_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, looks = Watcher._connect, list[object]()

    def connect(self: Watcher) -> object:
        looks.append(usual(self))
        return looks[-1]

    monkeypatch.setattr(Watcher, "_connect", connect)
    served = Served(tmp_path)
    watcher = Watcher(served.store, served.record)
    served.store.update(served.record.id, state=RecordState.RUNNING)
    watcher.cancel(keep=True)
    began = len(looks)
    until(lambda: len(looks) > began + 1)
    assert not any(looks)
    served.thread.start()
    served.thread.join()
    until(lambda: watcher.view.is_over)
    assert watcher.view.record.state is RecordState.CANCELLED
    waiting = served.store.add(render_request("a", "b"), folder=tmp_path)
    second = Watcher(served.store, waiting)
    second.cancel(keep=True)
    until(lambda: second.view.is_over)
    assert served.store.find(waiting.id).state is RecordState.CANCELLED


def test_a_failed_render_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 500)
    served = Served(tmp_path, source=broken)
    watcher = Watcher(served.store, served.record)
    served.thread.start()
    served.thread.join()
    until(lambda: watcher.view.is_over)
    assert watcher.view.record.state is RecordState.FAILED
    assert watcher.view.record.error is not None and "broken.mp4" in watcher.view.record.error
    assert watcher.view.summary is not None and watcher.view.summary.exit_code == 1
    with pytest.raises(NotAVideo):
        served.job.result()


def test_strangers_are_turned_away_and_the_render_goes_on(served: Served) -> None:
    until(lambda: served.now().address)
    address = str(served.now().address)
    with pytest.raises(AuthenticationError):
        Client(address, authkey=b"guess").close()
    for nonsense in (b"", b"{", b"[]", b'{"do": 1}', b'{"do": "look"}', b'{"do": "preview", "width": "x"}'):
        with Client(address, authkey=bytes.fromhex(served.record.key)) as stranger:
            stranger.send_bytes(nonsense)
    watcher = Watcher(served.store, served.now())
    until(lambda: watcher.view.snapshot.written > 20)
    assert not watcher.view.is_over
    watcher.close()


def test_a_render_that_is_removed_from_the_store_is_over_for_its_watcher(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    record = store.add(render_request("a", "b"), folder=tmp_path)
    watcher = Watcher(store, record)
    assert not watcher.view.is_over
    store.remove(record.id)
    until(lambda: watcher.view.is_over)
    watcher.close()


def test_a_process_that_never_answers_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.renders.watcher._PATIENCE_S", 0.5)
    store = JobStore(tmp_path)
    record = store.add(render_request("a", "b"), folder=tmp_path)
    store.update(record.id, state=RecordState.RUNNING, pid=os.getpid())
    watcher = Watcher(store, record)
    until(lambda: watcher.view.is_over)
    assert watcher.view.record.state is RecordState.FAILED
    watcher.close()


def test_a_live_session_is_watched_and_steered(tmp_path: Path) -> None:
    from cameras import PaintedCamera, camera_info

    from birefnet_video.backends.stub import StubBackend
    from birefnet_video.events import LiveState
    from birefnet_video.live.session import LiveSession
    from birefnet_video.renders.served_live import ServedLive
    from birefnet_video.renders.serving import serve_live

    camera = PaintedCamera(camera_info(tmp_path), count=3000, rate=60)
    spec = live_spec("x", size=(96, 160), smooth="off", refine=False)
    store = JobStore(tmp_path / "jobs")
    record = store.add(live_request("x"), folder=tmp_path, queued=False)
    served = ServedLive()
    session = LiveSession(
        spec,
        open_camera=lambda: camera,
        open_backend=lambda backend, width, height: StubBackend(replace(INFO, input_size=(96, 160), batch_size=1)),
        notify=served.note,
        on_subject=served.note_subject,
    )
    served.begin(session)

    def run() -> int:
        session.start()
        session.wait()
        return 0

    thread = threading.Thread(target=serve_live, args=(served, store, record.id, run))
    thread.start()
    watcher = Watcher(store, record)
    watcher.want(PictureWish(40, 40, every_s=0.1))
    until(lambda: watcher.view.live is not None and watcher.view.live.shown > 5 and watcher.view.picture is not None)
    assert watcher.view.live is not None and watcher.view.live.size == (96, 160)
    watcher.tell({"do": "freeze", "on": True})
    until(lambda: watcher.view.live is not None and watcher.view.live.state is LiveState.FROZEN)
    watcher.tell({"do": "freeze", "on": False})
    watcher.tell({"do": "background", "text": "no such thing"})
    until(lambda: any("is no background" in line.text for line in watcher.view.lines))
    watcher.tell({"do": "nonsense"})
    watcher.tell({"do": "subject", "text": "anna:auto", "keep": False})
    until(lambda: watcher.view.live is not None and "anna" in watcher.view.live.subjects)
    Orders(store).keep_to(store.find(record.id), as_prompts("point=900,1"), keep=True)
    until(lambda: any("nothing is changed" in line.text for line in watcher.view.lines))
    watcher.tell({"do": "subject", "text": "circle=1"})
    until(lambda: any("'circle=1' is none of" in line.text for line in watcher.view.lines))
    Orders(store).keep_to(store.find(record.id), NOBODY, keep=False)
    until(lambda: watcher.view.live is not None and watcher.view.live.subjects == {})
    watcher.cancel(keep=True)
    until(lambda: watcher.view.is_over)
    thread.join()
    assert watcher.view.record.state is RecordState.FINISHED and camera.closed == 1
    # How it went is there for whoever looks later.
    last = Watcher(store, store.find(record.id)).view.live
    assert last is not None and (last.state, last.size) == (LiveState.ENDED, (96, 160)) and last.shown > 5
    assert 0 < last.live_s <= last.elapsed_s
    watcher.close()
