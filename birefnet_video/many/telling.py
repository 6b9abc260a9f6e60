"""What many renders say: a line each and a sum at the end, or JSON with the input's name in every object."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from birefnet_video.events import JobEvent, JobNotice, JobSnapshot
from birefnet_video.jobs import Job
from birefnet_video.json_lines import JsonReporter, final_record, say_json
from birefnet_video.many.tally import Ended, Tally
from birefnet_video.options.run import RunSpec
from birefnet_video.report import Reporter, RichReporter, until_the_end
from birefnet_video.words import printable, told_once


class Teller(Protocol):
    """Tells of many renders."""

    def begin(self, source: Path, place: str) -> Reporter:
        """A render begins.

        Args:
            source: its input.
            place: its number of how many, such as 3/10.
        """
        ...

    def end(self, ended: Ended, job: Job, place: str) -> None:
        """A render has ended."""
        ...

    def skip(self, source: Path) -> None:
        """The outputs of an input are there already."""
        ...

    def close(self, tally: Tally) -> None:
        """All have ended that will."""
        ...


def make_teller(run: RunSpec) -> Teller:
    """What tells of renders as they are to be watched."""
    if run.style == "json":
        return JsonTeller()
    is_quiet = run.quiet or run.style == "none"
    with_bar = not is_quiet and (run.style == "rich" or (run.style == "auto" and sys.stderr.isatty()))
    return LineTeller(quiet=run.quiet, with_bar=with_bar)


class LineTeller:
    """A line for every render."""

    def __init__(self, *, quiet: bool, with_bar: bool) -> None:
        """
        Args:
            quiet: nothing but what is wrong.
            with_bar: show how far the render is that runs.
        """
        self._quiet, self._with_bar = quiet, with_bar
        # Of clips of one camera most have the same to say.
        self._say_once = told_once(self._say)

    def begin(self, source: Path, place: str) -> Reporter:
        """See :class:`Teller`."""
        return until_the_end(_Notes(self._say_once, RichReporter() if self._with_bar else None))

    def end(self, ended: Ended, job: Job, place: str) -> None:
        """See :class:`Teller`."""
        for path in ended.end.kept:
            self._say(f"kept what was written so far: {path}")
        if ended.end.error is not None:
            self._say(f"[{place}] {ended.source}: error: {ended.trouble}")
        elif ended.report is None:
            self._say(f"[{place}] {ended.source}: cancelled")
        elif ended.trouble is not None or not self._quiet:
            report = ended.report
            frames = f"{report.frames} frames" if report.frames != 1 else "1 frame"
            pace = f" in {report.seconds:.1f} s ({report.fps:.1f} fps)" if report.fps else ""
            names = ", ".join(str(path) for path in report.outputs)
            self._say(f"[{place}] {ended.source} -> {names}: {frames}{pace}; {ended.trouble or 'verified'}")

    def skip(self, source: Path) -> None:
        """See :class:`Teller`."""
        if not self._quiet:
            self._say(f"{source}: skipped, its outputs are there")

    def close(self, tally: Tally) -> None:
        """See :class:`Teller`."""
        if tally.exit_code or not self._quiet:
            for line in tally.lines():
                self._say(line)

    def _say(self, line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)


class _Notes:
    """Of what one render says, what a user should know."""

    def __init__(self, say: Callable[[str], None], bar: RichReporter | None) -> None:
        self._say, self._bar = say, bar

    def on_event(self, event: JobEvent) -> None:
        """See :class:`Reporter`."""
        # Damage stands in the line of its end.
        if isinstance(event, JobNotice) and not event.message.startswith("the input is damaged"):
            self._say(f"note: {event.message}")

    def on_tick(self, snapshot: JobSnapshot) -> None:
        """See :class:`Reporter`."""
        if self._bar is not None:
            self._bar.on_tick(snapshot)

    def close(self) -> None:
        """See :class:`Reporter`."""
        if self._bar is not None:
            self._bar.close()


class JsonTeller:
    """The events of every render, with its input."""

    def begin(self, source: Path, place: str) -> Reporter:
        """See :class:`Teller`."""
        return until_the_end(JsonReporter(about={"input": str(source)}))

    def end(self, ended: Ended, job: Job, place: str) -> None:
        """See :class:`Teller`."""
        end = ended.end
        say_json({**final_record(end.name, end.code, job, end.error, end.kept), "input": str(ended.source)})

    def skip(self, source: Path) -> None:
        """See :class:`Teller`."""
        say_json({"event": "skipped", "input": str(source)})

    def close(self, tally: Tally) -> None:
        """See :class:`Teller`."""
        say_json(tally.to_json())
