"""Sound and subtitles on their way from one file to another, packet by packet."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from birefnet_video.defaults import SOUND_LEAD_S
from birefnet_video.errors import OutputRefused
from birefnet_video.inputs.probe import probe
from birefnet_video.sound.tracks import Sound
from birefnet_video.types import Cut

RATE = 48000
Packets = list[tuple[Fraction, bytes]]


def make_film(path: Path, codec: str = "libmp3lame", seconds: int = 4) -> Path:
    """A few grey pixels and a sound that is different at every moment."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg2video" if path.suffix == ".ts" else "mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=RATE)
        sound.codec_context.layout = "stereo"
        sound.metadata["language"] = "deu"
        resampler = av.AudioResampler(sound.codec_context.format, "stereo", RATE)
        wave = 8000 * np.sin(np.arange(seconds * RATE) ** 1.5 / 3000)
        for index in range(seconds * 25):
            grey = np.full((48, 64, 3), 2 * index, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
            block = np.repeat(wave[index * 1920 : (index + 1) * 1920].astype(np.int16), 2)[None]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, index * 1920, Fraction(1, RATE)
            for piece in resampler.resample(frame):
                container.mux(sound.encode(piece))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def packets_of(path: Path) -> Packets:
    """Time in seconds and bytes of every packet of sound."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


@contextmanager
def on_its_way(
    source: Path, out: Path, told: list[str], cut: Cut | None = None, *, with_audio: bool = True
) -> Iterator[Sound]:
    """The sound of ``source``, of which nothing has been written yet."""
    with av.open(str(out), "w", format="matroska") as container:
        sound = Sound(probe(source), container, "matroska", told.append, cut, target=out, with_audio=with_audio)
        try:
            yield sound
        finally:
            sound.close()


def test_every_packet_is_copied_with_its_time(tmp_path: Path) -> None:
    source, told = make_film(tmp_path / "in.mkv"), list[str]()
    with on_its_way(source, tmp_path / "out.mkv", told) as sound:
        sound.finish()
        assert sound.tracks == 1 and sound.languages == {0: "deu"}
        assert sound.damage == [] and told == []
        (length,) = sound.lengths
    before, after = packets_of(source), packets_of(tmp_path / "out.mkv")
    assert after == before and len(after) > 160
    assert length is not None and abs(length.seconds - 4) < 0.1 and 0.07 < length.slack_s <= 0.1


def test_no_more_is_written_than_the_pictures_need(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv")
    with on_its_way(source, tmp_path / "out.mkv", []) as sound:
        sound.write_until(1.0)
        # Asked for what is written already.
        sound.write_until(0.2)
    written = packets_of(tmp_path / "out.mkv")
    assert written == packets_of(source)[: len(written)]
    assert 0 <= float(written[-1][0]) - (1.0 + SOUND_LEAD_S) < 0.03


def test_a_part_has_the_packets_that_begin_in_it(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv")
    cut = Cut(Fraction(1), Fraction(5, 2))
    with on_its_way(source, tmp_path / "out.mkv", [], cut) as sound:
        sound.finish()
        (length,) = sound.lengths
    expected = [(time - 1, data) for time, data in packets_of(source) if 1 <= time < Fraction(5, 2)]
    assert packets_of(tmp_path / "out.mkv") == expected and 60 < len(expected) < 65
    assert length is not None and abs(length.seconds - 1.5) < 0.03


def test_a_clock_that_jumps_back_is_carried_on(tmp_path: Path) -> None:
    """As of transport streams that were joined."""
    one = make_film(tmp_path / "one.ts", seconds=2)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    with on_its_way(joined, tmp_path / "out.mkv", []) as sound:
        sound.finish()
    before, after = packets_of(one), packets_of(tmp_path / "out.mkv")
    assert [data for _, data in after] == [data for _, data in before] * 2
    times = [float(time) for time, _ in after]
    steps = np.diff(times)
    # A packet of MP3 lasts 24 ms; Matroska counts milliseconds.
    assert steps.min() >= 0.022 and steps.max() <= 0.026


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv")
    with on_its_way(source, tmp_path / "out.mkv", [], with_audio=False) as sound:
        sound.write_until(9)
        sound.finish()
        assert sound.tracks == 0 and sound.lengths == () and sound.languages == {}


def test_what_is_encoded_again_is_said(tmp_path: Path) -> None:
    source, told = make_film(tmp_path / "in.mkv", "pcm_s16le"), list[str]()
    with av.open(str(tmp_path / "out.mp4"), "w") as container:
        sound = Sound(probe(source), container, "mp4", told.append, target=tmp_path / "out.mp4")
        sound.finish()
        (length,) = sound.lengths
        sound.close()
    assert told == ["sound track 1 (pcm_s16le) cannot be copied into mp4: encoded as aac, lossy, 2 channels as stereo"]
    assert length is not None and length.seconds == 4


def test_a_container_without_a_codec_for_it_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where FFmpeg was built without an encoder.
    monkeypatch.setattr("birefnet_video.sound.track.coding_for", lambda *source, **options: None)
    source = make_film(tmp_path / "in.mkv")
    with av.open(str(tmp_path / "out.webm"), "w") as container, pytest.raises(OutputRefused) as refused:
        Sound(probe(source), container, "webm", lambda line: None, target=tmp_path / "out.webm")
    assert "out.webm: webm holds no codec for sound track 1 (mp3, stereo, 48000 Hz)" in str(refused.value)
    assert refused.value.hint == "--no-audio leaves the sound out"
