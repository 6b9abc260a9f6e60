"""Title, chapters and timecode come along."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import make_clip
from stubs import open_stub, stub_job

from birefnet_video.jobs import Job
from birefnet_video.media.probe import probe
from birefnet_video.spec import JobSpec, OutputSpec


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chapters of two seconds, a title and a timecode."""
    folder = tmp_path_factory.mktemp("clip")
    bare, tagged = make_clip(folder / "bare.mp4", frames=100, with_sound=True), folder / "in.mov"
    with av.open(str(bare)) as source, av.open(str(tagged), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        target.metadata["title"] = "Größe 漢"
        streams[source.streams.video[0].index].metadata["timecode"] = "01:00:00:00"
        second = 1000
        target.set_chapters(
            [
                {
                    "id": number,
                    "start": 2 * number * second,
                    "end": 2 * (number + 1) * second,
                    "time_base": Fraction(1, second),
                    "metadata": {"title": name},
                }
                for number, name in enumerate(("one", "two"))
            ]
        )
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return tagged


def chapters(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    return [(dict(c.tags)["title"], c.start, c.end) for c in probe(path).chapters]


@pytest.mark.parametrize("name", ["a.mov", "c.mp4", "a.mkv", "a.webm"])
def test_they_come_along(name: str, clip: Path, tmp_path: Path) -> None:
    assert chapters(clip) == [("one", 0, 2), ("two", 2, 4)]
    job, _ = stub_job(clip, {"composite" if name.startswith("c") else "alpha": tmp_path / name})
    job.start()
    job.result()
    info = probe(tmp_path / name)
    assert {key.lower(): value for key, value in info.tags}["title"] == "Größe 漢"
    assert chapters(tmp_path / name) == [("one", 0, 2), ("two", 2, 4)]
    assert (info.timecode == "01:00:00:00") == (name[-3:] in ("mov", "mp4"))


def test_a_part_has_the_parts_of_its_chapters(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mov"
    spec = JobSpec(clip, (OutputSpec("alpha", out),), start_s=Fraction(1), duration_s=Fraction(2))
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    assert chapters(out) == [("one", 0, 1), ("two", 1, 2)]
    assert probe(out).timecode is None
    assert any("timecode" in warning for warning in job.warnings)
