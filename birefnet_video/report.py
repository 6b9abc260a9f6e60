"""The console's view of a job: a progress bar on a terminal, plain lines elsewhere, or JSON lines."""

import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol, TextIO

from birefnet_video.errors import DamagedInput
from birefnet_video.event_words import say_event
from birefnet_video.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNotice,
    JobSnapshot,
    JobState,
    JobStep,
)
from birefnet_video.jobs import Job
from birefnet_video.json_lines import JsonReporter
from birefnet_video.options.run import ProgressStyle, RunSpec
from birefnet_video.types import Step
from birefnet_video.words import known_as, printable

#: A plain line is due after this many seconds or this share of the clip.
_LINE_EVERY_S, _LINE_EVERY_SHARE = 10.0, 0.1
#: How often progress is polled, in seconds.
_POLL_S = 0.25


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


class End(NamedTuple):
    """How a job has ended."""

    code: int
    """The exit code that says so."""
    name: str
    """finished, failed or cancelled."""
    error: BaseException | None
    """Why it failed."""
    kept: tuple[Path, ...]
    """Files that are not finished."""


def follow(job: Job, reporter: Reporter, received: Sequence[int]) -> End:
    """Start a job and report of it until it has ended.

    Args:
        job: not yet started.
        reporter: told of all; it is closed.
        received: signals that have asked for the end, as they come; somebody else cancels the job.
    """
    ends: list[JobCancelled | JobFailed] = []
    job.subscribe(reporter.on_event)
    job.subscribe(lambda event: ends.append(event) if isinstance(event, JobCancelled | JobFailed) else None)
    try:
        job.start()
        is_told = False
        while not (state := job.wait(_POLL_S)).is_end:
            reporter.on_tick(job.snapshot())
            if received and state is JobState.LOADING and not is_told:
                reporter.on_event(JobNotice("stopping when the network is loaded; a second signal stops at once"))
                is_told = True
        job.wait()
    finally:
        reporter.close()
    end = ends[-1] if ends else None
    kept = end.kept if end is not None else ()
    if isinstance(end, JobFailed):
        return End(getattr(end.error, "exit_code", 1), "failed", end.error, kept)
    if job.report is None:
        return End(128 + (received[0] if received else signal.SIGINT), "cancelled", None, kept)
    is_lost = job.spec.matte.strict_subject and any(noted.counts for noted in job.report.subjects)
    return End(DamagedInput.exit_code if job.report.damage or is_lost else 0, "finished", None, kept)


def make_reporter(style: ProgressStyle, *, quiet: bool, names: Mapping[str, str] = MappingProxyType({})) -> Reporter:
    """The reporter for a style.

    Args:
        style: ``auto`` looks whether standard error is a terminal.
        quiet: say nothing but warnings and errors.
        names: what users know files as, by their paths.
    """
    return until_the_end(_reporter(style, names, quiet=quiet))


def notifier(run: RunSpec) -> Callable[[str], None]:
    """What tells of steps and of what a user should know, where no job is watched.

    Args:
        run: how it is watched.
    """
    reporter = make_reporter("plain" if run.style in ("auto", "rich") else run.style, quiet=run.quiet)
    return lambda message: reporter.on_event(JobStep(message) if isinstance(message, Step) else JobNotice(message))


def until_the_end(reporter: Reporter) -> Reporter:
    """A reporter of one job that says nothing after its end, nor two things at once."""
    return _UntilTheEnd(reporter)


def _reporter(style: ProgressStyle, names: Mapping[str, str], *, quiet: bool) -> Reporter:
    if style == "json":
        return JsonReporter(names)
    if quiet or style == "none":
        return LineReporter(sys.stderr, with_progress=False, quiet=quiet, names=names)
    if style == "rich" or (style == "auto" and sys.stderr.isatty()):
        return RichReporter(names)
    return LineReporter(sys.stderr, with_progress=True, names=names)


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
        print(printable(known_as(line, self._names)), file=self._stream, flush=True)


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
        self._bar.console.print(printable(known_as(line, self._names)), markup=False, soft_wrap=True)

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
