"""What is said while pictures are worked through: a bar on a terminal, a line a picture elsewhere, or JSON."""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.json_lines import say_json
from birefnet_video.options.input import STDIN
from birefnet_video.options.pictures import PictureRunSpec
from birefnet_video.words import printable

if TYPE_CHECKING:
    from pathlib import Path

    from birefnet_video.pipeline.picture_jobs import Result

_EVENTS = {0: "finished", 5: "partial"}


@dataclass
class Told:
    """How it went with all pictures."""

    done: int = 0
    skipped: int = 0
    failed: "list[Result]" = field(default_factory=list)

    def add(self, result: "Result") -> None:
        """Count one."""
        if result.error is not None:
            self.failed.append(result)
        elif result.skipped:
            self.skipped += 1
        else:
            self.done += 1


class Teller(Protocol):
    """Tells of pictures."""

    def note(self, message: str) -> None:
        """Something that a user should know of the network."""
        ...

    def result(self, result: "Result") -> None:
        """A picture is done, skipped or failed."""
        ...

    def close(self) -> None:
        """There are no more."""
        ...

    def end(self, told: Told, code: int, total: int, seconds: float) -> None:
        """All of it, in few words."""
        ...


def make_teller(run: PictureRunSpec, *, total: int) -> Teller:
    """What tells as it is asked for.

    Args:
        run: how it is watched.
        total: pictures.
    """
    if run.json_lines:
        return JsonTeller()
    bar = _bar(total) if total > 1 and not run.quiet and sys.stderr.isatty() else None
    return LineTeller(quiet=run.quiet, total=total, bar=bar)


class JsonTeller:
    """An object a picture, and one at the end."""

    def note(self, message: str) -> None:
        """See :class:`Teller`."""
        say_json({"event": "notice", "message": message})

    def result(self, result: "Result") -> None:
        """See :class:`Teller`."""
        state = "failed" if result.error is not None else "skipped" if result.skipped else "done"
        width, height = result.size or (None, None)
        say_json(
            {
                "event": "picture",
                "input": str(result.job.source.path),
                "state": state,
                "outputs": [str(output.path) for output in result.job.outputs] if state == "done" else [],
                "width": width,
                "height": height,
                "pages": result.pages,
                "notes": result.notes,
                "error": _error(result.error),
            }
        )

    def close(self) -> None:
        """See :class:`Teller`."""

    def end(self, told: Told, code: int, total: int, seconds: float) -> None:
        """See :class:`Teller`."""
        say_json(
            {
                "event": "cancelled" if code > 128 else _EVENTS.get(code, "failed"),
                "exit_code": code,
                "pictures": total,
                "done": told.done,
                "skipped": told.skipped,
                "failed": len(told.failed),
                "seconds": round(seconds, 3),
                "failures": [{"input": str(each.job.source.path), "error": _error(each.error)} for each in told.failed],
            }
        )


class LineTeller:
    """Lines on standard error, above a bar if there is one."""

    def __init__(self, *, quiet: bool, total: int, bar: Any = None) -> None:
        self._quiet, self._total, self._bar = quiet, total, bar
        self._task = bar.add_task("pictures", total=total) if bar is not None else None
        if bar is not None:
            bar.start()

    def note(self, message: str) -> None:
        """See :class:`Teller`."""
        if not self._quiet:
            self._say(message)

    def result(self, result: "Result") -> None:
        """See :class:`Teller`."""
        name = _name(result.job.source.path)
        for note in result.notes:
            self._say(f"warning: {name}: {note}")
        if result.error is not None and self._total > 1:
            self._say(f"warning: left out: {result.error}")
        elif result.error is None and not self._quiet and self._bar is None:
            written = ", ".join(str(output.path) for output in result.job.outputs if result.standard_output is None)
            if result.skipped:
                self._say(f"{name}: is there already: {written}")
            elif written:
                self._say(f"wrote {written}")
        if self._bar is not None:
            self._bar.advance(self._task)

    def close(self) -> None:
        """See :class:`Teller`."""
        if self._bar is not None:
            self._bar.stop()

    def end(self, told: Told, code: int, total: int, seconds: float) -> None:
        """See :class:`Teller`."""
        if total > 1 and not self._quiet:
            counts = {"done": told.done, "skipped": told.skipped, "failed": len(told.failed)}
            words = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "done")
            pace = f" ({told.done / seconds:.1f} a second)" if told.done and seconds > 0 else ""
            self._print(f"{total} pictures: {words} in {seconds:.1f} s{pace}")
        if total > 1:
            for each in told.failed:
                self._print(f"failed: {each.error}")

    def _say(self, line: str) -> None:
        if self._bar is None:
            self._print(line)
        else:
            self._bar.console.print(printable(line), markup=False, soft_wrap=True)

    @staticmethod
    def _print(line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)


def _bar(total: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)


def _name(path: "Path") -> str:
    return "standard input" if path == STDIN else str(path)


def _error(error: BirefnetVideoError | None) -> dict[str, str | None] | None:
    return None if error is None else {"type": type(error).__name__, "message": str(error), "hint": error.hint}
