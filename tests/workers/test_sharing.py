"""Workers that do not see the files of a render fetch and send them over HTTP."""

import http.client
import os
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from attrs import evolve
from clips import make_clip
from crews import alone, begun, check_whole, left_in
from fake_ray import FakeRay
from packets import contents, packets
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, notices, open_stub

from birefnet_video.errors import BirefnetVideoError, InputMissing, OutputRefused, UsageError
from birefnet_video.inputs import remote
from birefnet_video.inputs.opening import open_input
from birefnet_video.inputs.remote import RemoteFile
from birefnet_video.options.backgrounds import PictureFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.pipeline.plan import Plan
from birefnet_video.workers import segment_worker
from birefnet_video.workers.elsewhere import Elsewhere
from birefnet_video.workers.file_server import FileServer
from birefnet_video.workers.needed import Needed
from birefnet_video.workers.scratch import Scratch
from birefnet_video.workers.segment_worker import SegmentWorker
from birefnet_video.workers.tasks import Task

FRAMES = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRay:
    """In place of Ray, with machines on which no folder of the test is there."""
    monkeypatch.setattr(segment_worker.SegmentWorker.__init__, "__defaults__", (open_stub(),))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fake = FakeRay()
    fake.moved = (str(tmp_path.parent), "/nowhere")
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    return fake


def spec_of(source: Path, *outputs: OutputSpec) -> JobSpec:
    writing = WritingSpec(segment=0.8, ray="auto")
    return job_spec(source, outputs, matte=PLAIN_MATTE, colour=PLAIN_COLOUR, writing=writing)


def test_all_files_lie_elsewhere(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    out, behind = tmp_path / "out", tmp_path / "behind it.png"
    out.mkdir()
    cv2.imwrite(str(behind), np.full((48, 64, 3), 90, np.uint8))
    outputs = (
        OutputSpec("alpha", out / "a.mov"),
        OutputSpec("composite", out / "c.mkv", PictureFile(behind), codec="ffv1"),
        OutputSpec("mask", out / "m_%03d.png"),
    )
    spec = spec_of(clip, *outputs)
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"weights" * 99)
    spec = evolve(spec, backend=evolve(spec.backend, model=str(weights)))
    job, events = begun(spec)
    assert job.result().frames == FRAMES
    said = [line for line in notices(events) if "no shared storage" in line]
    assert len(said) == 2
    assert "reads the input and weights and background from and sends its parts to 127.0.0.1:" in said[0]
    assert {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"} == {
        "mine.safetensors",
        "behind it.png",
    }
    film, composite, pictures = alone(spec, tmp_path / "alone")
    assert packets(outputs[0].path) == packets(film) and packets(outputs[1].path) == packets(composite)
    made = {path.name: path.read_bytes() for path in out.glob("*.png")}
    assert made == {path.name: path.read_bytes() for path in pictures.parent.glob("*.png")} and len(made) == FRAMES
    assert len(left_in(out)) == FRAMES + 2
    assert not any(thread.name == "birefnet-video files" for thread in threading.enumerate())


def test_numbered_pictures_lie_elsewhere(tmp_path: Path, fake: FakeRay) -> None:
    source = tmp_path / "in 50%" / "s_%04d.png"
    source.parent.mkdir()
    for number in range(3, 43):
        cv2.imwrite(str(source.parent / f"s_{number:04d}.png"), np.full((48, 64, 3), number * 5, np.uint8))
    spec = spec_of(source, OutputSpec("mask", tmp_path / "out" / "m_%04d.png"))
    job, _ = begun(spec)
    assert job.result().frames == 40
    (whole,) = alone(spec, tmp_path / "alone")
    made = contents(tmp_path / "out")
    assert made == contents(whole.parent) and next(iter(made)) == "m_0003.png"


