"""What a machine can do to a job: kill it, fill its disk, take its encoder away."""

import os
import random
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import make_clip
from little_room import run_with_little_room
from specs import job_spec
from stubs import open_stub, our_threads, stub_job

from birefnet_video.errors import OutputRefused
from birefnet_video.events import JobFailed, JobState
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec

RENDER = Path(__file__).parents[1] / "support" / "render.py"
RATE = 25


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=300, rate=RATE, with_sound=True)


@pytest.fixture(scope="module")
def late_text(clip: Path) -> Path:
    """The clip with a subtitle near its end."""
    path = clip.with_name("late.mkv")
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        text = target.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n"
        text.time_base = text.codec_context.time_base = Fraction(1, 1000)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
        packet = av.Packet(b"late")
        packet.pts = packet.dts = 11_000
        packet.duration, packet.time_base, packet.stream = 500, Fraction(1, 1000), text
        target.mux(packet)
    return path


def readable_frames(path: Path) -> int:
    if path.is_dir():
        return len(list(path.iterdir()))
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
@pytest.mark.parametrize("number", range(8))
def test_a_killed_render_leaves_what_was_reported_but_for_a_second(
    number: int, clip: Path, late_text: Path, tmp_path: Path
) -> None:
    kind, name = [
        *(("alpha", "a.mov"), ("alpha", "a.webm"), ("alpha", "a.mkv"), ("alpha", "a_%03d.png")),
        *(("composite", "c.mp4"), ("composite", "c.webm"), ("mask", "m.mkv")),
        ("alpha", "late.mov"),
    ][number]
    clip = late_text if name == "late.mov" else clip
    enough = random.Random(number).randint(40, 200)
    command = [sys.executable, str(RENDER), str(clip), f"{kind}={tmp_path / name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        written = next(int(line) for line in process.stdout if int(line) >= enough)
        process.kill()
    (partial,) = tmp_path.iterdir()
    assert ".partial" in partial.name
    assert readable_frames(partial) >= written - RATE


def test_a_full_disk_is_told_in_one_line_and_the_part_is_kept(clip: Path, tmp_path: Path) -> None:
    ran = run_with_little_room(RENDER, [str(clip), f"alpha={tmp_path / 'a.mov'}"], 300_000)
    assert ran.returncode
    assert ran.stderr.strip().splitlines()[-1].endswith("a.mov: cannot be written: File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.mov"]


@pytest.mark.parametrize("name", ["a.mov", "a.webm", "a_%03d.png"])
def test_an_encoder_that_dies_midway_ends_the_job_and_keeps_the_part(
    name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from birefnet_video.outputs.numbered import PictureWriter
    from birefnet_video.outputs.writer import Writer

    for kind in (Writer, PictureWriter):
        write = kind.write

        def dying(self: object, picture: object, meta: object, write: object = write) -> None:
            if self.frames == 60:  # type: ignore[attr-defined]
                raise OutputRefused("the encoder has died")
            write(self, picture, meta)  # type: ignore[operator]

        monkeypatch.setattr(kind, "write", dying)
    job, events = stub_job(clip, {"alpha": tmp_path / name})
    job.start()
    assert job.wait() is JobState.FAILED and our_threads() == []
    failed = events[-1]
    assert isinstance(failed, JobFailed) and "encoder has died" in str(failed.error)
    assert readable_frames(failed.kept[0]) == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == [failed.kept[0].name]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_told_before_any_work(clip: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    job = Job(job_spec(clip, (OutputSpec("alpha", tmp_path / "a.mov"),)), open_backend=open_stub())
    job.start()
    with pytest.raises(OutputRefused, match="Permission denied"):
        job.result()
