"""Streams: what arrives at the other end, and what happens when that goes away."""

import functools
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from cameras import camera_info, painted
from clips import make_clip
from wait import until

from birefnet_video.devices.camera import open_camera
from birefnet_video.devices.stream import StreamWriter
from birefnet_video.errors import BackendUnavailable, UsageError
from birefnet_video.options.live import CameraSpec

RECEIVER = """
import json, sys, av
sys.path.insert(0, sys.argv[2])
from cameras import read_number
with av.open(sys.argv[1], options={"listen": "1"}, timeout=30) as container:
    try:
        for count, frame in enumerate(container.decode(video=0), 1):
            print(json.dumps([read_number(frame.to_ndarray(format="gray")), frame.time]), flush=True)
            if count == int(sys.argv[3]):
                break
    except OSError:
        pass  # the end of a stream, to a server of RTMP
"""


def receive(address: str, limit: int = 0) -> "subprocess.Popen[str]":
    """A program that waits for a stream. Of its own, for FFmpeg connects while it holds the interpreter."""
    support = str(Path(__file__).parents[1] / "support")
    command = [sys.executable, "-c", RECEIVER, address, support, str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def connect(address: str, folder: Path, notify: Callable[[str], None] = lambda line: None) -> StreamWriter:
    """A writer, as soon as the receiver listens."""
    info = camera_info(folder)

    def attempt() -> StreamWriter | None:
        try:
            return StreamWriter(address, info, notify)
        except BackendUnavailable:
            return None

    writer = until(attempt)
    assert writer is not None
    return writer


@pytest.mark.parametrize(("scheme", "path", "listening"), [("tcp", "", "?listen=1"), ("rtmp", "/live/x", "")])
def test_every_picture_arrives_with_its_time(
    scheme: str, path: str, listening: str, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is dropped, however busy the machine is.
    monkeypatch.setattr("birefnet_video.devices.stream._WAITING", 100)
    address = f"{scheme}://127.0.0.1:{free_port}{path}"
    receiver = receive(address + listening)
    writer = connect(address, tmp_path)
    for number in range(45):
        writer.write(painted(number), Fraction(number, 30))
    writer.close()
    arrived = [json.loads(line) for line in receiver.communicate(timeout=30)[0].splitlines()]
    assert [number for number, _ in arrived] == list(range(45)) and writer.dropped == 0
    first = arrived[0][1]
    assert all(abs(seconds - first - number / 30) < 2e-3 for number, seconds in arrived)


def test_a_stream_that_is_cut_off_is_connected_again(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.devices.stream._RETRY_S", 0.1)
    address, told = f"tcp://127.0.0.1:{free_port}", list[str]()
    first = receive(f"{address}?listen=1", limit=5)
    writer = connect(address, tmp_path, told.append)
    numbers = iter(range(1_000_000))

    def send_one() -> None:
        number = next(numbers)
        writer.write(painted(number % 60_000), Fraction(number, 30))

    until(lambda: send_one() or any("cut off" in line for line in told))
    first.communicate(timeout=10)
    second = receive(f"{address}?listen=1", limit=5)
    until(lambda: send_one() or ("the stream is connected again" in told and second.poll() is not None))
    writer.close()
    assert len(second.communicate(timeout=10)[0].splitlines()) == 5 and writer.dropped > 0


def test_an_address_that_nobody_answers_or_knows_is_told(tmp_path: Path, free_port: int) -> None:
    info = camera_info(tmp_path)
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        StreamWriter(f"tcp://127.0.0.1:{free_port}", info, lambda line: None)
    with pytest.raises(UsageError, match="rtmp://"):
        StreamWriter("out.mp4", info, lambda line: None)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a clip of 20 pictures on a server."""
    make_clip(tmp_path / "in.mp4", frames=20)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/in.mp4"
    server.shutdown()
    server.server_close()


def test_a_clip_on_a_server_has_an_end(served: str) -> None:
    camera = open_camera(served, CameraSpec())
    assert not camera.is_device and len(list(camera.pictures(threading.Event()))) == 20
    camera.close()
