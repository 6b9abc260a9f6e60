"""Whoever watches is answered, and none of them can end or hold up the render or another watcher."""

import os
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import make_clip
from stubs import stub_job
from wait import until

from birefnet_video.events import JobState
from birefnet_video.renders import wire
from birefnet_video.renders.server import JobServer, ServedJob
from birefnet_video.types import FrameMeta, Preview

KEY = b"secret"
PICTURE = Preview(
    FrameMeta(7, 14, Fraction(1, 4)),
    np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3),
    np.arange(100, 106, dtype=np.uint8).reshape(2, 3),
)


class Told:
    """See :class:`birefnet_video.renders.server.Served`; remembers what it was told."""

    def __init__(self) -> None:
        self.lines = ["one", "two"]
        self.orders: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.picture: Preview | None = PICTURE
        self.may_look = threading.Event()
        self.may_look.set()
        self.looking = 0
        self.fault: Exception | None = None

    def look(self, after: int) -> dict[str, Any]:
        self.looking += 1
        assert self.may_look.wait(60)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return {"lines": self.lines[after:]}

    def preview(self, width: int, height: int, zoom: int, at: tuple[float, float] | None) -> Preview | None:
        self.orders.append({"preview": (width, height, zoom)})
        return self.picture

    def obey(self, order: dict[str, Any]) -> None:
        self.orders.append(order)

    def complain(self, fault: str) -> None:
        self.complaints.append(fault)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def server(told: Told) -> Iterator[JobServer]:
    each = JobServer(told, KEY)
    each.start()
    yield each
    told.may_look.set()
    each.close()


def call(server: JobServer) -> Connection:
    return Client(server.address, authkey=KEY)


def look(connection: Connection, after: int = 0) -> list[str]:
    wire.send(connection, {"do": "look", "after": after})
    return wire.receive(connection)["lines"]  # type: ignore[no-any-return]


def is_hung_up(connection: Connection) -> bool:
    """Whether the other side has closed it, and has said nothing more."""
    try:
        connection.recv_bytes()
    except (EOFError, ConnectionResetError):
        return True
    return False


def test_a_watcher_gets_what_it_has_not_seen_yet(server: JobServer, told: Told) -> None:
    with call(server) as watcher:
        assert look(watcher) == ["one", "two"]
        told.lines.append("three")
        assert look(watcher, 2) == ["three"] and look(watcher, 3) == []


def test_a_picture_arrives_sample_by_sample_or_not_at_all(server: JobServer, told: Told) -> None:
    with call(server) as watcher:
        wire.send(watcher, {"do": "preview", "width": 3, "height": 2, "zoom": 4})
        picture = wire.receive_preview(watcher)
        told.picture = None
        wire.send(watcher, {"do": "preview", "width": 5, "height": 5, "zoom": 1})
        assert wire.receive_preview(watcher) is None
    assert picture is not None and (picture.index, picture.seconds, picture.sent) == (7, 3.5, None)
    assert np.array_equal(picture.rgb, PICTURE.rgb) and np.array_equal(picture.alpha, PICTURE.alpha)
    assert told.orders == [{"preview": (3, 2, 4)}, {"preview": (5, 5, 1)}]


def test_who_does_not_know_the_key_gets_nothing_and_the_next_one_is_answered(server: JobServer, told: Told) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            Client(server.address, authkey=b"guess").close()
    with call(server) as watcher:
        assert look(watcher) == ["one", "two"]
    assert told.looking == 1 and told.orders == [] and told.complaints == []


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="pipes have names here")
def test_who_hangs_up_before_it_says_the_key_is_forgotten(server: JobServer, told: Told) -> None:
    for said in (b"", b"x", b"\xff" * 64):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(server.address)
            stranger.sendall(said)
    with call(server) as watcher:
        assert look(watcher) == ["one", "two"]
    assert told.looking == 1 and told.complaints == []