def test_shared_storage_is_used_where_there_is_some(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    fake.moved = (str(tmp_path / "nothing"), "/nowhere")
    job, events = begun(spec_of(clip, OutputSpec("mask", tmp_path / "m.mkv")))
    job.result()
    assert not any("no shared storage" in line for line in notices(events))


def test_another_file_of_the_name_is_not_taken_for_the_input(clip: Path, tmp_path: Path) -> None:
    source, outputs = tmp_path / "in.mp4", OutputSpec("mask", tmp_path / "m.mkv")
    source.write_bytes(clip.read_bytes())
    needed = Needed.of(Plan.of(spec_of(source, outputs)))
    assert needed.unseen() == ["outputs"]
    # As large, but not the same.
    source.write_bytes(bytes(reversed(clip.read_bytes())))
    assert needed.unseen() == ["input", "outputs"]


def test_a_network_that_is_fitted_to_the_input_must_see_it(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    spec = spec_of(clip, OutputSpec("mask", tmp_path / "m.mkv"))
    spec = evolve(spec, backend=evolve(spec.backend, precision="int8", engine="openvino"))
    with pytest.raises(UsageError, match=r"--precision int8: is fitted to frames of .*in\.mp4, which worker \d on"):
        begun(spec)[0].result()


def test_a_server_that_goes_away_ends_the_render_in_words(
    clip: Path, tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("mask", tmp_path / "m.mkv"))
    servers: list[FileServer] = []
    made = FileServer.__init__

    def noted(self: FileServer, *arguments: Any) -> None:
        made(self, *arguments)
        servers.append(self)

    monkeypatch.setattr(FileServer, "__init__", noted)
    render = SegmentWorker.render

    def cuts(self: SegmentWorker, task: Task, told: Any) -> Any:
        if task.number == 1:
            servers[0].close()
        return render(self, task, told)

    monkeypatch.setattr(SegmentWorker, "render", cuts)
    job, events = begun(spec)
    with pytest.raises(BirefnetVideoError, match=r"cannot be fetched|is not taken by 127"):
        job.result()
    assert any("is tried again by another worker" in line for line in notices(events))
    # Then there is one again.
    monkeypatch.setattr(SegmentWorker, "render", render)
    begun(spec)[0].result()
    check_whole(spec, tmp_path / "alone")


@pytest.fixture
def server(tmp_path: Path, clip: Path) -> Iterator[FileServer]:
    """Gives out the clip and a file that changes, and takes one part."""
    changes = tmp_path / "changes"
    changes.write_bytes(b"before")
    server = FileServer("127.0.0.1", {"input/in.mp4": clip, "input/changes": changes})
    server.expect({"0/00001.try-0": tmp_path / "parts" / "00001.try-0"})
    yield server
    server.close()


def asked(server: FileServer, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.place, timeout=30)
    connection.request(method, path, body=body, headers={key.replace("_", "-"): headers[key] for key in headers})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_only_what_is_named_is_given_and_to_nobody_else(server: FileServer, clip: Path, tmp_path: Path) -> None:
    data, path = clip.read_bytes(), urlsplit(server.url).path
    assert asked(server, "GET", f"{path}/input/in.mp4") == (200, data)
    assert asked(server, "GET", f"{path}/input/in.mp4", Range="bytes=10-19") == (206, data[10:20])
    assert asked(server, "GET", f"{path}/input/in.mp4", Range=f"bytes={len(data)}-{len(data)}")[0] == 416
    for wrong in ("/input/in.mp4", f"/{path[1:-1]}x/input/in.mp4", "/", f"{path}", f"{path}/input/../input/in.mp4"):
        assert asked(server, "GET", wrong) == (404, b"")
    for wrong in (f"{path}{clip}", f"{path}/input/..%2F..%2Fetc%2Fpasswd", f"{path}/part/0/00001.try-0"):
        assert asked(server, "GET", wrong) == (404, b"")
    (tmp_path / "changes").write_bytes(b"other")
    assert asked(server, "GET", f"{path}/input/changes") == (410, b"")
    (tmp_path / "changes").unlink()
    assert asked(server, "GET", f"{path}/input/changes") == (410, b"")


def test_only_what_is_expected_is_taken_and_only_whole(server: FileServer, tmp_path: Path) -> None:
    path, body = urlsplit(server.url).path, b"part" * 1000
    crc = {"X_CRC32": f"{zlib.crc32(body):08x}"}
    for wrong in (f"{path}/part/0/00002.try-0", f"{path}/part/../0/00001.try-0", "/part/0/00001.try-0"):
        assert asked(server, "PUT", wrong, body, **crc)[0] == 404
    assert asked(server, "PUT", f"{path}/part/0/00001.try-0", body)[0] == 411
    assert asked(server, "PUT", f"{path}/part/0/00001.try-0", body + b"!", **crc)[0] == 422
    # Cut off in the middle.
    connection = http.client.HTTPConnection(server.place, timeout=30)
    connection.putrequest("PUT", f"{path}/part/0/00001.try-0")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("X-CRC32", crc["X_CRC32"])
    connection.endheaders(body[:100])
    assert connection.sock is not None
    connection.sock.shutdown(1)
    with pytest.raises(http.client.HTTPException):
        connection.getresponse()
    connection.close()
    assert left_in(tmp_path / "parts") == []
    assert asked(server, "PUT", f"{path}/part/0/00001.try-0", body, **crc)[0] == 201
    assert (tmp_path / "parts" / "00001.try-0").read_bytes() == body and len(left_in(tmp_path / "parts")) == 1
    server.forget({"0/00001.try-0": Path()})
    assert asked(server, "PUT", f"{path}/part/0/00001.try-0", body, **crc)[0] == 404


def test_what_cannot_be_kept_is_said_where_it_was_made(server: FileServer, clip: Path, tmp_path: Path) -> None:
    spec = spec_of(clip, OutputSpec("mask", tmp_path / "m.mkv"))
    plan = Plan.of(spec)
    there = Elsewhere(server.url, ["outputs"], Needed.of(plan))
    place = there.plan(plan).outputs[0].spec.path
    from birefnet_video.outputs.segments import try_path

    try_path(place, 1, 0).write_bytes(b"part")
    # A file lies where the folder would be.
    (tmp_path / "parts").write_bytes(b"")
    with pytest.raises(OutputRefused, match=r"00001\.try-0: is not taken by 127.*: 00001\.try-0: File exists"):
        there.send(Task(1, 0, 20))
    there.close()
    assert not place.parent.exists()


def test_only_what_is_read_travels(server: FileServer, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BLOCK", 1000)
    file = RemoteFile(f"{server.url}/input/in.mp4")
    data = clip.read_bytes()
    with file.open() as opened:
        opened.seek(2500)
        assert opened.read(700) == data[2500:3200]
        opened.seek(-5, 2)
        assert opened.read() == data[-5:]
    # Nothing but the block with the end, and those around the place.
    assert len(file._blocks) < 14 < len(data) / 1000
    assert str(file) == f"in.mp4 from {server.place}" and file.stat().st_size == len(data)
    with open_input(file) as container:
        assert container.streams.video[0].frames == FRAMES
    assert file.read_bytes() == data


def test_a_cut_in_the_middle_of_reading_is_said(server: FileServer, clip: Path) -> None:
    file = RemoteFile(f"{server.url}/input/in.mp4")
    assert file.size == clip.stat().st_size
    server.close()
    with pytest.raises(InputMissing, match=r"in\.mp4 from 127.*: cannot be fetched: "):
        open_input(file)
    with pytest.raises(InputMissing, match="cannot be fetched"):
        file.read_bytes()


def test_kept_actors_take_one_render_after_the_other(clip: Path, tmp_path: Path, fake: FakeRay) -> None:
    from birefnet_video.jobs import Job
    from birefnet_video.workers.kept import KeptWorkers

    kept = KeptWorkers()
    for name in ("a.mov", "b.mov"):
        spec = spec_of(clip, OutputSpec("alpha", tmp_path / name))
        job = Job(spec, kept=kept)
        job.start()
        assert job.result().frames == FRAMES
        check_whole(spec, tmp_path / f"alone {name}")
    assert len(fake.actors) == 2 and fake.is_up and not any(actor.is_dead for actor in fake.actors)
    # They have died meanwhile.
    for actor in fake.actors:
        actor.die()
    job = Job(spec_of(clip, OutputSpec("alpha", tmp_path / "c.mov")), kept=kept)
    job.start()
    assert job.result().frames == FRAMES and len(fake.actors) == 4
    kept.close()
    assert not fake.is_up and all(actor.is_dead for actor in fake.actors)


def test_what_killed_workers_have_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lives, dead = Scratch(), Scratch()
    (dead.path / "0").mkdir()
    # As the system does where a process ends.
    dead._lock.release()
    for path in (lives.path, dead.path):
        os.utime(path, (0, 0))
    third = Scratch()
    assert lives.path.is_dir() and not dead.path.exists()
    lives.close()
    third.close()
    assert list(tmp_path.iterdir()) == []
