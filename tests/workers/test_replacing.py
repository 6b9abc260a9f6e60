"""Workers that are lost have others begun in their place."""

from collections.abc import Callable
from pathlib import Path

import pytest
from clips import make_clip
from crews import ThreadWorker, check_whole, crew_job
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, notices
from wait import until

from birefnet_video.backends.base import BackendInfo
from birefnet_video.errors import BackendUnavailable, BirefnetVideoError, OutputRefused
from birefnet_video.events import JobState
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.outputs.segments import try_path
from birefnet_video.pipeline.share import NotAsListed
from birefnet_video.workers.crew import MOST_BEGUN_ANEW, MOST_TRIES
from birefnet_video.workers.segment_worker import SegmentWorker
from birefnet_video.workers.tasks import Done, Task
from birefnet_video.workers.worker import WorkerLost

FRAMES = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES)


def spec_of(clip: Path, folder: Path) -> JobSpec:
    outputs = (OutputSpec("mask", folder / "m.mkv"),)
    writing = WritingSpec(segment=0.8, workers=2)
    return job_spec(clip, outputs, matte=PLAIN_MATTE, colour=PLAIN_COLOUR, writing=writing)


class Ends:
    """Its worker ends at a segment, so many times."""

    def __init__(self, number: int, times: int) -> None:
        self.number, self.times = number, times

    def __call__(self, task: Task) -> None:
        if task.number == self.number and self.times:
            self.times -= 1
            raise WorkerLost("has ended")


def test_the_only_worker_is_begun_anew(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, tmp_path)
    ends = Ends(1, 2)
    job, events, workers = crew_job(spec, monkeypatch, [ends], others=5)
    job.start()
    assert job.result().frames == FRAMES and workers[0].made == [0, 1, 2] and not ends.times
    assert "worker 1: has ended; another one is begun in its place" in notices(events)
    check_whole(spec, tmp_path / "alone")


def test_a_segment_that_ends_every_worker_ends_the_render(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Ends(1, 100)
    job, _, _ = crew_job(spec_of(clip, tmp_path), monkeypatch, [ends], others=100)
    job.start()
    with pytest.raises(BirefnetVideoError, match=r"has ended \(the same command goes on"):
        job.result()
    assert ends.times == 100 - MOST_TRIES


def test_a_worker_that_fails_again_and_again_is_begun_anew(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, tmp_path)
    failed: list[int] = []

    def sick(task: Task) -> None:
        if len(failed) < 2:
            failed.append(task.number)
            raise BirefnetVideoError("an illegal address was encountered")

    def waits(task: Task) -> None:
        until(lambda: len(failed) == 2)

    job, events, _ = crew_job(spec, monkeypatch, (waits, sick), others=1)
    job.start()
    assert job.result().frames == FRAMES
    said = "worker 2 has failed 2 times, one after the other; another one is begun in its place"
    assert said in notices(events)
    check_whole(spec, tmp_path / "alone")


class Unsteady(ThreadWorker):
    """Ends as soon as it is opened again, so many times; then its device is gone."""

    left = 0

    def open(self) -> BackendInfo:
        if self.others < 100:
            Unsteady.left -= 1
            if Unsteady.left < 0:
                raise BackendUnavailable("cuda:1: torch finds no such device here")
            raise WorkerLost("ends at once")
        return super().open()


@pytest.mark.parametrize("times", [100, 1])
def test_a_place_is_given_up(times: int, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crews.ThreadWorker", Unsteady)
    monkeypatch.setattr(Unsteady, "left", times)
    spec = spec_of(clip, tmp_path)
    is_given_up = False

    def waits(task: Task) -> None:
        nonlocal is_given_up
        until(lambda: any("1 of 2 are left" in line for line in notices(events)))
        is_given_up = True

    job, events, _ = crew_job(spec, monkeypatch, (waits, Ends(1, 1)), others=100)
    job.start()
    assert job.result().frames == FRAMES and is_given_up
    assert Unsteady.left == max(times - MOST_BEGUN_ANEW, -1)
    why = "ends at once" if times == 100 else "torch finds no such device here"
    assert any(f"worker 2: {'' if times == 100 else 'cuda:1: '}{why}; 1 of 2" in line for line in notices(events))


def test_a_pause_holds_for_workers_of_another_timeline(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_lied = False

    def pauses(task: Task) -> None:
        nonlocal has_lied
        if not has_lied:
            has_lied = True
            job.pause()
            raise NotAsListed

    job, _, workers = crew_job(spec_of(clip, tmp_path), monkeypatch, [pauses])
    job.start()
    until(lambda: len(workers) == 2 and workers[1]._inner._is_paused)
    job.resume()
    assert job.result().frames == FRAMES


def test_a_pause_holds_for_who_is_begun_after_it(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, tmp_path)
    opened: list[ThreadWorker] = []

    class Noted(ThreadWorker):
        def open(self) -> BackendInfo:
            opened.append(self)
            return super().open()

    monkeypatch.setattr("crews.ThreadWorker", Noted)

    def pauses(task: Task) -> None:
        job.pause()
        raise WorkerLost("has ended")

    faults = [lambda task: pauses(task) if len(opened) == 1 else None]
    job, _, _ = crew_job(spec, monkeypatch, faults, others=1)
    job.start()
    until(lambda: len(opened) == 2 and opened[1]._inner._is_paused)
    assert job.snapshot().state is JobState.PAUSED
    job.resume()
    assert job.result().frames == FRAMES


def test_a_part_that_is_too_short_is_made_again(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(clip, tmp_path)
    render, is_first = SegmentWorker.render, True

    def cuts(self: SegmentWorker, task: Task, told: Callable[[int], None]) -> Done:
        nonlocal is_first
        done = render(self, task, told)
        if task.number == 1 and is_first:
            is_first = False
            place = try_path(spec.outputs[0].path, 1, task.attempt)
            place.write_bytes(place.read_bytes()[:-1])
        return done

    monkeypatch.setattr(SegmentWorker, "render", cuts)
    job, events, _ = crew_job(spec, monkeypatch)
    job.start()
    assert job.result().frames == FRAMES
    assert any(" were written: segment 1 is tried again" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")


def test_a_part_that_changes_is_noticed_when_it_is_joined(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(clip, tmp_path)
    render = SegmentWorker.render

    def changes(self: SegmentWorker, task: Task, told: Callable[[int], None]) -> Done:
        done = render(self, task, told)
        if task.number == 1:
            place = try_path(spec.outputs[0].path, 1, task.attempt)
            data = bytearray(place.read_bytes())
            data[len(data) // 2] ^= 1
            place.write_bytes(data)
        return done

    monkeypatch.setattr(SegmentWorker, "render", changes)
    job, _, _ = crew_job(spec, monkeypatch)
    job.start()
    with pytest.raises(OutputRefused, match=r"00001\.part: is not what was written \(the same command makes it anew"):
        job.result()
    monkeypatch.setattr(SegmentWorker, "render", render)
    job, events, _ = crew_job(spec, monkeypatch)
    job.start()
    assert job.result().frames == FRAMES
    assert any("were done by an earlier run" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")
