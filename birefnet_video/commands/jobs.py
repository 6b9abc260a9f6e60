"""``birefnet-video jobs``: the renders that are kept, and the process that works through the queue."""

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from birefnet_video.options.group import FLAT, OnceFlag
from birefnet_video.options.outputs import OverwriteSpec
from birefnet_video.options.prompts import NOBODY, as_prompts
from birefnet_video.options.run import JsonSpec
from birefnet_video.words import printable

if TYPE_CHECKING:
    from birefnet_video.renders.orders import Orders
    from birefnet_video.renders.record import JobRecord

_HELP = """Renders that wait, run or have ended: list them, and tell one what to do.

For example:
birefnet-video jobs
birefnet-video jobs wait last
birefnet-video jobs log last -f

ID is the beginning of a render's id, if no other begins so, or last: the newest one."""

jobs = App(name="jobs", help=_HELP, help_format="plaintext", version_flags=[])
_Id = Annotated[str, Parameter(name="ID")]


@jobs.default
@jobs.command(name="list")
def list_jobs(
    *,
    forget: str | None = None,
    words: Annotated[JsonSpec, FLAT] = JsonSpec(),
) -> int:
    """List renders: those that wait, run or have ended.

    Parameters
    ----------
    forget
        Remove the render with this id from the list; its files stay.
    """
    from birefnet_video.renders.store import JobStore

    store = JobStore()
    if forget is not None:
        return forget_job(forget)
    records = store.records()
    if not records and not words.json_lines:
        print("there are no renders: birefnet-video IN --detach starts one", file=sys.stderr)
    for record in records:
        if words.json_lines:
            # Who knows the key can cancel the render.
            print(json.dumps({name: value for name, value in asdict(record).items() if name != "key"}))
            continue
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_at))
        end = f"  {record.error}" if record.error else ""
        if record.kept and record.state != "finished":
            how = f": jobs retry {record.id} goes on" if record.state.is_over else ""
            end += f"  ({record.kept} frames are safe{how})"
        done, total = record.written or 0, record.frames or 0
        share = f"{done / total:4.0%}" if 0 < done < total else "    "
        state = "held" if record.held and record.state == "waiting" else record.state
        line = f"{record.id}  {at}  {state:9} {share}  {record.source} -> {', '.join(record.outputs)}{end}"
        # A name can hold what is no text, and orders to the terminal.
        print(printable(line).encode(errors="backslashreplace").decode())
    return 0


@jobs.command
def cancel(render: _Id, /, *, discard: OnceFlag = False) -> int:
    """Stop a render and keep the part that is done, or take it out of the queue.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    discard
        Remove the part that is done.
    """
    orders, record = _found(render)
    orders.cancel(record, keep=not discard)
    return _said(record, "cancelled")


@jobs.command
def pause(render: _Id, /) -> int:
    """Have a render wait where it is (its memory stays taken), or let its turn in the queue pass by.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    """
    orders, record = _found(render)
    orders.pause(record)
    return _said(record, "paused")


@jobs.command
def resume(render: _Id, /) -> int:
    """Have a render go on that was paused.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    """
    orders, record = _found(render)
    orders.resume(record)
    return _said(record, "goes on")


@jobs.command
def subject(render: _Id, prompts: Annotated[str, Parameter(name="PROMPTS")], /, *, keep: OnceFlag = False) -> int:
    """Say who is meant in a live session from now on.

    Example: birefnet-video jobs subject last "point=50%,40%"

    Parameters
    ----------
    render
        Beginning of its id, or last.
    prompts
        As of --subject, ; between them, not: before what is not meant; none: keep everything again.
    keep
        Who was named before is still meant.
    """
    meant = NOBODY if prompts == "none" else as_prompts(prompts)
    orders, record = _found(render)
    orders.keep_to(record, meant, keep=keep)
    return _said(record, f"keeps to {meant}" if meant.said else "keeps everything")


@jobs.command
def wait(render: _Id, /) -> int:
    """Wait until a render has ended, and end with its exit code.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    """
    from birefnet_video.renders.orders import exit_code_of

    orders, record = _found(render)
    record = orders.wait(record)
    _said(record, f"{record.state}: {record.error}" if record.error else str(record.state))
    return exit_code_of(record)


@jobs.command
def log(render: _Id, /, *, follow: Annotated[OnceFlag, Parameter(name=["--follow", "-f"])] = False) -> int:
    """Print what a render has said.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    follow
        Go on until it ends.
    """
    orders, record = _found(render)
    for text in orders.log(record, follow=follow):
        sys.stdout.write(text.encode(errors="backslashreplace").decode())
        sys.stdout.flush()
    return 0


@jobs.command
def retry(render: _Id, /, *, writing: Annotated[OverwriteSpec, FLAT] = OverwriteSpec()) -> int:
    """Put a render that has ended into the queue once more; it gets an id of its own.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    """
    orders, record = _found(render)
    fresh = orders.again(record, overwrite=writing.overwrite)
    return _said(fresh, f"in the queue, the same as {record.id}")


@jobs.command(name="forget")
def forget_job(render: _Id, /) -> int:
    """Remove a render from the list; its files stay.

    Parameters
    ----------
    render
        Beginning of its id, or last.
    """
    from birefnet_video.renders.store import JobStore

    store = JobStore()
    store.remove(store.find(render).id)
    return 0


def work() -> int:
    """Render what waits in the queue."""
    from birefnet_video.renders.process import work as work_through
    from birefnet_video.renders.store import JobStore

    work_through(JobStore())
    return 0


def _found(render: str) -> "tuple[Orders, JobRecord]":
    from birefnet_video.renders.orders import Orders
    from birefnet_video.renders.store import JobStore

    store = JobStore()
    return Orders(store), store.find(render)


def _said(record: "JobRecord", what: str) -> int:
    print(printable(f"{record.id}: {what}"), file=sys.stderr)
    return 0
