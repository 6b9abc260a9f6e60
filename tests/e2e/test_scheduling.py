"""Encoders must not take the machine from other programs."""

import os
from pathlib import Path

import pytest
from clips import make_clip
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, open_stub

from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec

TASKS = Path("/proc/self/task")


@pytest.mark.skipif(not TASKS.is_dir(), reason="no threads to look at")
@pytest.mark.parametrize("resume", ["never", "auto"])
def test_no_thread_of_a_render_is_scheduled_in_real_time(resume: str, tmp_path: Path) -> None:
    """SVT-AV1 asks for it, and root is granted it."""
    clip = make_clip(tmp_path / "in.mp4", frames=60)
    output = OutputSpec("composite", tmp_path / "g.mp4", codec="av1")
    spec = job_spec(clip, (output,), matte=PLAIN_MATTE, colour=PLAIN_COLOUR, resume=resume, segment=1.0)
    job = Job(spec, open_backend=open_stub(delay_s=0.01))
    seen: set[int] = set()
    job.start()
    while (state := job.wait(0.02)) in (JobState.WAITING, JobState.LOADING, JobState.RUNNING):
        for task in TASKS.iterdir() if state is JobState.RUNNING else ():
            try:
                seen.add(os.sched_getscheduler(int(task.name)))
            except ProcessLookupError:
                continue
    job.result()
    assert seen == {os.SCHED_OTHER}
