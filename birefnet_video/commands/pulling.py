"""Fetching weights, watched on a terminal, in lines or in JSON; and the question whether to."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from birefnet_video.json_lines import say_json
from birefnet_video.words import printable
from birefnet_video.zoo.download import Progress
from birefnet_video.zoo.files import find_weights, missing_weights
from birefnet_video.zoo.known import KnownModel, known_models
from birefnet_video.zoo.pull import Pulled, pull

_JSON_EVERY_S = 0.25


def fetch(row: KnownModel, *, source: str | None = None, json_lines: bool = False, quiet: bool = False) -> Pulled:
    """Fetch a model's weights and show how far it is.

    Returns:
        the file, and how it comes to be here.

    Raises:
        BirefnetVideoError: see :func:`birefnet_video.zoo.pull.pull`.
    """
    show = _json(row) if json_lines else _nothing() if quiet else _bar(row) if sys.stderr.isatty() else _line(row)
    with show as progress:
        return pull(row, progress, _note, source=source)


def require_weights(model: str, *, may_ask: bool = True) -> None:
    """See that a known model is here; on a terminal ask whether to fetch it.

    Args:
        model: a name or a path; of paths nothing is required here.
        may_ask: whether somebody may be there to answer.

    Raises:
        CheckpointError: if it is not, and nobody wants to fetch it.
    """
    row = known_models().get(model)
    if row is None or find_weights(row) is not None:
        return
    missing = missing_weights(row)
    if not (may_ask and row.can_be_fetched and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        raise missing
    print(f"{missing.message}. Fetch them now? [Y/n] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("", "y", "yes"):
        raise missing
    fetch(row)


def _is_terminal(stream: object) -> bool:
    return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]


def _note(message: str) -> None:
    print(f"note: {printable(message)}", file=sys.stderr, flush=True)


@contextmanager
def _nothing() -> Iterator[Progress]:
    yield lambda done, total: None


@contextmanager
def _line(row: KnownModel) -> Iterator[Progress]:
    """A line at the beginning, and one every tenth."""
    last = -1

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        tenth = int(10 * done / total) if total else 0
        if tenth > last:
            last = tenth
            print(f"{row.name}: {done / 1e6:.0f} of {(total or 0) / 1e6:.0f} MB", file=sys.stderr, flush=True)

    yield progress


@contextmanager
def _json(row: KnownModel) -> Iterator[Progress]:
    last = -1.0

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _JSON_EVERY_S or done == total:
            last = time.monotonic()
            say_json({"event": "progress", "model": row.name, "bytes": done, "total": total})

    yield progress


@contextmanager
def _bar(row: KnownModel) -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(escape(row.name), total=row.bytes)
        yield lambda done, total: bars.update(task, completed=done, total=total)
