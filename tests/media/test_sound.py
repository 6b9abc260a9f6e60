"""Sound that a container forces us to encode stays on its own clock and keeps its end; the rest is copied."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from stubs import notices, stub_job

RATE = 48000


def make_film(path: Path, codec: str, beep_s: float, seconds: float = 4.0, hole: tuple[float, float] = (9, 9)) -> Path:
    """Two hundred grey pixels and a beep; packets within ``hole`` are left out."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=RATE)
        sound.codec_context.layout = "stereo"
        for index in range(int(seconds * 10)):
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[:, : 20 + index % 20] = 220
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(video.encode(None))
        time = np.arange(int(seconds * RATE)) / RATE
        wave = np.where(np.abs(time - beep_s) < 0.05, np.sin(time * 2 * np.pi * 880), 0)
        resampler = av.AudioResampler(sound.codec_context.format, "stereo", RATE)
        for start in range(0, len(wave), 960):
            block = (wave[start : start + 960] * 20000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None], format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            for piece in resampler.resample(frame):
                for packet in sound.encode(piece):
                    if not hole[0] <= float(packet.pts * packet.time_base) < hole[1]:
                        container.mux(packet)
        container.mux(sound.encode(None))
    return path


def listen(path: Path) -> tuple[str, float, float]:
    """Codec, time of the loudest moment, and end of the sound, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        loudest, at_s, end_s = 0.0, 0.0, 0.0
        for frame in container.decode(stream):
            samples = np.abs(frame.to_ndarray().astype(np.float64))
            if frame.format.is_planar:
                samples = samples.max(axis=0)
            else:
                samples = samples.reshape(-1, frame.layout.nb_channels).max(axis=1)
            end_s = frame.time + frame.samples / frame.sample_rate
            if samples.max() > loudest * 1.05:
                loudest = samples.max()
                at_s = frame.time + np.flatnonzero(samples > 0.5 * loudest).mean() / frame.sample_rate
        return stream.codec_context.codec.canonical_name, at_s, end_s


def convert(source: Path, kind: str, suffix: str) -> tuple[Path, list[str]]:
    out = source.with_name(f"out{suffix}")
    job, events = stub_job(source, {kind: out})  # type: ignore[dict-item]
    job.start()
    job.result()
    return out, notices(events)


@pytest.mark.parametrize(
    ("codec", "kind", "suffix", "expected"),
    [
        ("libopus", "alpha", ".mov", "pcm_s16le"),
        ("flac", "alpha", ".mov", "pcm_s16le"),
        ("pcm_s16le", "alpha", ".mov", "pcm_s16le"),
        ("pcm_s16le", "green", ".mp4", "aac"),
    ],
)
@pytest.mark.parametrize("hole", [(9.0, 9.0), (1.0, 2.0)], ids=["whole", "with a hole"])
def test_encoded_sound_keeps_its_time_and_its_end(
    codec: str, kind: str, suffix: str, expected: str, hole: tuple[float, float], tmp_path: Path
) -> None:
    source = make_film(tmp_path / "in.mkv", codec, beep_s=3.5, hole=hole)
    out, told = convert(source, kind, suffix)
    found, at_s, end_s = listen(out)
    assert found == expected
    assert at_s == pytest.approx(3.5, abs=0.06)
    assert end_s == pytest.approx(4.0, abs=0.03)
    assert (codec == expected) != any("cannot be copied" in line for line in told)


@pytest.mark.parametrize("codec", ["libmp3lame", "aac", "ac3"])
def test_what_the_container_takes_is_copied(codec: str, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv", codec, beep_s=1.0)
    out, told = convert(source, "alpha", ".mov")

    def payload(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]

    assert payload(out) == payload(source)
    assert not [line for line in told if "sound" in line]


def test_24_bit_sound_keeps_its_bits(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("flac", rate=RATE)
        sound.codec_context.layout, sound.codec_context.format = "mono", "s32"
        container.mux(
            video.encode(av.VideoFrame.from_ndarray(np.eye(48, 64)[..., None].repeat(3, 2).astype("u1"), "rgb24"))
        )
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(np.full((1, 4096), 1 << 12, np.int32), format="s32", layout="mono")
        frame.sample_rate = RATE
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    out, _ = convert(source, "alpha", ".mov")
    assert listen(out)[0] == "pcm_s24le"


def test_a_track_that_begins_late_does_not_hold_the_picture_back(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv", "aac", beep_s=3.9, seconds=5, hole=(-1.0, 3.5))
    out, _ = convert(source, "alpha", ".mov")
    assert listen(out)[1] == pytest.approx(3.9, abs=0.06)
