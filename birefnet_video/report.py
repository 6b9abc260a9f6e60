"""The console's view of a job: a progress bar on a terminal, plain lines elsewhere, or JSON lines."""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNotice,
    JobReport,
    JobSnapshot,
    JobStarted,
    JobStep,
    SceneCut,
)
from birefnet_video.models import BUNDLED
from birefnet_video.options.run import ProgressStyle
from birefnet_video.words import printable

if TYPE_CHECKING:
    from birefnet_video.jobs import Job


#: A plain line is due after this many seconds or this share of the clip.
_LINE_EVERY_S, _LINE_EVERY_SHARE = 10.0, 0.1
_PROGRAM = "birefnet-video"


class Reporter(Protocol):
    """Observes one job."""

    def on_event(self, event: JobEvent) -> None:
        """A rare event, on one of the job's threads."""
        ...

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """A few times a second, on the main thread."""
        ...

    def close(self) -> None:
        """The job has ended."""
        ...


def make_reporter(style: ProgressStyle, *, quiet: bool, names: Mapping[str, str] = MappingProxyType({})) -> Reporter:
    """The reporter for a style.

    Args:
        style: ``auto`` looks whether standard error is a terminal.
        quiet: say nothing but warnings and errors.
        names: what users know files as, by their paths.
    """
    return _UntilTheEnd(_reporter(style, names, quiet=quiet))


def _reporter(style: ProgressStyle, names: Mapping[str, str], *, quiet: bool) -> Reporter:
    if style == "json":
        return JsonReporter(names)
    if quiet or style == "none":
        return LineReporter(sys.stderr, with_progress=False, quiet=quiet, names=names)
    if style == "rich" or (style == "auto" and sys.stderr.isatty()):
        return RichReporter(names)
    return LineReporter(sys.stderr, with_progress=True, names=names)


def _known(text: str, names: Mapping[str, str]) -> str:
    """A text with the names that users know."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text


class _UntilTheEnd:
    """Events come on the job's threads and ticks on the main one: nothing is said after the end, nor within a line."""

    def __init__(self, inner: Reporter) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._has_ended = False

    def on_event(self, event: JobEvent) -> None:
        """See :class:`Reporter`."""
        with self._lock:
            self._has_ended |= isinstance(event, JobFinished | JobCancelled | JobFailed)
            self._inner.on_event(event)

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`Reporter`."""
        with self._lock:
            if not self._has_ended:
                self._inner.on_tick(snapshot)

    def close(self) -> None:
        """See :class:`Reporter`."""
        with self._lock:
            self._has_ended = True
            self._inner.close()


class LineReporter:
    """One line for each thing worth knowing."""

    def __init__(
        self,
        stream: TextIO,
        *,
        with_progress: bool,
        quiet: bool = False,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._stream, self._names = stream, names
        self._with_progress = with_progress
        self._quiet = quiet
        self._last_s = self._last_share = 0.0

    def on_event(self, event: JobEvent) -> None:
        """See :class:`Reporter`."""
        say_event(event, self._say, quiet=self._quiet)

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`Reporter`."""
        if not self._with_progress or not snapshot.written:
            return
        share = snapshot.written / snapshot.total if snapshot.total else 0.0
        if snapshot.elapsed_s - self._last_s < _LINE_EVERY_S and share - self._last_share < _LINE_EVERY_SHARE:
            return
        self._last_s, self._last_share = snapshot.elapsed_s, share
        of = f"/{snapshot.total} {share:.0%}" if snapshot.total else ""
        eta = f" eta {snapshot.eta_s:.0f}s" if snapshot.eta_s is not None else ""
        self._say(f"progress {snapshot.written}{of} {snapshot.fps:.1f} fps{eta}")

    def close(self) -> None:
        """See :class:`Reporter`."""

    def _say(self, line: str) -> None:
        print(printable(_known(line, self._names)), file=self._stream, flush=True)


class RichReporter:
    """A progress bar."""

    def __init__(self, names: Mapping[str, str] = MappingProxyType({})) -> None:
        self._names = names
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[done]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("loading", total=None, done="")
        self._bar.start()

    def on_event(self, event: JobEvent) -> None:
        """See :class:`Reporter`."""
        say_event(event, self._say)

    def _say(self, line: str) -> None:
        self._bar.console.print(printable(_known(line, self._names)), markup=False, soft_wrap=True)

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`Reporter`."""
        total = f"/{snapshot.total}" if snapshot.total else ""
        pace = f"  {snapshot.fps:.1f} fps" if snapshot.fps else ""
        self._bar.update(
            self._task,
            description=str(snapshot.state),
            completed=snapshot.written,
            total=snapshot.total,
            done=f"{snapshot.written}{total} frames{pace}" if snapshot.written else "",
        )

    def close(self) -> None:
        """See :class:`Reporter`."""
        self._bar.stop()


class JsonReporter:
    """One JSON object a line; the command line writes the last one, :func:`final_record`."""

    def __init__(self, names: Mapping[str, str] = MappingProxyType({})) -> None:
        self._names = names
        self._last_written = 0

    def on_event(self, event: JobEvent) -> None:
        """See :class:`Reporter`."""
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

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`Reporter`."""
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
        }
        self._say(record)

    def _say(self, record: dict[str, Any]) -> None:
        say_json(record, self._names)

    def close(self) -> None:
        """See :class:`Reporter`."""


def say_json(record: dict[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> None:
    """One object, one line, one write. A reader that has gone away does not stop a render."""
    try:
        sys.stdout.write(_known(json.dumps(record), names) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it closes stdout at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open until the process ends


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
        "flicker": [round(value, 3) for value in flicker] if flicker else None,
        "error": details,
    }


def say_event(event: JobEvent, say: Callable[[str], None], *, quiet: bool = False) -> None:
    """Put an event into words."""
    if isinstance(event, JobFailed):
        for path in event.kept:
            say(f"kept what was written so far: {path}")
        say(f"{_PROGRAM}: error: {describe_error(event.error)}")
    elif isinstance(event, JobNotice):
        say(f"note: {event.message}")
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
    """What came out, and what would be better."""
    names = ", ".join(str(path) for path in report.outputs)
    frames = f"{report.frames} frames" if report.frames != 1 else "1 frame"
    pace = f" in {report.seconds:.1f} s ({report.fps:.1f} fps)" if report.fps else ""
    say(f"wrote {names}: {frames}{pace}, after {report.loading_s:.1f} s of loading; verified")
    if report.flicker is not None and report.flicker[0] > 0:
        before, after = report.flicker
        cuts = f", {len(report.cuts)} scene cuts" if report.cuts else ""
        say(f"smoothing: flicker {before:.2f} before, {after:.2f} after{cuts}")
    if report.backend.startswith(f"{BUNDLED} "):
        say(
            "tip: a larger model gives better edges: hf download ZhengPeng7/BiRefNet_lite model.safetensors, "
            "then add -m lite"
        )


def describe_error(error: BaseException) -> str:
    """One line."""
    if isinstance(error, BirefnetVideoError):
        return str(error)
    text = " ".join(str(error).split())
    return f"unexpected {type(error).__name__}: {text}; run again with -v for the details"
