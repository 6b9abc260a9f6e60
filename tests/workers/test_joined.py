"""What several workers make is what one process makes."""

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from clips import make_clip
from crews import alone, check_whole, crew_job, left_in
from moviefiles import tone, write_movie
from packets import contents, packets
from specs import job_spec
from stubs import notices, open_stub
from wait import PATIENCE_S, until

from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.backgrounds import VideoFile
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.outputs.segments import folder_of
from birefnet_video.pipeline.channel import Cancelled
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.workers.tasks import Task
from birefnet_video.workers.worker import WorkerLost

FRAMES = 90
SEGMENT = 0.8


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


def spec_of(source: Path, *outputs: OutputSpec, smooth: str = "off", workers: int = 2, **writing: Any) -> JobSpec:
    """A render in short segments."""
    matte = MatteSpec(smooth=smooth, refine=False)  # type: ignore[arg-type]
    return job_spec(
        source,
        outputs,
        matte=matte,
        colour=ColourSpec(decontaminate="off"),
        writing=WritingSpec(**{"segment": SEGMENT, "workers": workers, **writing}),
    )


ENCODINGS = [
    *(("alpha", "a.mov", None), ("alpha", "a.webm", None), ("alpha", "a.mkv", None)),
    *(("mask", "m.mkv", None), ("composite", "g.mp4", None), ("composite", "f.mov", "prores-hq")),
]


@pytest.mark.parametrize(("kind", "name", "codec"), ENCODINGS)
def test_every_encoding_is_joined_packet_by_packet(
    kind: Any, name: str, codec: str | None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec(kind, tmp_path / "out" / name, codec=codec))
    (tmp_path / "out").mkdir()
    job, _, workers = crew_job(spec, monkeypatch)
    job.start()
    report = job.result()
    assert report.frames == FRAMES and job.snapshot().written == FRAMES
    assert sorted(number for each in workers for number in each.made) == list(range(5))
    (whole,) = alone(spec, tmp_path / "alone")
    mine, its = packets(spec.outputs[0].path), packets(whole)
    exact = not name.endswith(".mp4")
    assert (mine == its) if exact else [each[:5] for each in mine] == [each[:5] for each in its]
    assert left_in(tmp_path / "out") == [name]


@pytest.mark.parametrize("name", ["a_%03d.png", "new/a_%03d.exr"])
def test_pictures_are_joined(name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "out" / name))
    (tmp_path / "out").mkdir()
    job, _, _ = crew_job(spec, monkeypatch)
    job.start()
    job.result()
    (whole,) = alone(spec, tmp_path / "alone")
    one, other = contents(spec.outputs[0].path.parent), contents(whole.parent)
    assert len(one) == FRAMES and one == other
    assert len(left_in(tmp_path / "out")) == FRAMES


@pytest.mark.parametrize("smooth", ["normal", "high", "live"])
def test_smoothing_does_not_show_joins(
    smooth: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), smooth=smooth, verify="full")
    spec = evolve(spec, input=InputSpec(duration="2.4"))
    job, _, _ = crew_job(spec, monkeypatch)
    job.start()
    job.result()
    check_whole(spec, tmp_path / "alone")
    assert job.flicker is not None


