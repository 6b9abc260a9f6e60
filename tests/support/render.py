"""A process of its own that renders with the stub and says how many frames are written: to be killed.

python tests/support/render.py INPUT KIND=OUTPUT... [segment=SECONDS]
"""

import sys
from pathlib import Path

from specs import job_spec
from stubs import PLAIN_COLOUR, PLAIN_MATTE, open_stub

from birefnet_video.events import JobState
from birefnet_video.jobs import Job
from birefnet_video.options.outputs import OutputSpec


def main() -> None:
    """Print the number of frames that are reported as written, until the end."""
    pairs = [argument.split("=", 1) for argument in sys.argv[2:]]
    seconds = {key: float(value) for key, value in pairs if key == "segment"}
    outputs = tuple(OutputSpec(kind, Path(path)) for kind, path in pairs if kind != "segment")  # type: ignore[arg-type]
    spec = job_spec(Path(sys.argv[1]), outputs, matte=PLAIN_MATTE, colour=PLAIN_COLOUR, **seconds)
    job = Job(spec, open_backend=open_stub(delay_s=0.004))
    job.start()
    while job.wait(0.01) in (JobState.WAITING, JobState.LOADING, JobState.RUNNING):
        print(job.snapshot().written, flush=True)
    if job.report is None:
        job.result()


if __name__ == "__main__":
    main()
