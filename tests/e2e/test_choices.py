"""What is chosen among several, carried along or left out, and that it is said."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import make_clip
from moviefiles import picture, write_movie
from PIL import Image
from specs import job_spec
from stubs import notices, open_stub

from birefnet_video.errors import UsageError
from birefnet_video.inputs.boxes import clean_aperture
from birefnet_video.inputs.matroska import _element, crop_of, is_cut_off
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.timecode import later_timecode
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import PictureFile
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.values import parse_rate


def run(source: Path, *outputs: OutputSpec, **options: object) -> list[str]:
    job = Job(job_spec(source, outputs, **options), open_backend=open_stub())  # type: ignore[arg-type]
    events: list[object] = []
    job.subscribe(events.append)
    job.start()
    job.result()
    return notices(events)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two video tracks, of which the second is the default one."""
    path = tmp_path_factory.mktemp("two") / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = []
        for size, is_default in (((64, 48), False), ((128, 96), True)):
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.disposition = av.stream.Disposition.default if is_default else av.stream.Disposition(0)
            streams.append((stream, size))
        for number in range(5):
            for stream, size in streams:
                frame = av.VideoFrame.from_ndarray(picture(number, size), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream, _ in streams:
            out.mux(stream.encode(None))
    return path


def test_the_default_video_track_is_taken_or_the_one_that_is_asked_for(two: Path, tmp_path: Path) -> None:
    told = run(two, OutputSpec("mask", tmp_path / "a.mkv"))
    assert probe(tmp_path / "a.mkv").width == 128
    assert "2 video tracks (64x48, 128x96): number 2 is taken (--video-track takes another)" in told
    run(two, OutputSpec("mask", tmp_path / "b.mkv"), video_track=1)
    assert probe(tmp_path / "b.mkv").width == 64
    with pytest.raises(UsageError, match=r"--video-track: 3, but .* has 2"):
        run(two, OutputSpec("mask", tmp_path / "c.mkv"), video_track=3)


@pytest.mark.parametrize("name", ["a.mov", "g.mp4", "a.mkv"])
def test_tags_of_phones_come_along(name: str, tmp_path: Path) -> None:
    key = "com.apple.quicktime."
    tags = {
        f"{key}make": "Apple",
        f"{key}model": "iPhone",
        f"{key}location.ISO6709": "+00.0000+000.0000/",
        f"{key}creationdate": "2026-01-02T03:04:05+0100",
    }
    source = write_movie(tmp_path / "in.mov", count=5, tags=tags, muxer_options={"movflags": "use_metadata_tags"})
    run(source, OutputSpec("composite" if name == "g.mp4" else "alpha", tmp_path / name))
    with av.open(str(tmp_path / name)) as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
    assert {name.lower(): value for name, value in tags.items()}.items() <= found.items()


@pytest.mark.parametrize("name", ["a.mov", "a.mkv"])
@pytest.mark.parametrize("source", ["in.mkv", "in.mov"])
def test_timecode_moves_on_with_the_part(source: str, name: str, tmp_path: Path) -> None:
    clip = write_movie(tmp_path / source, count=30, tags={"timecode": "10:11:12:13"})
    run(clip, OutputSpec("alpha", tmp_path / name))
    assert probe(tmp_path / name).timecode == "10:11:12:13"
    run(clip, OutputSpec("alpha", tmp_path / name), start=Fraction(18, 25), overwrite=True)
    assert probe(tmp_path / name).timecode == "10:11:13:06"


@pytest.mark.parametrize(
    ("timecode", "frames", "rate", "later"),
    [
        ("01:00:00:00", 1, "25", "01:00:00:01"),
        ("01:00:59;29", 1, "29.97", "01:01:00;02"),
        ("01:09:59;29", 1, "29.97", "01:10:00;00"),
        ("00:00:00;00", 17982, "29.97", "00:10:00;00"),
        ("00:00:00;00", 107892, "29.97", "01:00:00;00"),
        ("00:00:59;59", 1, "59.94", "00:01:00;04"),
        ("23:59:59:23", 1, "24", "00:00:00:00"),
        ("23:59:59;29", 1, "29.97", "00:00:00;00"),
    ],
)
def test_timecode_counts_as_cameras_do(timecode: str, frames: int, rate: str, later: str) -> None:
    exact = parse_rate(rate)
    assert later_timecode(timecode, frames / exact, exact) == later


def test_what_is_no_timecode_has_no_later_one() -> None:
    assert later_timecode("midday", Fraction(1), Fraction(25)) is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("25", Fraction(25)),
        ("30", Fraction(30)),
        ("12.5", Fraction(25, 2)),
        ("30000/1001", Fraction(30000, 1001)),
    ],
)
def test_short_rates_mean_exact_ones(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("aspect", [Fraction(16, 11), Fraction(8, 9), Fraction(4, 3), Fraction(64, 45)])
@pytest.mark.parametrize(
    ("kind", "name"), [("mask", "m.mkv"), ("alpha", "a.mkv"), ("alpha", "a.webm"), ("composite", "c.mkv")]
)
def test_pixels_that_are_not_square_stay_so(kind: str, name: str, aspect: Fraction, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 72, 56, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(picture(number, (72, 56)), "rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    told = run(source, OutputSpec(kind, tmp_path / name), verify="full")  # type: ignore[arg-type]
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect
        assert sum(1 for _ in container.decode(video=0)) == 4
    assert not any("pixels" in text for text in told) and not is_cut_off(tmp_path / name)


def test_a_crop_that_is_not_followed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crop = _element(0x54BB, b"\x04") + _element(0x54AA, b"\x04")
    video = _element(0xAE, _element(0xD7, b"\x01") + _element(0xE0, _element(0xB0, b"\x40") + crop))
    sound = _element(0xAE, _element(0xD7, b"\x02") + _element(0xE1, b""))
    head = _element(0x1A45DFA3, b"") + _element(0x18538067, _element(0x1654AE6B, sound + video))
    (tmp_path / "a.mkv").write_bytes(head)
    assert crop_of(tmp_path / "a.mkv", 0) == {"top": 4, "bottom": 4} and crop_of(tmp_path / "a.mkv", 1) == {}
    plain = write_movie(tmp_path / "b.mkv", count=3)
    assert probe(plain).notes == ()
    monkeypatch.setattr("birefnet_video.inputs.describe.crop_of", lambda path, track: {"top": 4, "bottom": 4})
    assert any("asks to show 64x40 of its 64x48 pixels" in text for text in probe(plain).notes)


def test_an_aperture_of_mov_is_read(tmp_path: Path) -> None:
    """``clap`` in the sample entry; what holds it grows by it."""
    clip = write_movie(tmp_path / "a.mov", count=3)
    assert clean_aperture(clip, 0) is None
    data = bytearray(clip.read_bytes())
    clap = struct.pack(">I4s8I", 40, b"clap", 60, 1, 40, 1, 0, 1, 0, 1)
    at = data.index(b"avcC") - 4
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = data.index(kind, 0 if kind == b"moov" else data.index(b"moov")) - 4
        data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + len(clap)).to_bytes(4, "big")
    data[at:at] = clap
    (tmp_path / "b.mov").write_bytes(data)
    assert clean_aperture(tmp_path / "b.mov", 0) == (60, 40)
    assert any("asks to show 60x40 of its 64x48" in text for text in probe(tmp_path / "b.mov").notes)


def test_two_views_for_both_eyes_are_said(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["stereo_mode"] = "left_right"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert any("two views for both eyes (left_right)" in text for text in probe(tmp_path / "a.mkv").notes)


def test_alpha_of_a_background_is_said(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=3)
    for mode, is_said in (("RGBA", True), ("RGB", False)):
        Image.new(mode, (64, 48), (200, 10, 10, 100)[: len(mode)]).save(tmp_path / f"{mode}.png")
        output = OutputSpec("composite", tmp_path / f"{mode}.mp4", PictureFile(tmp_path / f"{mode}.png"))
        assert any("alpha" in text for text in run(clip, output)) == is_said


@pytest.mark.parametrize(("size", "matrix"), [((1280, 534), 1), ((1920, 540), 1), ((720, 576), 6), ((640, 360), 6)])
def test_untagged_colours_follow_lines_and_columns(size: tuple[int, int], matrix: int, tmp_path: Path) -> None:
    assert probe(write_movie(tmp_path / "a.mp4", size=size, count=1)).colour.matrix == matrix


@pytest.mark.parametrize("rate", [240, 480, 960])
def test_av1_takes_any_rate(rate: int, tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.mp4", rate=rate, count=12, options={"bf": "0"})
    run(source, OutputSpec("composite", tmp_path / "g.mp4", codec="av1"))
    with av.open(str(tmp_path / "g.mp4")) as container:
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size)
    assert [round(float(time) * rate) for time in times] == list(range(12))
