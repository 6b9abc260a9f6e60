"""A render that is watched on the command line, in this process."""

import signal
import threading
from pathlib import Path

import pytest
from clips import make_clip
from specs import job_spec
from stubs import INFO

from birefnet_video import execute
from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobEvent, JobNotice, JobSnapshot
from birefnet_video.jobs import Job
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.options.run import RunSpec
from birefnet_video.types import MediaInfo


class Listener:
    """A reporter that knows when somebody was told to wait."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def on_event(self, event: JobEvent) -> None:
        if isinstance(event, JobNotice) and "when the network is loaded" in event.message:
            self.told.set()

    def on_tick(self, snapshot: JobSnapshot) -> None:
        pass

    def close(self) -> None:
        pass


def test_who_ends_it_while_the_network_loads_is_told_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[int] = []
    listener = Listener()
    monkeypatch.setattr(execute, "stop_on_signals", lambda stop: received)
    monkeypatch.setattr(execute, "make_reporter", lambda style, *, quiet, names: listener)

    def load(spec: BackendSpec, info: MediaInfo, tell: object) -> StubBackend:
        received.append(signal.SIGTERM)
        job.cancel()
        assert listener.told.wait(20)
        return StubBackend(INFO)

    spec = job_spec(make_clip(tmp_path / "in.mp4"), (OutputSpec("mask", tmp_path / "out.mkv"),))
    job = Job(spec, open_backend=load)
    assert execute.watch_job(job, RunSpec(progress="plain")) == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