def test_several_outputs_and_a_video_behind(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = VideoFile(make_clip(tmp_path / "behind.mp4", frames=11, rate=20))
    outputs = (
        OutputSpec("composite", tmp_path / "c.mkv", behind, codec="ffv1"),
        OutputSpec("mask", tmp_path / "m_%03d.png"),
        OutputSpec("alpha", tmp_path / "a.mov"),
    )
    spec = evolve(spec_of(clip, *outputs), input=InputSpec(start="0.5", duration="2.4"))
    job, _, _ = crew_job(spec, monkeypatch)
    job.start()
    job.result()
    video, pictures, alpha = alone(spec, tmp_path / "alone")
    assert packets(outputs[0].path) == packets(video) and packets(outputs[2].path) == packets(alpha)
    mine = {path.name: path.read_bytes() for path in tmp_path.glob("m_*.png")}
    assert mine == {path.name: path.read_bytes() for path in pictures.parent.glob("m_*.png")} and len(mine) == 60


UNEVEN = [Fraction(n * n + 7 * n, 900) for n in range(60)]
SOURCES: dict[str, Callable[[Path], Path]] = {
    "no clock": lambda path: write_movie(path / "in.h264", count=60, container="h264"),
    "uneven": lambda path: write_movie(path / "in.mkv", times=UNEVEN, sound=tone(4)),
    "late": lambda path: write_movie(path / "in.mp4", count=60, shift=1.3, sound=tone(3)),
    "a gap": lambda path: write_movie(path / "in.mp4", times=[Fraction(n, 25) + (n > 30) * 5 for n in range(60)]),
    "interlaced": lambda path: write_movie(
        path / "in.mp4", count=60, options={"flags": "+ildct+ilme", "x264-params": "tff=1", "g": "10"}
    ),
    "no times": lambda path: write_movie(path / "in.avi", codec="mpeg4", count=60, options={"bf": "2", "g": "9"}),
    "cut off": lambda path: cut_off(write_movie(path / "in.mkv", count=90, size=(160, 96))),
}


def cut_off(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 4 // 5])
    return path


@pytest.mark.parametrize("source", SOURCES)
def test_odd_inputs_give_the_same(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = SOURCES[source](tmp_path)
    spec = spec_of(given, OutputSpec("alpha", tmp_path / "a.mov"), segment=0.7)
    job, events, _ = crew_job(spec, monkeypatch)
    job.start()
    report = job.result()
    check_whole(spec, tmp_path / "alone")
    assert report.frames == job.snapshot().written and (report.damage is not None) == (source == "cut off")
    # Packets with times tell of all frames but those that a filter makes.
    assert any("are not what packets say" in line for line in notices(events)) == (source == "interlaced")


def test_numbered_pictures(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbered = tmp_path / "in"
    numbered.mkdir()
    made = spec_of(clip, OutputSpec("mask", numbered / "s_%04d.png"), workers=1)
    job = Job(made, open_backend=open_stub())
    job.start()
    job.result()
    for number in (*range(1, 8), 30):
        (numbered / f"s_{number:04d}.png").unlink()
    spec = spec_of(numbered / "s_%04d.png", OutputSpec("mask", tmp_path / "m_%04d.png"))
    job, _, _ = crew_job(spec, monkeypatch)
    job.start()
    job.result()
    (whole,) = alone(spec, tmp_path / "alone")
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.png")} == contents(whole.parent)


class Fails:
    """Raises at some segments."""

    def __init__(self, error: Callable[[], Exception], *numbers: int, times: int = 100) -> None:
        self._error, self._numbers, self._times = error, numbers, times

    def __call__(self, task: Task) -> None:
        if task.number in self._numbers and self._times:
            self._times -= 1
            raise self._error()


def fine(task: Task) -> None:
    """Makes everything."""


def test_a_worker_that_is_lost_is_named_and_its_segment_made_elsewhere(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    lost = Fails(lambda: WorkerLost("has ended"), 0, 1, 2, 3, 4)
    job, events, workers = crew_job(spec, monkeypatch, (fine, lost))
    job.start()
    assert job.result().frames == FRAMES
    assert sorted(workers[0].made) == list(range(5)) and "worker 2: has ended; 1 of 2 are left" in notices(events)
    check_whole(spec, tmp_path / "alone")


def test_a_segment_that_fails_is_tried_by_another(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    sick = Fails(lambda: BirefnetVideoError("out of something"), 0, 1, 2, 3, 4)
    job, events, workers = crew_job(spec, monkeypatch, (fine, sick))
    job.start()
    job.result()
    assert sorted(workers[0].made) == list(range(5))
    assert any(line.startswith("worker 2: out of something: segment ") for line in notices(events))


def test_what_fails_everywhere_ends_the_render_and_keeps_what_is_done(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    full = OutputRefused("a.mov: No space left on device")
    job, _, workers = crew_job(spec, monkeypatch, (Fails(lambda: full, 3), Fails(lambda: full, 3)))
    job.start()
    with pytest.raises(OutputRefused, match="No space left"):
        job.result()
    made = sorted(number for each in workers for number in each.made)
    assert made[:3] == [0, 1, 2]
    # One process goes on, and finds what the workers have made.
    job, events, _ = crew_job(spec, monkeypatch)
    job.start()
    job.result()
    assert any("were done by an earlier run" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")


@pytest.mark.parametrize("goes_on", ["alone", "crew"])
def test_all_workers_lost_and_the_same_again(
    goes_on: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    spec = spec_of(clip, OutputSpec("alpha", out / "a.mov"), OutputSpec("mask", out / "m.mkv"))
    gone = [Fails(lambda: WorkerLost("has ended"), 2, 3) for _ in range(2)]
    job, _, workers = crew_job(spec, monkeypatch, gone)
    job.start()
    with pytest.raises(BirefnetVideoError, match=r"has ended \(the same command goes on"):
        job.result()
    assert folder_of(spec.outputs[0].path).is_dir()
    done = {number for each in workers for number in each.made}
    if goes_on == "alone":
        again = Job(evolve(spec, writing=evolve(spec.writing, workers=None)), open_backend=open_stub())
        again.start()
        again.result()
    else:
        again, _, others = crew_job(spec, monkeypatch)
        again.start()
        again.result()
        # What was made is not made again, in order or not.
        assert {number for each in others for number in each.made} == set(range(5)) - done
    check_whole(spec, tmp_path / "alone")
    assert left_in(out) == ["a.mov", "m.mkv"]


def test_packets_that_lie_are_noticed_in_the_middle(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))
    lies = Fails(NotAsListed, 2, times=1)
    job, events, _ = crew_job(spec, monkeypatch, (lies, lies))
    job.start()
    assert job.result().frames == FRAMES == job.snapshot().written
    assert any("are not what packets say" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")


def test_cancelled_and_the_same_again(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))

    def stops(task: Task) -> None:
        if task.number == 3:
            job.cancel()

    job, _, _ = crew_job(spec, monkeypatch, (stops, stops))
    job.start()
    with pytest.raises(BirefnetVideoError, match="cancelled"):
        job.result()
    again, _, _ = crew_job(spec, monkeypatch)
    again.start()
    again.result()
    check_whole(spec, tmp_path / "alone")


def test_what_workers_cannot_do_is_refused(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apng = spec_of(clip, OutputSpec("alpha", tmp_path / "a.apng"))
    never = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), resume="never")
    for spec, why in ((apng, "written as a whole"), (never, "--resume never")):
        job, _, _ = crew_job(spec, monkeypatch)
        job.start()
        with pytest.raises(UsageError, match=why):
            job.result()
    assert left_in(tmp_path) == []


def test_pausing_stops_workers_in_a_segment(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"))

    def pauses(task: Task) -> None:
        if task.number == 0:
            job.pause()

    job, _, workers = crew_job(spec, monkeypatch, (pauses, pauses))

    def stand_still() -> bool:
        clocks = [each.line.runner.clock for each in workers if each.line is not None]
        return bool(clocks) and all(clock.now() == clock.now() for clock in clocks)

    job.start()
    try:
        until(stand_still)
        assert job.snapshot().state is JobState.PAUSED
    finally:
        job.resume()
    assert job.result().frames == FRAMES


def test_a_slow_worker_is_not_waited_for(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, OutputSpec("alpha", tmp_path / "a.mov"), OutputSpec("mask", tmp_path / "m_%03d.png"))
    stuck: list[int] = []
    is_made, was_late = threading.Event(), threading.Event()

    def slow(task: Task) -> None:
        stuck.append(task.number)
        assert is_made.wait(PATIENCE_S)
        was_late.set()

    def quick(task: Task) -> None:
        if task.number in stuck:
            is_made.set()
        elif task.number == 0:
            # So that the other one has something, too.
            until(lambda: stuck)

    job, _, workers = crew_job(spec, monkeypatch, (quick, slow))
    job.start()
    assert job.result().frames == FRAMES
    assert sorted(workers[0].made) == list(range(5)) and was_late.wait(PATIENCE_S)
    (whole, pictures) = alone(spec, tmp_path / "alone")
    assert packets(tmp_path / "a.mov") == packets(whole)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.png")} == {
        path.name: path.read_bytes() for path in pictures.parent.glob("*.png")
    }


def test_segments_begin_behind_keyframes_whoever_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_movie(tmp_path / "in.mp4", count=500, size=(64, 48), options={"g": "90", "sc_threshold": "0"})
    (tmp_path / "out").mkdir()
    spec = spec_of(source, OutputSpec("mask", tmp_path / "out" / "m.mkv"), segment=8)
    begun: dict[int, int] = {}

    def ends(task: Task) -> None:
        begun[task.number] = task.first
        if task.number == 2:
            raise WorkerLost("has ended")

    job, _, _ = crew_job(spec, monkeypatch, (ends, ends))
    job.start()
    with pytest.raises(BirefnetVideoError, match="has ended"):
        job.result()
    # Keyframes of 180 and 360, and a second and 20 frames.
    assert begun == {0: 0, 1: 225, 2: 405}
    # One process cuts in the same places, and goes on from there.
    again = Job(evolve(spec, writing=evolve(spec.writing, workers=None)), open_backend=open_stub())
    again.start()
    assert again.result().frames == 500
    check_whole(spec, tmp_path / "alone")


def test_a_stopped_crew_says_so() -> None:
    from birefnet_video.workers.crew import Crew

    crew = Crew([], lambda message: None)
    crew.stop()
    with pytest.raises(Cancelled):
        crew.open()
