"""Jobs with a network that needs no torch, and what they said."""

import threading
from pathlib import Path

from specs import job_spec

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.stub import StubBackend
from birefnet_video.events import JobEvent, JobNotice
from birefnet_video.jobs import Job
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.outputs import OutputKind, OutputSpec
from birefnet_video.pipeline.assemble import OpenBackend

#: Mattes and colours as they come, for tests of everything else.
PLAIN_MATTE, PLAIN_COLOUR = MatteSpec(smooth="off", refine=False), ColourSpec(decontaminate="off")
INFO = BackendInfo("stub", "stub", "cpu", "none", (96, 160), 4)


def open_stub(*, delay_s: float = 0.0, batch_size: int = 4) -> OpenBackend:
    """For ``Job(open_backend=...)``."""
    from dataclasses import replace

    return lambda spec, info, tell: StubBackend(replace(INFO, batch_size=batch_size), delay_s=delay_s)


def stub_job(source: Path, outputs: dict[str, Path], **options: object) -> tuple[Job, list[JobEvent]]:
    """A job that has not been started, and the list that its events go to."""
    kinds: dict[str, OutputKind] = {"green": "composite"}
    made = tuple(OutputSpec(kinds.get(kind, kind), path) for kind, path in outputs.items())  # type: ignore[arg-type]
    spec = job_spec(source, made, matte=PLAIN_MATTE, colour=PLAIN_COLOUR)
    job = Job(spec, open_backend=open_stub(**options))  # type: ignore[arg-type]
    events: list[JobEvent] = []
    job.subscribe(events.append)
    return job, events


def notices(events: list[JobEvent]) -> list[str]:
    """What a user was told."""
    return [event.message for event in events if isinstance(event, JobNotice)]


def our_threads() -> list[str]:
    """Names of the job threads that still run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("birefnet-video")]
