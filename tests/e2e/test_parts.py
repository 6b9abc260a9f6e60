"""``-ss`` and ``-t``: the right frames at the right times, and the sound with them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import ready
from clips import make_clip, read_times
from specs import job_spec
from stubs import PLAIN_MATTE, open_stub

from birefnet_video.errors import UsageError
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.reader import Reader
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.values import parse_time


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=120, with_sound=True)


def part(clip: Path, out: Path, start: str, duration: str | None = None) -> Path:
    spec = job_spec(
        clip,
        (OutputSpec("mask" if out.suffix == ".mkv" else "composite", out),),
        start=Fraction(start),
        duration=None if duration is None else Fraction(duration),
        # Smoothing asks frames beyond the part's ends, and so would not give the same.
        matte=PLAIN_MATTE,
    )
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    return out


def pictures(path: Path) -> list[np.ndarray]:
    return [frame.picture.to_ndarray(format="gray") for frame in Reader(probe(path), lambda text: None).frames()]


@pytest.mark.parametrize(
    ("start", "duration", "first", "count"),
    [("0", "1", 0, 25), ("1", "1", 25, 25), ("2.5", "0.5", 63, 12), ("4", None, 100, 20), ("0.01", "0.1", 1, 2)],
)
def test_frames_are_those_of_the_part(
    start: str, duration: str | None, first: int, count: int, clip: Path, tmp_path: Path
) -> None:
    whole = pictures(part(clip, tmp_path / "whole.mkv", "0"))
    out = part(clip, tmp_path / "part.mkv", start, duration)
    found = pictures(out)
    assert len(found) == count
    assert all((one == other).all() for one, other in zip(found, whole[first : first + count], strict=True))
    times = read_times(out)
    lag = Fraction(first, 25) - Fraction(start)
    assert abs(times[0] - lag) <= Fraction(1, 1000)
    assert abs(times[-1] - times[0] - Fraction(count - 1, 25)) <= Fraction(1, 1000)


def test_where_it_ends_can_be_said_in_place_of_how_long_it_is(clip: Path, tmp_path: Path) -> None:
    by_length = part(clip, tmp_path / "length.mkv", "1.5", "0.5")
    spec = job_spec(clip, (OutputSpec("mask", tmp_path / "end.mkv"),), start="1.5", end="0:02", matte=PLAIN_MATTE)
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    assert spec.input.length == Fraction(1, 2)
    assert read_times(tmp_path / "end.mkv") == read_times(by_length)
    found = zip(pictures(tmp_path / "end.mkv"), pictures(by_length), strict=True)
    assert all((one == other).all() for one, other in found)


def test_sound_moves_with_the_picture(clip: Path, tmp_path: Path) -> None:
    out = part(clip, tmp_path / "part.mp4", "1.5", "2")
    with av.open(str(clip)) as source, av.open(str(out)) as container:
        meant = [(bytes(p), p.pts * p.time_base) for p in source.demux(source.streams.audio[0]) if p.size]
        found = [(bytes(p), p.pts * p.time_base) for p in container.demux(container.streams.audio[0]) if p.size]
    begin = next(i for i, (_, time) in enumerate(meant) if time >= Fraction(3, 2))
    for (payload, time), (expected, source_time) in zip(found, meant[begin:], strict=False):
        assert payload == expected
        assert abs(source_time - time - Fraction(3, 2)) <= Fraction(1, 48000)
    assert 0 <= found[0][1] <= Fraction(1024, 48000) and abs(found[-1][1] - 2) <= Fraction(2048, 48000)


def test_a_part_behind_the_end_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"-ss: 60 s, but .* lasts 4\.80 s"):
        part(clip, tmp_path / "part.mkv", "60")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", Fraction(90)),
        ("1.5", Fraction(3, 2)),
        ("2:30", Fraction(150)),
        ("1:02:30.25", Fraction("3750.25")),
        (".5", Fraction(1, 2)),
    ],
)
def test_times_are_read_exactly(text: str, seconds: Fraction) -> None:
    assert parse_time(text, "-ss") == seconds


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "-1", "1,5", "nan"])
def test_other_words_are_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_time(text, "-ss")


def test_the_command_line_has_both(clip: Path, tmp_path: Path) -> None:
    words = [str(clip), "--mask", str(tmp_path / "m.mkv"), "-ss", "0:01", "-t", "0.2", "--size", "64", "-q"]
    ran = ready.run(*words)
    assert ran.returncode == 0, ran.stderr
    assert len(read_times(tmp_path / "m.mkv")) == 5
