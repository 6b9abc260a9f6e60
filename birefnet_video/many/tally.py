"""How many renders have ended, one by one and all together."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from birefnet_video.errors import DamagedInput
from birefnet_video.event_words import describe_error
from birefnet_video.events import JobReport
from birefnet_video.report import End


@dataclass(frozen=True, slots=True)
class Ended:
    """A render that has ended."""

    source: Path
    end: End
    report: JobReport | None
    """Of one that has finished."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, in one line."""
        if self.end.error is not None:
            # The input stands before it.
            return describe_error(self.end.error).removeprefix(f"{self.source}: ")
        damage = self.report.damage if self.report is not None else None
        return f"damaged: {damage}" if damage else None


@dataclass(frozen=True, slots=True)
class Tally:
    """All renders of a call."""

    asked: int
    """Inputs."""
    ended: tuple[Ended, ...]
    skipped: int = 0
    received: int = 0
    """The signal that has asked for the end, or 0."""
    what: Literal["delivered", "planned"] = "delivered"
    """What became of those that are well."""

    @property
    def delivered(self) -> int:
        """Renders that have finished, those of damaged inputs among them."""
        return sum(each.end.name in ("finished", "planned") for each in self.ended)

    @property
    def failures(self) -> tuple[Ended, ...]:
        """Renders that have failed, or have finished in part."""
        return tuple(each for each in self.ended if each.trouble is not None)

    @property
    def exit_code(self) -> int:
        """0: all is there; 5: some is; with nothing at all, why the first one failed; 128 and a signal."""
        if self.received:
            return 128 + self.received
        if any(each.end.name == "cancelled" for each in self.ended):
            return 128 + signal.SIGINT
        if not self.failures:
            return 0
        return DamagedInput.exit_code if self.delivered or self.skipped else self.failures[0].end.code

    def lines(self) -> list[str]:
        """In words."""
        failed = sum(each.end.name == "failed" for each in self.ended)
        damaged = len(self.failures) - failed
        begun = len(self.ended) + self.skipped
        counts = (
            (self.delivered, self.what),
            (damaged, "of them damaged"),
            (failed, "failed"),
            (self.skipped, "skipped"),
            (self.asked - begun, "not begun"),
        )
        said = ", ".join(f"{count} {what}" for count, what in counts if count or what == self.what)
        inputs = f"{self.asked} inputs" if self.asked != 1 else "1 input"
        return [f"{inputs}: {said}", *(f"  {each.source}: {each.trouble}" for each in self.failures)]

    def to_json(self) -> dict[str, Any]:
        """The last object of a call."""
        return {
            "event": "summary",
            "exit_code": self.exit_code,
            "inputs": self.asked,
            self.what: self.delivered,
            "skipped": self.skipped,
            "not_begun": self.asked - self.skipped - len(self.ended),
            "failures": [
                {
                    "input": str(each.source),
                    "state": each.end.name,
                    "exit_code": each.end.code,
                    "type": type(each.end.error).__name__ if each.end.error is not None else None,
                    "message": each.trouble,
                }
                for each in self.failures
            ],
        }
