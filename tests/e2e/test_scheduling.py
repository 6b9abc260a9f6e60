"""Encoders must not take the machine from other programs."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from clips import make_clip
from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, open_stub

from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.encodings import every_encoding
from birefnet_video.outputs.parts import PartWriter
from birefnet_video.outputs.trial import encode_frames
from birefnet_video.outputs.writer import Writer

TASKS = Path("/proc/self/task")


@pytest.mark.skipif(not TASKS.is_dir(), reason="no threads to look at")
@pytest.mark.parametrize("resume", ["never", "auto"])
def test_no_thread_of_a_render_is_scheduled_in_real_time(
    resume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SVT-AV1 asks for it, and root is granted it."""
    seen: set[int] = set()
    for kind in (Writer, PartWriter):
        write = kind.write

        def looking(self: object, *given: object, write: Any = write) -> object:
            # On the thread that opens encoders: none is just being opened.
            for task in TASKS.iterdir():
                with suppress(ProcessLookupError):
                    seen.add(os.sched_getscheduler(int(task.name)))
            return write(self, *given)

        monkeypatch.setattr(kind, "write", looking)
    clip = make_clip(tmp_path / "in.mp4", frames=60)
    output = OutputSpec("composite", tmp_path / "g.mp4", codec="av1")
    spec = job_spec(clip, (output,), matte=PLAIN_MATTE, colour=PLAIN_COLOUR, resume=resume, segment=1.0)
    job = Job(spec, open_backend=open_stub())
    job.start()
    job.result()
    assert seen == {os.SCHED_OTHER}


@pytest.mark.skipif(not TASKS.is_dir(), reason="no threads to look at")
def test_the_doctor_is_not_scheduled_in_real_time() -> None:
    encoding = every_encoding()["av1"]
    for bits in encoding.pixel_formats:
        assert encode_frames(encoding, bits)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
