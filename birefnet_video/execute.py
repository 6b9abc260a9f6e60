"""What was asked for is done: watched here, in a terminal interface, or left to itself."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from attrs import evolve

from birefnet_video.commands.pulling import require_weights
from birefnet_video.commands.webcam import run_live, serve_live_request
from birefnet_video.errors import BirefnetVideoError, DamagedInput, OutputRefused, UsageError
from birefnet_video.events import JobCancelled, JobEvent, JobFailed, JobNotice, JobState
from birefnet_video.inputs.missing import missing_input
from birefnet_video.jobs import Job
from birefnet_video.json_lines import final_record, say_json
from birefnet_video.options.input import STDIN
from birefnet_video.options.request import LiveRequest, RenderRequest, Request, not_apart
from birefnet_video.options.run import RunSpec
from birefnet_video.report import make_reporter
from birefnet_video.signals import exit_on_signals, stop_on_signals
from birefnet_video.words import printable

_EXIT_DAMAGED = DamagedInput.exit_code
#: Bytes of standard input that are copied at once.
_SPOOL_BYTES = 1 << 20
#: How often progress is polled, in seconds.
_POLL_S = 0.25


def execute(request: Request) -> int:
    """Do what is asked for, here or in a process apart.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot begin.
    """
    if isinstance(request, LiveRequest):
        require_weights(request.spec.backend.model, may_ask=not request.run.json_lines)
        return _apart(request, watched=True) if request.run.tui else run_live(request)
    _require_input(request.spec.source)
    if request.run.dry_run:
        return _say_plan(request)
    is_silent = request.run.quiet or request.run.style in ("json", "none")
    require_weights(request.spec.backend.model, may_ask=not is_silent and request.spec.source != STDIN)
    if request.run.tui or request.run.detach:
        return _apart(request, watched=request.run.tui)
    if request.spec.source != STDIN:
        return watch_job(Job(request.spec), request.run)
    with _spooled_input() as path:
        return watch_job(Job(evolve(request.spec, source=path)), request.run, {str(path): "standard input"})


def execute_record(record_id: str) -> int:
    """Do what a record asks for, and let others watch it.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot begin; the record says so too.
    """
    from birefnet_video.renders.process import refuse, serve
    from birefnet_video.renders.store import JobStore

    store = JobStore()
    try:
        request = store.find(record_id).asked()
        if isinstance(request, LiveRequest):
            return serve_live_request(request, store, record_id)
        _require_input(request.spec.source)
        return serve(Job(request.spec), store, record_id, lambda job: watch_job(job, request.run))
    except BirefnetVideoError as error:
        refuse(store, record_id, error)
        raise


def _say_plan(request: RenderRequest) -> int:
    from birefnet_video.pipeline.plan import Plan

    if request.spec.source == STDIN:
        raise UsageError("--dry-run looks into a file: standard input is read only once")
    plan = Plan.of(request.spec)
    if request.run.style == "json":
        say_json(plan.to_json())
    else:
        print("\n".join(printable(line) for line in plan.lines()))
    return 0


def _require_input(source: Path) -> None:
    # What is said here is said with what was probably meant.
    if source != STDIN and (source.is_dir() or not ("%" in source.name or source.exists())):
        raise missing_input(source)


def _apart(request: Request, *, watched: bool) -> int:
    """Start a process of its own, and watch it in a terminal interface until that is left, or not.

    Raises:
        UsageError: if there is no terminal to watch it in.
    """
    from birefnet_video.renders.process import launch
    from birefnet_video.renders.store import JobStore

    if watched:
        from birefnet_video.tui.start import require_terminal

        require_terminal(hint="without --tui it runs anywhere")
    store = JobStore()
    record = launch(store, store.add(not_apart(request), folder=Path.cwd(), queued=False))
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


def watch_job(job: Job, run: RunSpec, names: Mapping[str, str] = MappingProxyType({})) -> int:
    """Watch a job to its end and turn that into an exit code.

    Args:
        job: not yet started.
        run: how it is watched.
        names: what users know files as, by their paths.
    """
    reporter = make_reporter(run.style, quiet=run.quiet, names=names)
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
    if run.verbose and error is not None:
        import traceback

        traceback.print_exception(error)
    if run.style == "json":
        kept = end.kept if isinstance(end, JobCancelled | JobFailed) else ()
        say_json(final_record(name, code, job, error, kept), names)
    return code


def _exit_code(job: Job, error: BaseException | None, received: list[int]) -> tuple[int, str]:
    if error is not None:
        return getattr(error, "exit_code", 1), "failed"
    if job.report is None:
        return 128 + (received[0] if received else signal.SIGINT), "cancelled"
    return (_EXIT_DAMAGED if job.report.damage else 0), "finished"
