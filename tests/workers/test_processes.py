"""Workers that are processes: killed, cut off, quiet."""

import os
import signal
import sys
from pathlib import Path

import pytest
from attrs import evolve
from clips import make_clip
from crews import begun, check_whole, left_in
from packets import packets
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, notices
from wait import until

from birefnet_video.errors import BirefnetVideoError, OutputRefused
from birefnet_video.inputs.reader import Notify
from birefnet_video.jobs import Job
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec
from birefnet_video.outputs.segments import try_path
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.timeline import listed
from birefnet_video.types import Preview
from birefnet_video.workers import opening
from birefnet_video.workers.kept import KeptWorkers
from birefnet_video.workers.local import LocalWorker
from birefnet_video.workers.tasks import Brief, Task

SERVER = (sys.executable, str(Path(__file__).parents[1] / "support" / "serve_stub.py"))
FRAMES = 200


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, with_sound=True)


@pytest.fixture
def hired(monkeypatch: pytest.MonkeyPatch) -> list[LocalWorker]:
    """The workers of the jobs of a test."""
    hired: list[LocalWorker] = []

    def hire(brief: Brief, notify: Notify, kept: KeptWorkers | None) -> list[LocalWorker]:
        new = [LocalWorker(f"worker {number}", brief, notify, (), SERVER, kept) for number in (1, 2)]
        hired.extend(new)
        return new

    monkeypatch.setattr(opening, "hire", hire)
    return hired


def spec_of(clip: Path, folder: Path) -> JobSpec:
    writing = WritingSpec(segment=0.8, workers=2)
    return job_spec(
        clip, (OutputSpec("alpha", folder / "a.mov"),), matte=PLAIN_MATTE, colour=PLAIN_COLOUR, writing=writing
    )


def test_who_watches_sees_a_picture(
    clip: Path, tmp_path: Path, hired: list[LocalWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birefnet_video.workers.local.PREVIEW_S", 0.0)
    job, _ = begun(spec_of(clip, tmp_path))
    seen: dict[int, Preview] = {}

    def look() -> bool:
        if (picture := job.preview(40, 40)) is not None:
            seen[picture.meta.index] = picture
        return len(seen) > 2

    until(look)
    job.cancel()
    job.wait()
    assert all(0 <= index < FRAMES for index in seen)
    assert {each.rgb.shape for each in seen.values()} == {(24, 40, 3)}
    assert all(each.alpha.shape == (24, 40) and each.rgb.any() for each in seen.values())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_killed_worker_is_begun_anew(clip: Path, tmp_path: Path, hired: list[LocalWorker]) -> None:
    (tmp_path / "out").mkdir()
    spec = spec_of(clip, tmp_path / "out")
    job, events = begun(spec)
    until(lambda: job.snapshot().written > 10 and hired[1].pid is not None)
    assert {each.name for each in job.snapshot().workers} == {"worker 1", "worker 2"}
    os.kill(hired[1].pid or 0, signal.SIGKILL)
    assert job.result().frames == FRAMES
    assert "lost" not in [each.state for each in job.snapshot().workers]
    said = "worker 2 has ended without a word, with code -9; another one is begun in its place"
    assert said in notices(events)
    check_whole(spec, tmp_path / "alone")
    assert left_in(tmp_path / "out") == ["a.mov"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_all_killed_and_the_same_again(
    clip: Path, tmp_path: Path, hired: list[LocalWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalWorker, "again", lambda self: None)
    spec = spec_of(clip, tmp_path)
    job, _ = begun(spec)
    until(lambda: (job.snapshot().kept or 0) > 20)
    for worker in hired:
        os.kill(worker.pid or 0, signal.SIGKILL)
    with pytest.raises(BirefnetVideoError, match=r"with code -9.*the same command goes on"):
        job.result()
    again, events = begun(spec)
    assert again.result().frames == FRAMES
    assert any("were done by an earlier run" in line for line in notices(events))
    check_whole(spec, tmp_path / "alone")


def test_what_goes_wrong_there_is_said_as_it_is(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network that can be had; by a worker that users get."""
    from birefnet_video.errors import CheckpointError

    monkeypatch.setattr(opening, "hire", lambda brief, notify, kept: [LocalWorker("worker 1", brief, notify)])
    spec = spec_of(clip, tmp_path)
    spec = evolve(spec, backend=evolve(spec.backend, model=str(tmp_path / "no.safetensors")))
    job, _ = begun(spec)
    with pytest.raises(CheckpointError, match=r"no\.safetensors"):
        job.result()
    assert left_in(tmp_path) == []


def test_closed_workers_leave_no_process(clip: Path, tmp_path: Path, hired: list[LocalWorker]) -> None:
    import psutil

    spec = spec_of(clip, tmp_path)
    job, _ = begun(spec)
    until(lambda: job.snapshot().written > 10 and hired[1].pid is not None)
    numbers = [worker.pid for worker in hired]
    job.cancel()
    job.wait()
    assert not any(psutil.pid_exists(number or 0) for number in numbers)
    assert not [name for name in left_in(tmp_path) if ".try-" in name]


def test_a_render_that_has_made_nothing_leaves_nothing(clip: Path, tmp_path: Path, hired: list[LocalWorker]) -> None:
    spec = spec_of(clip, tmp_path)
    job, _ = begun(evolve(spec, writing=evolve(spec.writing, segment=100)))
    until(lambda: job.snapshot().written > 10)
    job.cancel()
    job.wait()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_outlives_a_segment_that_fails(clip: Path, tmp_path: Path) -> None:
    plan = Plan.of(spec_of(clip, tmp_path))
    timeline, target = listed(plan), plan.outputs[0].spec.path
    assert timeline is not None
    # A folder lies where the first try would be written.
    try_path(target, 0, 0).mkdir(parents=True)
    worker = LocalWorker("worker 1", Brief(plan, timeline), lambda message: None, (), SERVER)
    try:
        worker.open()
        with pytest.raises(OutputRefused):
            worker.render(Task(0, 0, 20), lambda count: None)
        assert worker.render(Task(0, 0, 20, 1), lambda count: None).task.frames == 20
    finally:
        worker.close()


def test_the_next_clip_finds_the_processes(clip: Path, tmp_path: Path, hired: list[LocalWorker]) -> None:
    import psutil

    kept, seen = KeptWorkers(), list[set[int]]()
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        spec = spec_of(clip, tmp_path / name)
        job = Job(evolve(spec, input=InputSpec(duration="3")), kept=kept)
        before = len(hired)
        job.start()
        until(lambda before=before: all(worker.pid for worker in hired[before:]) and len(hired) > before)
        seen.append({worker.pid or 0 for worker in hired[before:]})
        assert job.result().frames == 75
        if name == "two":
            # One ends while nobody uses it.
            gone = min(seen[0] & seen[1])
            os.kill(gone, signal.SIGKILL)
            until(lambda gone=gone: psutil.Process(gone).status() == psutil.STATUS_ZOMBIE)
    # One that still loads when all is done is not kept.
    assert seen[0] & seen[1] and gone not in seen[2]
    kept.close()
    assert not any(psutil.pid_exists(number) for number in seen[0] | seen[2])
    assert packets(tmp_path / "one" / "a.mov") == packets(tmp_path / "three" / "a.mov")
