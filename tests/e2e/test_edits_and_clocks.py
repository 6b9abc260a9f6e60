"""Where picture and sound begin and end: edit lists, lengths of last frames, clocks without a zero."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import read_times
from moviefiles import loudness, set_edits, sound_of, tone, write_movie
from specs import job_spec
from stubs import notices, open_stub, stub_job

from birefnet_video.errors import VerificationFailed
from birefnet_video.events import JobState
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.packets import PacketTimes
from birefnet_video.outputs.verify import Promise
from birefnet_video.pipeline.trim import find_cut
from birefnet_video.sound import track as sound_module
from birefnet_video.types import Cut

#: 440 Hz in the first second, 3000 Hz in the second, 880 Hz in the third.
THREE = np.concatenate([tone(1, 440), tone(1, 3000), tone(1, 880)], 1)
OUTPUTS = {"a.mov": "alpha", "a.webm": "alpha", "a.mkv": "alpha", "g.mp4": "composite"}


def render(source: Path, target: Path, **options: object) -> list[str]:
    kind = OUTPUTS.get(target.name, "composite")
    job = Job(job_spec(source, (OutputSpec(kind, target),), **options), open_backend=open_stub())  # type: ignore[arg-type]
    events: list[object] = []
    job.subscribe(events.append)
    job.start()
    assert job.result().damage is None
    return notices(events)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edits")
    return write_movie(folder / "one.mov", count=75, options={"bf": "0", "g": "5"}, sound=THREE)


@pytest.mark.parametrize("name", OUTPUTS)
def test_sound_that_is_cut_out_stays_out(name: str, whole: Path, tmp_path: Path) -> None:
    source = set_edits(whole, tmp_path / "two.mov", [(1, 0), (1, 2)])
    told = render(source, tmp_path / name)
    samples, start = sound_of(tmp_path / name)
    assert abs(len(samples) / 48000 - 2) < 0.03 and abs(start) < 0.03
    first, second = samples[2000:46000], samples[50000:94000]
    assert loudness(first, 440) > 0.9 and loudness(second, 880) > 0.9
    assert loudness(samples, 3000) < 1e-3
    assert len(read_times(tmp_path / name)) == 50
    assert any("encoded" in text for text in told)


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.webm"])
@pytest.mark.parametrize(
    ("edits", "seconds", "begins", "only_sound"),
    [
        ([(0.5, 0), (0.5, 1.5), (0.5, 2.3)], 1.5, 0.0, False),
        ([(2, 1)], 2.0, 0.0, False),
        ([(0.4, None), (1, 0.5)], 1.0, 0.4, False),
        ([(1, 2), (1, 0)], 2.0, 0.0, False),
        ([(1, 0), (1, 0)], 2.0, 0.0, False),
        ([(1, 0), (1, 2)], 2.0, 0.0, True),
    ],
    ids=["three", "head", "empty first", "swapped", "repeated", "sound alone"],
)
def test_every_kind_of_edit(
    name: str,
    edits: list[tuple[float, float | None]],
    seconds: float,
    begins: float,
    only_sound: bool,
    whole: Path,
    tmp_path: Path,
) -> None:
    """Sound begins and ends as FFmpeg decodes the source, and keeps its distance to the picture."""
    source = set_edits(whole, tmp_path / "in.mov", edits, only_sound=only_sound)
    render(source, tmp_path / name)
    samples, start = sound_of(tmp_path / name)
    meant, _ = sound_of(source)
    assert abs(len(samples) - len(meant)) / 48000 < 0.05 and abs(len(samples) / 48000 - seconds) < 0.06
    picture_start, source_start = first_picture(tmp_path / name), first_picture(source)
    assert abs((start - picture_start) - (begins - source_start)) < 0.03
    assert len(read_times(tmp_path / name)) == probe(source).frame_count


def first_picture(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(next(container.decode(video=0)).time or 0.0)


def test_a_part_of_a_cut_clip(whole: Path, tmp_path: Path) -> None:
    source = set_edits(whole, tmp_path / "two.mov", [(1, 0), (1, 2)])
    render(source, tmp_path / "a.mov", start=Fraction(1))
    samples, _ = sound_of(tmp_path / "a.mov")
    assert loudness(samples, 880) > 0.9 and loudness(samples, 3000) < 1e-3


def test_sound_that_comes_back_is_no_verified_result(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: packets that an edit list hides were taken for shown ones."""

    def as_it_was(track, packet, *, is_first):  # type: ignore[no-untyped-def]
        track.straighten(packet)
        yield from track.convert(packet)

    source = set_edits(whole, tmp_path / "two.mov", [(1, 0), (1, 2)])
    monkeypatch.setattr(sound_module.Track, "prime", as_it_was)
    monkeypatch.setattr(sound_module, "_trailing", len)
    job, _ = stub_job(source, {"alpha": tmp_path / "a.mov"})
    job.start()
    with pytest.raises(VerificationFailed, match="sound track 1 lasts"):
        job.result()
    assert job.wait() is JobState.FAILED and not (tmp_path / "a.mov").exists()


