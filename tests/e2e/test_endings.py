"""Nothing that is there is lost, whatever happens at the end of a job."""

import os
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, read_times
from specs import job_spec
from stubs import INFO, open_stub, our_threads, stub_job

from birefnet_video.backends.stub import StubBackend
from birefnet_video.errors import BirefnetVideoError, InputMissing, OutputRefused
from birefnet_video.events import JobEvent, JobFailed, JobFinished, JobStarted, JobState
from birefnet_video.jobs import Job
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.types import MediaInfo


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", frames=12)


def run(job: Job) -> JobState:
    job.start()
    state = job.wait()
    assert our_threads() == []
    return state


def test_a_file_that_appears_meanwhile_is_not_replaced(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    job, events = stub_job(clip, {"alpha": out})
    job.subscribe(lambda event: out.write_text("mine") if isinstance(event, JobStarted) else None)
    assert run(job) is JobState.FAILED
    assert out.read_text() == "mine"
    failed = events[-1]
    assert isinstance(failed, JobFailed) and isinstance(failed.error, OutputRefused)
    assert failed.kept == (tmp_path / "out.partial.mov",) and len(read_times(failed.kept[0])) == 12


def test_two_jobs_with_one_target_do_not_mix(clip: Path, tmp_path: Path) -> None:
    jobs = [stub_job(clip, {"alpha": tmp_path / "out.mov"}, delay_s=0.005)[0] for _ in range(2)]
    for job in jobs:
        job.start()
    assert sorted(job.wait() for job in jobs) == [JobState.FAILED, JobState.FINISHED]
    assert len(read_times(tmp_path / "out.mov")) == 12


def test_overwriting_replaces_what_a_link_names(clip: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real.mov", tmp_path / "link.mov"
    real.write_text("old")
    link.symlink_to(real)
    spec = job_spec(clip, (OutputSpec("alpha", link),), overwrite=True)
    assert run(Job(spec, open_backend=open_stub())) is JobState.FINISHED
    assert link.is_symlink() and len(read_times(real)) == 12


def test_names_for_unfinished_files_are_refused(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "z.mov", "green": tmp_path / "z.partial.mov"})
    assert run(job) is JobState.FAILED
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    job, _ = stub_job(tmp_path / "pipe", {"alpha": tmp_path / "out.mov"})
    run(job)
    with pytest.raises(InputMissing, match="no regular file"):
        job.result()


class Fails(StubBackend):
    """Gives up after eight frames, or on closing."""

    def __init__(self, *, on_close: bool) -> None:
        super().__init__(INFO)
        self.on_close, self.frames = on_close, 0

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        self.frames += len(rgb)
        if not self.on_close and self.frames > 8:
            raise RuntimeError("device lost")
        return super().infer(rgb)

    def close(self) -> None:
        if self.on_close:
            raise RuntimeError("device lost")


def job_with(backend: StubBackend, clip: Path, out: Path) -> tuple[Job, list[JobEvent]]:
    def open_backend(spec: BackendSpec, info: MediaInfo, tell: object) -> StubBackend:
        return backend

    job = Job(job_spec(clip, (OutputSpec("alpha", out),)), open_backend=open_backend)
    events: list[JobEvent] = []
    job.subscribe(events.append)
    return job, events


def test_a_backend_that_fails_midway_leaves_a_playable_part(clip: Path, tmp_path: Path) -> None:
    job, events = job_with(Fails(on_close=False), clip, tmp_path / "out.mov")
    assert run(job) is JobState.FAILED
    with pytest.raises(RuntimeError, match="device lost"):
        job.result()
    assert isinstance(events[-1], JobFailed)
    assert not (tmp_path / "out.mov").exists()
    assert all(len(read_times(path)) <= 8 for path in events[-1].kept)


def test_what_breaks_in_loading_because_of_a_cancel_is_no_failure(clip: Path, tmp_path: Path) -> None:
    def ended_by_ctrl_c(spec: BackendSpec, info: MediaInfo, tell: object) -> StubBackend:
        job.cancel()
        raise RuntimeError("a process that builds was interrupted")

    output = OutputSpec("alpha", tmp_path / "out.mov")
    job = Job(job_spec(clip, (output,)), open_backend=ended_by_ctrl_c)
    assert run(job) is JobState.CANCELLED
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_backend_that_fails_to_close_changes_nothing(clip: Path, tmp_path: Path) -> None:
    job, events = job_with(Fails(on_close=True), clip, tmp_path / "out.mov")
    assert run(job) is JobState.FINISHED
    assert isinstance(events[-1], JobFinished) and len(read_times(tmp_path / "out.mov")) == 12


def test_an_observer_that_fails_changes_nothing(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov"})

    def broken(event: JobEvent) -> None:
        raise ValueError("observer")

    job.subscribe(broken)
    assert run(job) is JobState.FINISHED


def test_a_job_can_be_cancelled_before_it_starts_and_asked_before_it_ends(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"alpha": tmp_path / "out.mov"})
    assert job.wait() is JobState.WAITING
    job.cancel()
    assert run(job) is JobState.CANCELLED
    with pytest.raises(BirefnetVideoError, match="cancelled"):
        job.result()
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_speed_is_reported_without_anybody_watching(clip: Path, tmp_path: Path) -> None:
    job, _ = stub_job(clip, {"mask": tmp_path / "m.mkv"}, delay_s=0.01)
    job.start()
    report = job.result()
    assert 1 < report.fps < 200
    assert [stage.name for stage in report.stages] == ["decode", "prepare", "infer", "compose", "encode"]
