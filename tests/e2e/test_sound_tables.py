"""What each container takes of sound, and what stands in: layouts, depths, codecs of cameras, languages."""

from pathlib import Path

import av
import numpy as np
import pytest
from moviefiles import loudness, sound_of, tone, write_movie
from stubs import notices, stub_job

from birefnet_video.sound.codecs import can_copy, coding_for

OUTPUTS = {".mov": "alpha", ".webm": "alpha", ".mkv": "alpha", ".mp4": "green"}


def render(source: Path, target: Path) -> list[str]:
    job, events = stub_job(source, {OUTPUTS[target.suffix]: target})
    job.start()
    assert job.result().damage is None
    return [text for text in notices(events) if "sound track" in text]


def track_of(path: Path) -> tuple[str, str, int]:
    """Codec, layout and number of channels."""
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        return context.codec.canonical_name, context.layout.name, context.layout.nb_channels


@pytest.mark.parametrize(
    ("layout", "taken", "said"),
    [
        ("mono", "mono", ""),
        ("stereo", "stereo", ""),
        ("2.1", "5.1", "2.1 as 5.1"),
        ("3.1", "5.1", "3.1 as 5.1"),
        ("4.0", "6.1", "4.0 as 6.1"),
        ("quad(side)", "quad", "quad(side) as quad"),
        ("5.0(side)", "5.0", "5.0(side) as 5.0"),
        ("5.1(side)", "5.1", "5.1(side) as 5.1"),
        ("7.1", "7.1", ""),
        ("7.1(wide)", "7.1", "7.1(wide) as 7.1"),
        ("octagonal", "7.1", "octagonal as 7.1"),
        ("hexadecagonal", "7.1", "16 channels mixed down to 7.1"),
    ],
)
def test_opus_has_a_place_for_every_layout(layout: str, taken: str, said: str, tmp_path: Path) -> None:
    sound = tone(0.4, channels=av.AudioLayout(layout).nb_channels)
    source = write_movie(tmp_path / "in.mov", count=10, sound=sound, sound_codec="pcm_s16le", layout=layout)
    (told,) = render(source, tmp_path / "a.webm")
    assert track_of(tmp_path / "a.webm")[:2] == ("opus", taken)
    assert "encoded as libopus, lossy" in told and said in told
    samples, _ = sound_of(tmp_path / "a.webm")
    assert loudness(samples, 440) > 0.9


def test_channels_keep_their_places(tmp_path: Path) -> None:
    """Each channel of 3.1 has a tone of its own."""
    sound = np.concatenate([tone(0.4, hertz) for hertz in (300, 600, 1200, 100)])
    source = write_movie(tmp_path / "in.mov", count=10, sound=sound, sound_codec="pcm_s16le", layout="3.1")
    render(source, tmp_path / "a.webm")
    with av.open(str(tmp_path / "a.webm")) as container:
        stream = container.streams.audio[0]
        names = [channel.name for channel in stream.codec_context.layout.channels]
        packed = av.AudioResampler("flt", stream.codec_context.layout, 48000)
        pieces = [piece.to_ndarray() for frame in container.decode(stream) for piece in packed.resample(frame)]
        samples = np.concatenate(pieces, 1).reshape(-1, len(names)).T
    for name, hertz in (("FL", 300), ("FR", 600), ("FC", 1200), ("LFE", 100)):
        assert loudness(samples[names.index(name)][4000:], hertz) > 0.8
    assert np.abs(samples[names.index("BL")]).max() < 0.02


@pytest.mark.parametrize(
    ("codec", "container", "name", "taken"),
    [
        ("pcm_s24be", "mov", "a.mkv", "pcm_s24be"),
        ("pcm_f32be", "mov", "a.mkv", "pcm_f32le"),
        ("pcm_f64le", "mov", "a.mkv", "pcm_f64le"),
        ("pcm_s8", "mov", "a.mkv", "pcm_s16le"),
        ("pcm_s32be", "mov", "a.mkv", "pcm_s32be"),
        ("pcm_f64le", "mov", "a.mov", "pcm_f64le"),
        ("pcm_u8", "matroska", "a.mov", "pcm_s16le"),
        ("pcm_bluray", "mpegts", "a.mov", "pcm_s16le"),
        ("pcm_bluray", "mpegts", "a.mkv", "pcm_s16le"),
        ("alac", "mov", "a.mkv", "alac"),
        ("flac", "matroska", "a.mov", "pcm_s16le"),
        ("wavpack", "matroska", "a.mkv", "flac"),
        ("ac3", "matroska", "a.mov", "ac3"),
        ("pcm_mulaw", "mov", "a.mkv", "pcm_s16le"),
    ],
)
def test_nothing_is_lost_where_the_container_has_a_form_for_it(
    codec: str, container: str, name: str, taken: str, tmp_path: Path
) -> None:
    layout = "stereo"
    source = write_movie(
        tmp_path / f"in.{ {'mov': 'mov', 'matroska': 'mkv', 'mpegts': 'm2ts'}[container] }",
        count=10,
        sound=tone(0.4, channels=2),
        sound_codec=codec,
        layout=layout,
        container=container,
        muxer_options={"mpegts_m2ts_mode": "1"} if container == "mpegts" else {},
    )
    told = render(source, tmp_path / name)
    assert track_of(tmp_path / name) == (taken, "stereo", 2) or track_of(tmp_path / name)[0::2] == (taken, 2)
    assert bool(told) == (codec != taken)
    assert not any("lossy" in text or " bits" in text for text in told)


def test_24_bits_survive_in_lossless_files(tmp_path: Path) -> None:
    """A tone of a third of a step of 16 bits."""
    source = write_movie(tmp_path / "in.mov", count=10, sound=tone(0.4) * 3e-5, sound_codec="pcm_s24be")
    render(source, tmp_path / "a.mkv")
    samples, _ = sound_of(tmp_path / "a.mkv")
    assert loudness(samples, 440) > 0.9


@pytest.mark.parametrize("name", ["g.mp4", "a.webm"])
def test_losses_are_said(name: str, tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.mov", count=10, sound=tone(0.4), sound_codec="pcm_s24le")
    (told,) = render(source, tmp_path / name)
    assert "lossy" in told


@pytest.mark.parametrize("name", ["a.mov", "g.mp4", "a.mkv", "a.webm"])
@pytest.mark.parametrize("language", ["fra", "deu", "zho", "nld", "eng", "cym"])
def test_languages_keep_their_letters(language: str, name: str, tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.mkv", count=5, sound=tone(0.2), language=language)
    render(source, tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.audio[0].language == language
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_what_no_codec_takes_says_which_track_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_movie(tmp_path / "in.mov", count=5, sound=tone(0.2))
    monkeypatch.setattr("birefnet_video.sound.codecs._opens", lambda *arguments: False)
    job, _ = stub_job(source, {"alpha": tmp_path / "a.webm"})
    job.start()
    with pytest.raises(Exception, match=r"a\.webm: webm holds no codec for sound track 1 \(aac, mono.*--no-audio"):
        job.result()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mov"]


def test_the_table_is_tried(tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.mkv", count=5, sound=tone(0.2), sound_codec="libopus")
    with av.open(str(source)) as container:
        stream = container.streams.audio[0]
        assert [can_copy(stream, muxer) for muxer in ("webm", "matroska", "mp4", "mov")] == [True, True, True, False]
        coding = coding_for(stream, "mov")
    assert coding is not None and coding.codec == "pcm_s16le" and coding.losses == ()
