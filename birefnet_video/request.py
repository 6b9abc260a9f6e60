"""A render as the command line asks for it: watched here, in a terminal interface, or left to itself."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from birefnet_video.commands.webcam import LiveRequest
from birefnet_video.errors import DamagedInput, OutputRefused, UsageError
from birefnet_video.events import JobCancelled, JobEvent, JobFailed, JobNotice, JobState
from birefnet_video.jobs import Job
from birefnet_video.media.missing import missing_input
from birefnet_video.report import ProgressStyle, final_record, make_reporter, say_json
from birefnet_video.signals import exit_on_signals, stop_on_signals
from birefnet_video.spec import JobSpec

_EXIT_DAMAGED = DamagedInput.exit_code
#: Bytes of standard input that are copied at once.
_SPOOL_BYTES = 1 << 20
#: How often progress is polled, in seconds.
_POLL_S = 0.25
#: Options that say where to render and not what.
_APART = ("--tui", "--detach")


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """What to render, and how it is watched."""

    spec: JobSpec
    style: ProgressStyle
    quiet: bool
    verbose: bool
    tui: bool = False
    """Render in a process apart and watch it in a terminal interface."""
    detach: bool = False
    """Render in a process apart and do not watch it."""
    record_id: str | None = None
    """Of the record of a render that this process was started for."""

    def carry_out(self, arguments: list[str]) -> int:
        """Render, or have it rendered.

        Args:
            arguments: that this request was made of.

        Returns:
            the exit code.

        Raises:
            BirefnetVideoError: if it cannot begin.
        """
        source = self.spec.source
        # What is said here is said with what was probably meant.
        if str(source) != "-" and (source.is_dir() or not ("%" in source.name or source.exists())):
            raise missing_input(source)
        if self.tui or self.detach:
            return self._render_apart(arguments)
        if self.record_id is not None:
            from birefnet_video.remote.process import serve
            from birefnet_video.remote.store import JobStore

            return serve(Job(self.spec), JobStore(), self.record_id, self._run)
        if str(self.spec.source) != "-":
            return self._run(Job(self.spec))
        with _spooled_input() as path:
            return self._run(Job(replace(self.spec, source=path)), {str(path): "standard input"})

    def _run(self, job: Job, names: Mapping[str, str] = MappingProxyType({})) -> int:
        """Watch a job to its end.

        Args:
            job: not yet started.
            names: what users know files as, by their paths.
        """
        return _run(job, self.style, names, quiet=self.quiet, verbose=self.verbose)

    def _render_apart(self, arguments: list[str]) -> int:
        outputs = [str(output.path) for output in self.spec.outputs]
        return start_apart(str(self.spec.source), outputs, arguments, watched=self.tui)


def carry_out_live(request: LiveRequest, arguments: list[str]) -> int:
    """As of :meth:`RenderRequest.carry_out`."""
    if not request.tui:
        return request.run()
    outputs = [str(output.path) for output in request.spec.outputs]
    outputs += [f"virtual camera {request.spec.virtual_camera}"] if request.spec.virtual_camera else []
    return start_apart(request.spec.source or "camera", outputs, arguments, watched=True)


def start_apart(source: str, outputs: list[str], arguments: list[str], *, watched: bool) -> int:
    """Start a process of its own, and watch it or not.

    Args:
        source: to be shown.
        outputs: to be shown.
        arguments: of this process.
        watched: in a terminal interface, until that is left.

    Returns:
        the exit code.

    Raises:
        UsageError: if there is no terminal to watch it in.
    """
    from birefnet_video.remote.process import launch
    from birefnet_video.remote.store import JobStore

    if watched:
        from birefnet_video.tui.start import require_terminal

        require_terminal(hint="without --tui it runs anywhere")
    store = JobStore()
    kept = [argument for argument in arguments if argument.partition("=")[0] not in _APART]
    record = launch(store, store.add(kept, source, outputs, folder=Path.cwd(), queued=False))
    if watched:
        from birefnet_video.tui.start import watch

        return watch(store, record)
    print(f"{record.id}: rendering; birefnet-video attach {record.id} shows it", file=sys.stderr)
    return 0


@contextmanager
def _spooled_input() -> Iterator[Path]:
    """Standard input as a file that only this user can read: sound and picture are read apart, some files end to end.

    Raises:
        UsageError: if standard input is a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "-: standard input is a terminal", hint="send a video into it: cat in.mp4 | birefnet-video - ..."
        )
    import tempfile

    exit_on_signals()
    try:
        folder = tempfile.TemporaryDirectory(prefix="birefnet-video-")
    except OSError as error:
        raise _no_room(Path(tempfile.gettempdir()), error) from None
    with folder as name:
        path = Path(name) / "stdin"
        try:
            with path.open("xb") as file:
                # Not through a buffer, which would wait for the rest of a block when a signal asks for the end.
                while block := os.read(sys.stdin.fileno(), _SPOOL_BYTES):
                    file.write(block)
        except OSError as error:
            raise _no_room(Path(name).parent, error) from None
        yield path


def _no_room(folder: Path, error: OSError) -> OutputRefused:
    return OutputRefused(
        f"standard input is copied to {folder} first, which fails: {error.strerror}",
        hint="the variable TMPDIR names another place",
    )


def _run(job: Job, style: ProgressStyle, names: Mapping[str, str], *, quiet: bool, verbose: bool) -> int:
    """Watch a job to its end and turn that into an exit code."""
    reporter = make_reporter(style, quiet=quiet, names=names)
    ends: list[JobEvent] = []
    job.subscribe(reporter.on_event)
    job.subscribe(lambda event: ends.append(event) if isinstance(event, JobCancelled | JobFailed) else None)
    received = stop_on_signals(job.cancel)
    try:
        job.start()
        is_told = False
        while (state := job.wait(_POLL_S)) not in (JobState.FINISHED, JobState.CANCELLED, JobState.FAILED):
            reporter.on_tick(job.snapshot())
            if received and state is JobState.LOADING and not is_told:
                reporter.on_event(JobNotice("stopping when the network is loaded; a second signal stops at once"))
                is_told = True
        job.wait()
    finally:
        reporter.close()
    end = ends[-1] if ends else None
    error = end.error if isinstance(end, JobFailed) else None
    code, name = _exit_code(job, error, received)
    if verbose and error is not None:
        import traceback

        traceback.print_exception(error)
    if style == "json":
        kept = end.kept if isinstance(end, JobCancelled | JobFailed) else ()
        say_json(final_record(name, code, job, error, kept), names)
    return code


def _exit_code(job: Job, error: BaseException | None, received: list[int]) -> tuple[int, str]:
    if error is not None:
        return getattr(error, "exit_code", 1), "failed"
    if job.report is None:
        return 128 + (received[0] if received else signal.SIGINT), "cancelled"
    return (_EXIT_DAMAGED if job.report.damage else 0), "finished"
