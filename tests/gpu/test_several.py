"""Several GPUs share one render. With one GPU two workers have it."""

import os
import signal
from pathlib import Path

import pytest
import torch
from attrs import evolve
from clips import make_clip
from packets import packets
from specs import job_spec
from wait import until

from birefnet_video.events import JobEvent, JobNotice
from birefnet_video.jobs import Job
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import OutputSpec

pytestmark = pytest.mark.gpu
FRAMES = 240


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=FRAMES, size=(640, 360), with_sound=True)


def spec_of(clip: Path, folder: Path, **options: object) -> JobSpec:
    """ProRes in segments of a second, in batches of a fixed size."""
    folder.mkdir(exist_ok=True)
    outputs = (OutputSpec("alpha", folder / "a.mov"),)
    return job_spec(clip, outputs, **{"device": "cuda:0", "batch_size": 4, "segment": 1.0, **options})


def all_of_them() -> dict[str, object]:
    """Options that have at least two workers."""
    return {"device": "cuda:all"} if torch.cuda.device_count() > 1 else {"workers": 2}


def begun(spec: JobSpec) -> tuple[Job, list[JobEvent]]:
    job, events = Job(spec), []
    job.subscribe(events.append)
    job.start()
    return job, events


def test_workers_make_what_one_process_makes(clip: Path, tmp_path: Path) -> None:
    names = {torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    whole, shared = spec_of(clip, tmp_path / "whole"), spec_of(clip, tmp_path / "shared", **all_of_them())
    begun(whole)[0].result()
    job, _ = begun(shared)
    assert job.result().frames == FRAMES
    assert len(job.snapshot().workers) >= 2
    # Cards of different kinds may compute last digits otherwise.
    if len(names) == 1:
        assert packets(shared.outputs[0].path) == packets(whole.outputs[0].path)


def test_a_card_whose_worker_dies_is_done_without(clip: Path, tmp_path: Path) -> None:
    import psutil

    job, events = begun(spec_of(clip, tmp_path, **all_of_them()))
    until(lambda: job.snapshot().written > 30)
    serving = [each.pid for each in psutil.Process().children() if "workers.serving" in " ".join(each.cmdline())]
    os.kill(serving[-1], signal.SIGKILL)
    assert job.result().frames == FRAMES
    told = [event.message for event in events if isinstance(event, JobNotice)]
    assert any("with code -9" in text and "are left" in text for text in told)


def test_another_number_of_cards_goes_on(clip: Path, tmp_path: Path) -> None:
    shared = spec_of(clip, tmp_path / "a", **all_of_them())
    job, _ = begun(shared)
    until(lambda: (job.snapshot().kept or 0) > 20)
    job.cancel()
    job.wait()
    alone = evolve(
        shared,
        backend=evolve(shared.backend, device="cuda:0"),
        writing=evolve(shared.writing, workers=None),
    )
    again, events = begun(alone)
    assert again.result().frames == FRAMES
    assert any("were done by an earlier run" in event.message for event in events if isinstance(event, JobNotice))
