"""Damage, whatever the number of threads; and none where there is none."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from moviefiles import coded, tone, write_coded, write_movie
from stubs import stub_job

from birefnet_video.errors import VerificationFailed
from birefnet_video.inputs import reader as reading
from birefnet_video.inputs.decoding import Decoding
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.types import Cut

Threads = Callable[[int], None]
#: Container and encoder, with what makes pictures refer to each other.
KINDS = {
    "h264.mp4": ("libx264", "yuv420p", {"bf": "2", "g": "10"}),
    "h264.mkv": ("libx264", "yuv420p", {"bf": "0", "g": "8"}),
    "h264.ts": ("libx264", "yuv420p", {"bf": "2", "g": "10"}),
    "h264i.mp4": ("libx264", "yuv420p", {"flags": "+ildct+ilme", "g": "10"}),
    "hevc.mp4": ("libx265", "yuv420p", {"x265-params": "log-level=none:bframes=2:keyint=10"}),
    "open.mkv": ("libx265", "yuv420p", {"x265-params": "log-level=none:bframes=3:keyint=8:open-gop=1"}),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {"bf": "2", "g": "9"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"g": "9"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"bf": "2", "g": "9"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1"}),
    "vp8.webm": ("libvpx", "yuv420p", {"deadline": "realtime", "auto-alt-ref": "1", "lag-in-frames": "10"}),
    "ffv1.mkv": ("ffv1", "yuv420p", {}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "png.mov": ("png", "rgb24", {}),
    "av1.mp4": ("libsvtav1", "yuv420p", {"preset": "12"}),
}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    def use(count: int) -> None:
        def stream_of(*arguments: object) -> object:
            stream = video_stream(*arguments)  # type: ignore[arg-type]
            stream.codec_context.thread_count = count
            return stream

        monkeypatch.setattr(reading, "video_stream", stream_of)

    return use


def read(path: Path, cut: Cut | None = None) -> tuple[list[tuple[int, bytes]], list[str]]:
    """Times and samples of all frames, and what is damaged."""
    reader = Reader(probe(path), lambda text: None, cut)
    frames = [(frame.meta.pts, frame.picture.to_ndarray(format="gray").tobytes()) for frame in reader.frames()]
    return frames, reader.damage


def make(folder: Path, kind: str, count: int = 30) -> Path:
    codec, pixel_format, options = KINDS[kind]
    return write_movie(folder / kind, codec=codec, pixel_format=pixel_format, options=options, count=count)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 16])
def test_a_whole_clip_is_no_damaged_one(kind: str, count: int, tmp_path: Path, threads: Threads) -> None:
    clip = make(tmp_path, kind)
    threads(count)
    frames, damage = read(clip)
    assert len(frames) == 30 and damage == []
    start = probe(clip).start
    for cut in (
        Cut(start, start + Fraction(3, 5)),
        Cut(start + Fraction(2, 5), start + 1),
        Cut(start + Fraction(4, 5)),
    ):
        part, damage = read(clip, cut)
        assert part and damage == []


@pytest.mark.parametrize("broken", [[26], [29], [0], [3, 4], [12, 27]])
def test_what_one_thread_gives_comes_out_with_any_number(broken: list[int], tmp_path: Path, threads: Threads) -> None:
    pictures = [coded(number) for number in range(30)]
    for number in broken:
        pictures[number] = pictures[number][: len(pictures[number]) // 2]
    clip = write_coded(tmp_path / "a.mov", "png", pictures)
    results = []
    for count in (1, 2, 16):
        threads(count)
        results.append(read(clip))
    frames, damage = results[0]
    assert [pts // 512 for pts, _ in frames] == [number for number in range(30) if number not in broken]
    assert damage == [f"{len(broken)} frame{'s' if len(broken) > 1 else ''} could not be decoded"]
    assert results[1] == results[2] == results[0]


@pytest.mark.parametrize("kind", ["h264.mp4", "h264.mkv", "hevc.mp4", "mpeg2.ts", "ffv1.mkv", "prores.mov", "vp9.webm"])
def test_damaged_data_gives_the_same_with_any_number_of_threads(kind: str, tmp_path: Path, threads: Threads) -> None:
    whole = make(tmp_path, kind)
    with av.open(str(whole)) as container:
        packets = [(each.pos, each.size) for each in container.demux(video=0) if each.size]
    data = bytearray(whole.read_bytes())
    chance = np.random.default_rng(3)
    for index in (9, len(packets) - 3):
        position, size = packets[index]
        start = position + size // 3
        data[start : start + max(size // 3, 4)] = chance.bytes(max(size // 3, 4))
    clip = tmp_path / f"damaged-{kind}"
    clip.write_bytes(data)
    results = []
    for count in (1, 2, 16):
        threads(count)
        results.append(read(clip))
    assert len({tuple(pts for pts, _ in frames) for frames, _ in results}) == 1
    assert results[0] == results[1] == results[2]


def test_a_capture_that_begins_inside_a_group_says_what_is_lost(tmp_path: Path, threads: Threads) -> None:
    whole = write_movie(tmp_path / "a.ts", count=48, options={"g": "24", "bf": "0", "sc_threshold": "0"})
    with av.open(str(whole)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    # The tables of the stream, and the rest from the eleventh picture on.
    data = whole.read_bytes()
    start = positions[11] // 188 * 188
    clip = tmp_path / "b.ts"
    clip.write_bytes(data[: 188 * 3] + data[start:])
    for count in (1, 16):
        threads(count)
        frames, damage = read(clip)
        assert len(frames) == 24
        assert len(damage) == 1 and "refer to what lies before the beginning" in damage[0]


def test_frames_swallowed_as_they_were_are_no_verified_result(
    tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: what a decoder of many threads gave was all there was."""

    def as_it_was(self: Decoding, packets: Iterable[av.Packet]) -> Iterator[av.VideoFrame]:
        for packet in packets:
            self.packets += bool(packet.size)
            with suppress(av.error.FFmpegError):
                yield from self.decoder.decode(packet if packet.size else None)

    pictures = [coded(number) for number in range(30)]
    pictures[26] = pictures[26][: len(pictures[26]) // 2]
    clip = write_coded(tmp_path / "a.mov", "png", pictures)
    threads(16)
    monkeypatch.setattr(Decoding, "run", as_it_was)
    job, _ = stub_job(clip, {"mask": tmp_path / "m.mkv"})
    job.start()
    with pytest.raises(VerificationFailed, match="26 frames were read, the input holds 30"):
        job.result()


def test_sound_may_begin_a_file(tmp_path: Path) -> None:
    clip = write_movie(tmp_path / "a.mkv", sound=tone(1))
    assert read(clip)[1] == []
