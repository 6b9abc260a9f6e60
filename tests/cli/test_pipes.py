"""Standard input and standard output."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from clips import make_clip, read_times
from wait import until

PROGRAM = [sys.executable, "-m", "birefnet_video"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=6)


def run(*arguments: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments), "--size", "64", "--engine", "eager"], input=data, capture_output=True
    )


def test_raw_rgba_on_standard_output(clip: Path, tmp_path: Path) -> None:
    ran = run(clip, "--alpha", "-", "--mask", tmp_path / "m.mkv", "--decontaminate", "off")
    assert ran.returncode == 0, ran.stderr
    frames = np.frombuffer(ran.stdout, np.uint8).reshape(-1, 96, 160, 4)
    with av.open(str(tmp_path / "m.mkv")) as mattes, av.open(str(clip)) as film:
        for rgba, matte, source in zip(frames, mattes.decode(video=0), film.decode(video=0), strict=True):
            assert (rgba[..., 3] == matte.to_ndarray()).all()
            rgb = source.to_ndarray(format="rgb24")
            assert np.abs(rgba[..., :3].astype(int) - rgb).mean() <= 2


def test_a_file_on_standard_input(clip: Path, tmp_path: Path) -> None:
    ran = run("-", "--mask", tmp_path / "m.mkv", data=clip.read_bytes())
    assert ran.returncode == 0, ran.stderr
    assert len(read_times(tmp_path / "m.mkv")) == 6


def test_a_reader_that_goes_away(clip: Path) -> None:
    command = [*PROGRAM, str(clip), "--alpha", "-", "--size", "64"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        message = process.stderr.read().decode()
        assert process.wait() == 73
    assert "nobody reads standard output" in message and "Traceback" not in message


@pytest.mark.parametrize(
    ("arguments", "data", "code", "words"),
    [
        (["-"], b"", 2, "gives no name for the output"),
        (["-", "--mask", "m.mkv"], b"text", 65, "standard input: is not a video file: it holds text"),
        (["-", "--mask", "m.mkv"], b"", 65, "standard input: the file is empty"),
        (["IN", "--mask", "-"], b"", 73, "only --alpha can go to standard output"),
        (["IN", "--alpha", "-", "--json"], b"", 2, "both want standard output"),
    ],
)
def test_wrong_use(arguments: list[str], data: bytes, code: int, words: str, clip: Path) -> None:
    ran = run(*[str(clip) if word == "IN" else word for word in arguments], data=data)
    message = ran.stderr.decode()
    assert ran.returncode == code and words in message and len(message.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_behind_when_it_ends_while_it_reads(number: int, tmp_path: Path) -> None:
    command = [*PROGRAM, "-", "--mask", str(tmp_path / "m.mkv")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        process.stdin.write(b"x" * 5_000_000)
        process.stdin.flush()
        # All but what the pipe itself holds has been read.
        until(lambda: sum(each.stat().st_size for each in tmp_path.glob("birefnet-video-*/*")) > 4_000_000)
        process.send_signal(number)
        assert process.wait() == 128 + number
    assert not list(tmp_path.iterdir())
