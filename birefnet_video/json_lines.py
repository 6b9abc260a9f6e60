"""What a run says to other programs: one JSON object a line on standard output."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from birefnet_video.events import JobEvent, JobNotice, JobSnapshot, JobStarted, JobStep, SceneCut, SubjectNoted
from birefnet_video.words import known_as

if TYPE_CHECKING:
    from birefnet_video.jobs import Job


class JsonReporter:
    """One JSON object a line; the command line writes the last one, :func:`final_record`."""

    def __init__(
        self, names: Mapping[str, str] = MappingProxyType({}), *, about: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """
        Args:
            names: what users know files as, by their paths.
            about: what every object says, too.
        """
        self._names, self._about = names, about
        self._last_written = 0
        self._is_lost = False

    def on_event(self, event: JobEvent) -> None:
        """See :class:`birefnet_video.report.Reporter`."""
        if isinstance(event, JobStarted):
            info = event.info
            size = {"width": info.width, "height": info.height}
            self._say({"event": "started", "plan": event.plan, **size, "total": info.frame_count})
        elif isinstance(event, JobNotice):
            self._say({"event": "notice", "message": event.message})
        elif isinstance(event, JobStep):
            self._say({"event": "step", "message": event.message})
        elif isinstance(event, SceneCut):
            self._say({"event": "cut", "frame": event.frame.index, "time": round(event.frame.time_s, 3)})
        elif isinstance(event, SubjectNoted):
            self._say({"event": "subject", **noted_record(event)})

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`birefnet_video.report.Reporter`."""
        if snapshot.written == self._last_written:
            return
        self._last_written = snapshot.written
        record = {
            "event": "progress",
            "state": str(snapshot.state),
            "frames": snapshot.written,
            "total": snapshot.total,
            "fps": round(snapshot.fps, 2),
            "eta": None if snapshot.eta_s is None else round(snapshot.eta_s, 1),
            "kept": snapshot.kept,
            "workers": [asdict(worker) for worker in snapshot.workers],
        }
        self._say(record)

    def _say(self, record: dict[str, Any]) -> None:
        if self._is_lost:
            return
        try:
            say_json({**record, **self._about}, self._names)
        except OSError:
            # Told once, where the last object cannot be written either.
            self._is_lost = True

    def close(self) -> None:
        """See :class:`birefnet_video.report.Reporter`."""


def say_json(record: dict[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> None:
    """One object, one line, one write. A reader that has gone away does not stop a render."""
    try:
        sys.stdout.write(known_as(json.dumps(record), names) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it closes stdout at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open until the process ends


def noted_record(noted: SubjectNoted) -> dict[str, Any]:
    """What has become of a subject, as JSON values."""
    return {
        "subject": noted.subject,
        "finding": noted.finding,
        "why": noted.why,
        "frame": noted.frame.index,
        "time": round(noted.time_s, 3),
    }


def final_record(
    event: str, exit_code: int, job: "Job | None", error: BaseException | None, kept: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """The last JSON object of a run."""
    details = None
    if error is not None:
        details = {"type": type(error).__name__, "message": str(error), "hint": getattr(error, "hint", None)}
    snapshot = job.snapshot() if job else None
    outputs = job.report.outputs if job and job.report else kept
    flicker = job.flicker if job else None
    return {
        "event": event,
        "exit_code": exit_code,
        "frames": snapshot.written if snapshot else 0,
        "seconds": round(snapshot.elapsed_s, 3) if snapshot else 0.0,
        "loading": round(snapshot.loading_s, 3) if snapshot else 0.0,
        "fps": round(snapshot.fps, 2) if snapshot else 0.0,
        "outputs": [str(path) for path in outputs],
        "warnings": list(job.warnings) if job else [],
        "cuts": [frame.index for frame in job.cuts] if job else [],
        "subjects": [noted_record(noted) for noted in job.subjects] if job else [],
        "flicker": [round(value, 3) for value in flicker] if flicker else None,
        "gpu_share": round(snapshot.gpu_share, 3) if snapshot and snapshot.gpu_share is not None else None,
        "error": details,
    }
