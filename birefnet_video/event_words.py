"""Events, reports and errors of a job in words."""

from collections.abc import Callable

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNotice,
    JobReport,
    JobStarted,
    JobStep,
    SubjectNoted,
)
from birefnet_video.zoo.known import BUNDLED

_PROGRAM = "birefnet-video"
#: Of places where a subject was lost that are named at the end.
_MOST_TIMES = 5


def say_event(event: JobEvent, say: Callable[[str], None], *, quiet: bool = False) -> None:
    """Put an event into words."""
    if isinstance(event, JobFailed):
        for path in event.kept:
            say(f"kept what was written so far: {path}")
        say(f"{_PROGRAM}: error: {describe_error(event.error)}")
    elif isinstance(event, JobNotice):
        say(f"note: {event.message}")
    elif isinstance(event, SubjectNoted):
        say(f"subject: {event.describe()}")
    elif isinstance(event, JobCancelled):
        kept = ", ".join(str(path) for path in event.kept)
        say(f"cancelled; kept what was written so far: {kept}" if kept else "cancelled; nothing was written")
    elif quiet:
        return
    elif isinstance(event, JobStep):
        say(event.message)
    elif isinstance(event, JobStarted):
        info = event.info
        frames = f", about {info.frame_count} frames" if info.frame_count else ""
        say(f"{info.path}: {info.width}x{info.height}, {float(info.frame_rate):.4g} fps{frames}")
        say(f"model: {event.plan}")
    elif isinstance(event, JobFinished):
        say_report(event.report, say)


def say_report(report: JobReport, say: Callable[[str], None]) -> None:
    """What came out, and what would be better. Of what an earlier run has done, a notice has said so."""
    if report.was_done_before:
        return
    names = ", ".join(str(path) for path in report.outputs)
    frames = f"{report.frames} frames" if report.frames != 1 else "1 frame"
    pace = f" in {report.seconds:.1f} s ({report.fps:.1f} fps)" if report.fps else ""
    say(f"wrote {names}: {frames}{pace}, after {report.loading_s:.1f} s of loading; verified")
    if report.flicker is not None and report.flicker[0] > 0:
        before, after = report.flicker
        cuts = f", {len(report.cuts)} scene cuts" if report.cuts else ""
        say(f"smoothing: flicker {before:.2f} before, {after:.2f} after{cuts}")
    if lost := [noted for noted in report.subjects if noted.counts]:
        times = ", ".join(f"{noted.time_s:.2f}" for noted in lost[:_MOST_TIMES])
        more = f" and {len(lost) - _MOST_TIMES} more" if len(lost) > _MOST_TIMES else ""
        say(f"subject: look at {times} s{more}: --subject {lost[0].time_s:.2f}:point=x,y corrects from there on")
    if report.backend.startswith(f"{BUNDLED} "):
        say("tip: a larger model gives better edges: birefnet-video models pull lite-matting, then add -m lite-matting")


def describe_error(error: BaseException) -> str:
    """One line."""
    if isinstance(error, BirefnetVideoError):
        return str(error)
    text = " ".join(str(error).split())
    return f"unexpected {type(error).__name__}: {text}; run again with -v for the details"
