"""What is said while a stack is worked through: a bar on a terminal, lines elsewhere, or JSON."""

import sys
from typing import Any, Protocol

from birefnet_video.json_lines import say_json
from birefnet_video.options.stacks import StackRunSpec
from birefnet_video.words import printable


class StackTeller(Protocol):
    """Tells of one stack."""

    def note(self, message: str) -> None:
        """Something that was chosen, or that a user should know."""
        ...

    def warn(self, message: str) -> None:
        """Something that may be wrong."""
        ...

    def begin(self, slices: int) -> None:
        """Slices go through the network from now on."""
        ...

    def advance(self) -> None:
        """One more is done."""
        ...

    def close(self) -> None:
        """There are no more."""
        ...

    def end(self, record: dict[str, Any]) -> None:
        """All of it."""
        ...


def make_stack_teller(run: StackRunSpec) -> StackTeller:
    """What tells as it is asked for."""
    return _JsonTeller() if run.json_lines else _LineTeller(quiet=run.quiet)


class _JsonTeller:
    """An object a message, and one at the end."""

    def note(self, message: str) -> None:
        """See :class:`StackTeller`."""
        say_json({"event": "notice", "message": message})

    def warn(self, message: str) -> None:
        """See :class:`StackTeller`."""
        say_json({"event": "notice", "message": message})

    def begin(self, slices: int) -> None:
        """See :class:`StackTeller`."""
        say_json({"event": "started", "slices": slices})

    def advance(self) -> None:
        """See :class:`StackTeller`."""

    def close(self) -> None:
        """See :class:`StackTeller`."""

    def end(self, record: dict[str, Any]) -> None:
        """See :class:`StackTeller`."""
        say_json(record)


class _LineTeller:
    """Lines on standard error, and a bar if that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    def note(self, message: str) -> None:
        """See :class:`StackTeller`."""
        if not self._quiet:
            self._say(message)

    def warn(self, message: str) -> None:
        """See :class:`StackTeller`."""
        self._say(f"warning: {message}")

    def begin(self, slices: int) -> None:
        """See :class:`StackTeller`."""
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
            self._task = self._bar.add_task("slices", total=slices)
            self._bar.start()

    def advance(self) -> None:
        """See :class:`StackTeller`."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def close(self) -> None:
        """See :class:`StackTeller`."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def end(self, record: dict[str, Any]) -> None:
        """See :class:`StackTeller`."""
        if record["event"] == "finished":
            self.note(f"wrote {record['output']} ({record['slices']} slices in {record['seconds']:.1f} s)")

    def _say(self, line: str) -> None:
        if self._bar is None:
            print(printable(line), file=sys.stderr, flush=True)
        else:
            self._bar.console.print(printable(line), markup=False, soft_wrap=True)
