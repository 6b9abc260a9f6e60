"""What a finished run did, where its time went, and what would make it faster."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from birefnet_video.bottleneck import advice, limiting_stage
from birefnet_video.events import JobState, StageSnapshot
from birefnet_video.renders.wire import Noted, noted_of

if TYPE_CHECKING:
    from birefnet_video.jobs import Job

#: Fields that summaries of earlier versions lack.
_ADDED = {"total": None, "loading": 0.0, "gpu_share": None, "subjects": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run that has ended, in values that JSON has."""

    state: str
    exit_code: int
    source: str
    outputs: tuple[str, ...]
    """Finished files, or what is kept of them."""
    bytes_written: int
    frames: int
    total: int | None
    """Of the input, if known."""
    seconds: float
    """Of the rendering, without :attr:`loading`."""
    loading: float
    fps: float
    realtime: float | None
    """Seconds of video a second; ``None`` if the input's rate is not known."""
    plan: str
    stages: tuple[StageSnapshot, ...]
    limit: str | None
    """The stage that was busiest, or ``None`` if none was busy for most of the time."""
    advice: tuple[str, ...]
    """What would make it faster."""
    flicker: tuple[float, float] | None
    cuts: int
    subjects: tuple[Noted, ...] = ()
    """What became of subjects that were followed, in the order of time."""
    warnings: tuple[str, ...]
    error: str | None
    hint: str | None
    command: str
    peak_memory: int | None
    """Bytes, of the rendering process."""
    gpu_share: float | None = None
    """As of :attr:`birefnet_video.events.JobSnapshot.gpu_share`."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """
        Raises:
            ValueError: if it is no summary of this version.
        """
        known = {field.name for field in fields(cls)}
        values = _ADDED | values
        if set(values) != known:
            raise ValueError("no summary of this version")
        flicker = values["flicker"]
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            | {
                "stages": tuple(StageSnapshot(**stage) for stage in values["stages"]),
                "subjects": tuple(Noted(**noted) for noted in values["subjects"]),
                "flicker": (flicker[0], flicker[1]) if flicker else None,
            }
        )

    def save_beside(self, output: Path) -> Path:
        """Write it as JSON beside an output: ``out.mov`` gives ``out.run.json``; returns the path.

        Raises:
            OSError: if it cannot be written.
        """
        stem = output.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        path = output.with_name(f"{stem}.run.json")
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        return path


def summarise(
    job: "Job", *, exit_code: int, kept: tuple[Path, ...], error: BaseException | None, command: str
) -> RunSummary:
    """The summary of a job that has ended.

    Args:
        job: that has ended.
        exit_code: of its process.
        kept: what is left of outputs that were not finished.
        error: why it failed, or ``None``.
        command: that does the same again.
    """
    snapshot, report = job.snapshot(), job.report
    outputs = report.outputs if report else kept
    info = job.info
    rate = float(info.frame_rate) if info else 0.0
    limit = limiting_stage(snapshot)
    return RunSummary(
        state=str(snapshot.state),
        exit_code=exit_code,
        source=str(job.spec.source),
        outputs=tuple(str(path) for path in outputs),
        bytes_written=snapshot.bytes_written,
        frames=snapshot.written,
        total=snapshot.total,
        seconds=round(snapshot.elapsed_s - snapshot.loading_s, 3),
        loading=round(snapshot.loading_s, 3),
        fps=round(snapshot.fps, 2),
        realtime=round(snapshot.fps / rate, 3) if rate else None,
        plan=job.backend.describe() if job.backend else "",
        stages=snapshot.stages,
        limit=limit,
        advice=advice(limit, job.spec, job.backend, info) if snapshot.state is JobState.FINISHED else (),
        flicker=job.flicker,
        cuts=len(job.cuts),
        subjects=tuple(noted_of(noted) for noted in job.subjects),
        warnings=job.warnings,
        error=getattr(error, "message", None) or (" ".join(str(error).split()) if error else None),
        hint=getattr(error, "hint", None),
        command=command,
        peak_memory=_peak_memory(),
        gpu_share=None if snapshot.gpu_share is None else round(snapshot.gpu_share, 3),
    )


def _peak_memory() -> int | None:
    import sys

    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
