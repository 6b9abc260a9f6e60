"""What an input may not ask for, and what is missing at its end."""

from pathlib import Path

import av
import pytest
from clips import make_clip
from specs import job_spec
from stubs import open_stub

from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.cut_off import truncation
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.jobs import Job
from birefnet_video.limits import Limits
from birefnet_video.options.outputs import OutputSpec


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=50)


def refusal(source: Path, limits: Limits, folder: Path) -> str:
    job = Job(
        job_spec(
            source, (OutputSpec("alpha", folder / "a.mov"),), max_pixels=limits.pixels, max_duration=limits.seconds
        ),
        open_backend=open_stub(),
    )
    job.start()
    with pytest.raises(NotAVideo) as caught:
        job.result()
    assert not list(folder.iterdir())
    return str(caught.value)


def test_too_large_and_too_long_inputs_are_refused_with_what_raises_the_limit(clip: Path, tmp_path: Path) -> None:
    assert "160x96, at most 10,000 pixels (--max-pixels" in refusal(clip, Limits(pixels=10_000), tmp_path)
    assert "(--max-duration raises" in refusal(clip, Limits(seconds=1.5), tmp_path)


def test_the_limit_holds_for_what_the_header_does_not_say(clip: Path, tmp_path: Path) -> None:
    """An elementary stream states no duration: the limit is met while reading."""
    raw = tmp_path / "raw.h264"
    with av.open(str(clip)) as source, av.open(str(raw), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    info = probe(raw, limits=Limits(seconds=1.5))
    with pytest.raises(NotAVideo, match="--max-duration"):
        list(Reader(info, lambda text: None).frames())


@pytest.mark.parametrize("suffix", ["avi", "flv"])
@pytest.mark.parametrize("share", [0.5, 0.83])
def test_a_file_that_is_cut_off_is_damaged(suffix: str, share: float, tmp_path: Path) -> None:
    codec = "mjpeg" if suffix == "avi" else "flv1"
    whole = tmp_path / f"in.{suffix}"
    with av.open(str(whole), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 160, 96
        stream.pix_fmt = "yuvj420p" if suffix == "avi" else "yuv420p"
        for index in range(40):
            frame = av.VideoFrame(160, 96, stream.pix_fmt)
            for plane in frame.planes:
                plane.update(bytes([40 + 3 * index]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert truncation(whole) is None
    part = tmp_path / f"part.{suffix}"
    data = whole.read_bytes()
    part.write_bytes(data[: int(len(data) * share)])
    job = Job(job_spec(part, (OutputSpec("mask", tmp_path / "m.mkv"),)), open_backend=open_stub())
    job.start()
    report = job.result()
    assert report.damage is not None and "cut off" in report.damage
    assert 0 < report.frames < 40


def test_other_containers_are_left_alone(clip: Path, tmp_path: Path) -> None:
    assert truncation(clip) is None
    for content in (b"", b"RIFF", b"FLV\x01", b"RIFF\xff\xff\xff\xffAVI "):
        (tmp_path / "x").write_bytes(content)
        assert truncation(tmp_path / "x") is None
