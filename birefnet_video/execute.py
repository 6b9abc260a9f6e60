"""What was asked for is done: watched here, in a terminal interface, or left to itself."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from attrs import evolve

from birefnet_video.commands.estimate import say_estimate
from birefnet_video.commands.look import look_at
from birefnet_video.commands.pulling import require_weights
from birefnet_video.commands.webcam import run_live, serve_live_request
from birefnet_video.errors import BirefnetVideoError, OutputRefused, UsageError
from birefnet_video.inputs.missing import missing_input
from birefnet_video.jobs import Job
from birefnet_video.json_lines import final_record, say_json
from birefnet_video.many.request import ManyRequest
from birefnet_video.options.input import STDIN
from birefnet_video.options.request import LiveRequest, RenderRequest, Request, not_apart
from birefnet_video.options.run import RunSpec
from birefnet_video.report import follow, make_reporter
from birefnet_video.signals import exit_on_signals, stop_on_signals
from birefnet_video.words import printable

#: Bytes of standard input that are copied at once.
_SPOOL_BYTES = 1 << 20


def execute(request: Request | ManyRequest) -> int:
    """Do what is asked for, here or in a process apart.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot begin.
    """
    if isinstance(request, ManyRequest):
        return _execute_many(request)
    if isinstance(request, LiveRequest):
        # Who cannot be followed is said before another process runs.
        request.spec.matte.prompts()
        require_weights(request.spec.backend.model, may_ask=not request.run.json_lines)
        return _apart(request, watched=True) if request.run.tui else run_live(request)
    _require_input(request.spec.source)
    if request.run.dry_run and not request.run.estimate:
        return _say_plan(request)
    require_weights(request.spec.backend.model, may_ask=_may_ask(request.run) and request.spec.source != STDIN)
    if request.run.estimate:
        return say_estimate(request)
    if request.run.look is not None:
        return look_at(request)
    if request.run.tui or request.run.detach:
        return _apart(request, watched=request.run.tui)
    if request.spec.source != STDIN:
        return watch_job(Job(request.spec), request.run)
    with _spooled_input() as path:
        return watch_job(Job(evolve(request.spec, source=path)), request.run, {str(path): "standard input"})


def _may_ask(run: RunSpec) -> bool:
    return not (run.quiet or run.style in ("json", "none"))


def _execute_many(request: ManyRequest) -> int:
    from birefnet_video.many.planning import plan_all
    from birefnet_video.many.queueing import put_into_queue
    from birefnet_video.many.running import render_all, say_plans

    planned, run = plan_all(request), request.common.run
    if run.dry_run:
        return say_plans(planned, run)
    if run.tui and len(planned.requests) != 1:
        hint = "--queue puts all of them into the queue, birefnet-video tui shows it"
        raise UsageError(f"--tui: watches one render, here are {len(planned.requests)}", hint=hint)
    require_weights(request.common.spec.backend.model, may_ask=_may_ask(run))
    if run.tui:
        planned.make_folders()
        return _apart(planned.requests[0], watched=True)
    # Several that begin at once would take each other's time.
    return put_into_queue(planned, run) if request.many.queue or run.detach else render_all(planned, run)


def execute_record(record_id: str) -> int:
    """Do what a record asks for, and let others watch it.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot begin; the record says so too.
    """
    from birefnet_video.renders.serving import refuse, serve
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
    end = follow(job, reporter, stop_on_signals(job.cancel))
    if run.verbose and end.error is not None:
        import traceback

        traceback.print_exception(end.error)
    if run.style == "json":
        say_json(final_record(end.name, end.code, job, end.error, end.kept), names)
    return end.code