LAST = [Fraction(number, 20) for number in (0, 2, 3, 10, 20)]


def picture_end(path: Path) -> Fraction:
    """When the picture ends, as other programs see it."""
    with av.open(str(path)) as container:
        return Fraction(container.duration, av.time_base)


@pytest.mark.parametrize("frames", ["0", "2"])
@pytest.mark.parametrize("name", ["g.mp4", "g.mov", "g.mkv", "g.webm"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_last_frame_keeps_its_length(suffix: str, name: str, frames: str, tmp_path: Path) -> None:
    source = write_movie(tmp_path / f"in{suffix}", times=LAST, options={"bf": frames}, last_s=Fraction(3))
    render(source, tmp_path / name)
    assert abs(picture_end(tmp_path / name) - 4) <= Fraction(1, 500)


def test_a_part_ends_where_it_is_cut(tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.mp4", times=LAST, options={"bf": "0"}, last_s=Fraction(3))
    render(source, tmp_path / "g.mov", duration=Fraction(2))
    assert abs(picture_end(tmp_path / "g.mov") - 2) <= Fraction(1, 500)


def test_a_last_frame_that_is_cut_short_is_no_verified_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was: every packet had the length of one at the usual rate."""
    source = write_movie(tmp_path / "in.mp4", times=LAST, options={"bf": "0"}, last_s=Fraction(3))
    usual = PacketTimes.pass_on

    def as_it_was(times, packets):  # type: ignore[no-untyped-def]
        times._lengths.clear()
        usual(times, packets)

    monkeypatch.setattr(PacketTimes, "pass_on", as_it_was)
    job, _ = stub_job(source, {"green": tmp_path / "g.mkv"})
    job.start()
    with pytest.raises(VerificationFailed, match=r"last frame for 0\.05"):
        job.result()


def test_frames_that_are_lost_without_a_word_are_no_verified_result() -> None:
    promise = Promise(
        frames=26,
        read=26,
        promised=30,
        first_pts=0,
        last_pts=25,
        last_duration=None,
        time_base=Fraction(1, 25),
        audio_tracks=0,
        sound_lengths=(),
        carries_alpha=False,
        telling_frame=0,
        telling_spread=0.0,
        alpha_slack=0.0,
    )
    with pytest.raises(VerificationFailed, match="26 frames were read, the input holds 30"):
        promise.check_count(Path("a.mov"))


@pytest.mark.parametrize("late", [-0.4, 0.4])
@pytest.mark.parametrize("start", [5000.0, 95443.2])
@pytest.mark.parametrize("name", ["a.mov", "a.webm", "g.mp4"])
def test_streams_begin_at_nought(name: str, start: float, late: float, tmp_path: Path) -> None:
    """Also where the clock of 33 bits wraps in the middle; the distance of sound and picture stays."""
    times = [Fraction(number, 25) + Fraction(max(late, 0.0)) for number in range(25)]
    # Pictures are shifted against the sound.
    source = write_movie(
        tmp_path / "in.ts", times=times, sound=tone(1 + max(-late, 0.0)), shift=start, options={"bf": "0"}
    )
    told = render(source, tmp_path / name)
    assert any("the outputs begin at 0" in text for text in told)
    out_times = read_times(tmp_path / name)
    _, sound_start = sound_of(tmp_path / name)
    assert len(out_times) == 25
    first = float(out_times[0])
    assert min(first, sound_start) < 0.03 and first < 1
    assert abs((first - sound_start) - max(late, 0.0)) < 0.03


def test_times_below_nought_begin_the_outputs(tmp_path: Path) -> None:
    info = replace(
        probe(write_movie(tmp_path / "in.mkv")),
        start=Fraction(-1, 2),
        first_picture=Fraction(-2, 5),
        starts_before_zero=True,
    )
    cut = find_cut(job_spec(Path("in.mkv"), (OutputSpec("mask", Path("m.mkv")),)), info)
    assert cut == Cut(Fraction(-1, 2), drops_before=False)
    frames = list(Reader(info, lambda text: None, cut).frames())
    assert len(frames) == 25 and frames[0].meta.pts * frames[0].meta.time_base == Fraction(1, 2)


def test_guesses_follow_what_is_known_of_the_rate(tmp_path: Path) -> None:
    assert probe(write_movie(tmp_path / "a.mp4", times=LAST, last_s=Fraction(3))).frame_count == 5
    assert probe(write_movie(tmp_path / "b.mp4", rate=480, count=48)).frame_rate < 500


def test_one_damaged_time_of_sound_moves_nothing_else(tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.ts", count=75, sound=THREE, muxer_options={"pes_payload_size": "200"})
    data = bytearray(source.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"\x00\x00\x01\xc0"]
    assert len(starts) > 20
    # The highest of the 33 bits: 13 hours.
    data[starts[len(starts) // 2] + 9] ^= 0x08
    source.write_bytes(data)
    render(source, tmp_path / "a.mov")
    samples, _ = sound_of(tmp_path / "a.mov")
    assert abs(len(samples) / 48000 - 3) < 0.05
    assert loudness(samples[100000:140000], 880) > 0.9


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_frames_closer_than_milliseconds_are_told_apart(name: str, tmp_path: Path) -> None:
    times = [Fraction(number, 4000) for number in range(8)] + [Fraction(1, 10)]
    source = write_movie(tmp_path / "in.mp4", times=times, rate=4000, options={"bf": "0"})
    render(source, tmp_path / name)
    written = read_times(tmp_path / name)
    assert written[:8] == [Fraction(number, 1000) for number in range(8)]
    assert abs(written[8] - Fraction(1, 10)) <= Fraction(1, 1000)


@pytest.mark.parametrize("name", ["a.mov", "g.mp4", "a.mkv"])
def test_a_rate_that_nobody_means_is_none(name: str, tmp_path: Path) -> None:
    source = write_movie(tmp_path / "in.h264", options={"x264-params": "force-cfr=1"}, container="h264")
    stated = b"\x00\x00\x01\x67"
    assert stated in source.read_bytes()
    filtered = av.bitstream.BitStreamFilterContext
    with av.open(str(source)) as raw, av.open(str(tmp_path / "slow.h264"), "w", format="h264") as out:
        stream = out.add_stream_from_template(raw.streams.video[0])
        slow = filtered("h264_metadata=tick_rate=1/1029", raw.streams.video[0], stream)
        for packet in raw.demux(video=0):
            if packet.size:
                packet.pts = packet.dts = None
                for each in slow.filter(packet):
                    out.mux(each)
    told = render(tmp_path / "slow.h264", tmp_path / name)
    assert any("no timestamps" in text for text in told)
    assert len(read_times(tmp_path / name)) == 25
