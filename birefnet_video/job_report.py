"""The report of a job that has made its outputs."""

from typing import TYPE_CHECKING

from birefnet_video.events import JobReport

if TYPE_CHECKING:
    from birefnet_video.jobs import Job
    from birefnet_video.pipeline.line import Run


def report_of(job: "Job", line: "Run", seconds: float) -> JobReport:
    """What a job did.

    Args:
        job: whose outputs have their final names.
        line: that made them.
        seconds: of the rendering, pauses left out.
    """
    snapshot = job.snapshot()
    return JobReport(
        source=str(job.spec.source),
        outputs=tuple(writer.target for writer in line.writers),
        frames=line.writers[0].frames,
        seconds=seconds,
        fps=snapshot.fps,
        loading_s=snapshot.loading_s,
        backend=line.matting.info.describe(),
        warnings=job.warnings,
        damage="; ".join(line.damage()) or None,
        stages=snapshot.stages,
        cuts=job.cuts,
        subjects=job.subjects,
        flicker=job.flicker,
        gpu_share=snapshot.gpu_share,
    )