def test_an_order_that_nobody_knows_is_handed_on_and_the_watcher_stays(server: JobServer, told: Told) -> None:
    with call(server) as watcher:
        wire.send(watcher, {"do": "dance", "on": "the table"})
        assert look(watcher, 1) == ["two"]
    assert told.orders == [{"do": "dance", "on": "the table"}] and told.complaints == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"do": "look"}',
        b'{"do": "look", "after": "x"}',
        b'{"do": "preview", "width": 3}',
    ],
)
def test_who_speaks_otherwise_is_hung_up_on_and_may_call_again(nonsense: bytes, server: JobServer, told: Told) -> None:
    with call(server) as stranger, call(server) as watcher:
        assert look(watcher, 1) == ["two"]
        stranger.send_bytes(nonsense)
        assert is_hung_up(stranger)
        assert look(watcher, 1) == ["two"]
    with call(server) as again:
        assert look(again) == ["one", "two"]
    assert told.orders == [] and told.complaints == []


def test_two_watchers_see_the_same_and_neither_waits_for_the_other(server: JobServer, told: Told) -> None:
    with call(server) as slow, call(server) as quick:
        told.may_look.clear()
        wire.send(slow, {"do": "look", "after": 0})
        until(lambda: told.looking == 1)
        wire.send(quick, {"do": "preview", "width": 3, "height": 2, "zoom": 1})
        picture = wire.receive_preview(quick)
        assert picture is not None and picture.index == 7
        wire.send(quick, {"do": "pause"})
        until(lambda: {"do": "pause"} in told.orders)
        assert not slow.poll()
        told.may_look.set()
        assert wire.receive(slow)["lines"] == look(quick) == ["one", "two"]


def test_a_watcher_that_vanishes_while_it_is_answered_leaves_the_others(server: JobServer, told: Told) -> None:
    told.lines = ["a long line " * 100] * 10_000
    with call(server) as stays:
        with call(server) as goes:
            told.may_look.clear()
            wire.send(goes, {"do": "look", "after": 0})
            until(lambda: told.looking == 1)
        told.may_look.set()
        # Its thread ends, and no other.
        until(lambda: sum(thread.name == "renders: watcher" for thread in threading.enumerate()) == 1)
        told.lines = ["short"]
        assert look(stays) == ["short"]
    assert told.complaints == []


def test_what_cannot_be_answered_is_told_and_the_watcher_calls_again(server: JobServer, told: Told) -> None:
    told.fault = RuntimeError("changed while it was read")
    with call(server) as watcher:
        wire.send(watcher, {"do": "look", "after": 0})
        assert is_hung_up(watcher)
    assert told.complaints == ["renders: watcher: RuntimeError: changed while it was read; begun anew"]
    with call(server) as watcher:
        assert look(watcher) == ["one", "two"]


def test_a_server_that_is_closed_answers_nobody_new_and_leaves_nothing(told: Told) -> None:
    server = JobServer(told, KEY)
    server.start()
    address = server.address
    with call(server) as early:
        server.close()
        # Who is there already is answered on.
        assert look(early) == ["one", "two"]
        with pytest.raises(OSError):
            Client(address, authkey=KEY)
    assert not Path(address).exists()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="pipes have names here")
def test_a_folder_for_temporary_files_with_a_long_name_is_left_aside(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr("multiprocessing.util.get_temp_dir", lambda: os.fspath(folder))
    server = JobServer(told, KEY)
    server.start()
    address = Path(server.address)
    assert address.match("/tmp/birefnet-video-*/socket")
    with call(server) as watcher:
        assert look(watcher) == ["one", "two"]
    server.close()
    assert not address.parent.exists()


def test_a_job_is_shown_and_obeys(tmp_path: Path) -> None:
    job, _ = stub_job(make_clip(tmp_path / "in.mp4", frames=6), {"mask": tmp_path / "m.mkv"})
    served = ServedJob(job)
    before = served.look(0)
    assert before["snapshot"]["state"] == "waiting" and before["clip"] is None and before["plan"] is None
    served.obey({"do": "nothing that is known"})
    with pytest.raises(KeyError):
        served.obey({"do": "cancel"})
    job.start()
    assert job.wait() is JobState.FINISHED
    after = served.look(0)
    assert after["snapshot"]["written"] == 6 and after["clip"]["width"] == 160
    assert wire.snapshot_from_json(after["snapshot"]) == job.snapshot()
    served.complain("a fault")
    assert [line["text"] for line in served.look(len(after["lines"]))["lines"]] == ["a fault"]
