"""Title, chapters and timecode come along."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import make_clip
from specs import job_spec
from stubs import open_stub, stub_job

from birefnet_video.inputs.probe import probe
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.sound.subtitles import read_text


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
    assert (info.timecode == "01:00:00:00") == (name[-3:] in ("mov", "mp4", "mkv"))


def test_a_part_has_the_parts_of_its_chapters(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mov"
    spec = job_spec(clip, (OutputSpec("alpha", out),), start=Fraction(1), duration=Fraction(2))
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    assert chapters(out) == [("one", 0, 1), ("two", 1, 2)]
    assert probe(out).timecode == "01:00:01:00"


TEXTS = [(Fraction(1, 5), Fraction(2, 5), "hello"), (Fraction(9, 10), Fraction(1, 2), "Größe\n漢")]


@pytest.fixture(scope="module")
def subtitled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lines of SubRip in German."""
    folder = tmp_path_factory.mktemp("subtitled")
    bare, path = make_clip(folder / "bare.mp4", frames=50), folder / "in.mkv"
    with av.open(str(bare)) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        text = target.add_stream("subrip")
        text.metadata["language"] = "ger"
        text.codec_context.subtitle_header = b"[Script Info]\n"
        text.time_base = text.codec_context.time_base = Fraction(1, 1000)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        for start, length, line in TEXTS:
            packet = av.Packet(line.replace("hello", "<i>hello</i>").encode())
            packet.pts = packet.dts = round(start * 1000)
            packet.duration, packet.time_base, packet.stream = round(length * 1000), Fraction(1, 1000), text
            target.mux(packet)
    return path


def texts(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        assert stream.metadata["language"] == "ger"
        codec = stream.codec_context.name
        packets = [packet for packet in container.demux(stream) if packet.size]
        found = [(p.pts * p.time_base, p.duration * p.time_base, read_text(bytes(p), codec)) for p in packets]
    return [entry for entry in found if entry[2]]


@pytest.mark.parametrize("name", ["a.mov", "c.mp4", "c.mkv", "c.webm"])
@pytest.mark.parametrize("with_sound", [True, False])
def test_subtitles_come_along(name: str, with_sound: bool, subtitled: Path, tmp_path: Path) -> None:
    output = OutputSpec("composite" if name.startswith("c") else "alpha", tmp_path / name)
    job = Job(job_spec(subtitled, (output,), no_audio=not with_sound), open_backend=open_stub())
    job.start()
    job.result()
    assert texts(tmp_path / name) == TEXTS
    assert any("plain text" in text for text in job.warnings) == (name != "c.mkv")


def test_a_part_has_its_part_of_the_subtitles(subtitled: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    spec = job_spec(subtitled, (OutputSpec("alpha", out),), start=Fraction(2, 5), duration=Fraction(3, 5))
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    half, tenth = Fraction(1, 2), Fraction(1, 10)
    assert texts(out) == [(0, Fraction(1, 5), "hello"), (half, tenth, "Größe\n漢")]


@pytest.mark.parametrize(
    ("payload", "codec", "text"),
    [
        (b"\x00\x02hi\x00\x00\x00\x0cstyl", "mov_text", "hi"),
        (b"3,0,Default,,0,0,0,,{\\i1}a, b{\\i0}\\Nc", "ass", "a, b\nc"),
        (b"<b>x</b> < y", "subrip", "x < y"),
        (b"\xff", "webvtt", "\ufffd"),
    ],
)
def test_text_is_read_without_its_markup(payload: bytes, codec: str, text: str) -> None:
    assert read_text(payload, codec) == text
