"""A render that is served by this process, for those who watch it."""

import threading
from pathlib import Path

from clips import make_clip
from specs import render_request
from stubs import stub_job

from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.renders.record import JobRecord
from birefnet_video.renders.serving import serve
from birefnet_video.renders.store import JobStore


class Served:
    """A job that is served by this process."""

    def __init__(self, folder: Path, *, frames: int = 300, source: Path | None = None) -> None:
        self.clip = source or make_clip(folder / "in.mp4", frames=frames)
        self.out = folder / "out.mov"
        self.store = JobStore(folder / "jobs")
        self.record = self.store.add(render_request(self.clip, self.out), folder=folder)
        self.job, _ = stub_job(self.clip, {"alpha": self.out}, delay_s=0.01)
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        serve(self.job, self.store, self.record.id, self._run)

    def _run(self, job: Job) -> int:
        job.start()
        return {JobState.FINISHED: 0, JobState.CANCELLED: 130}.get(job.wait(), 1)

    def now(self) -> JobRecord:
        return self.store.find(self.record.id)
