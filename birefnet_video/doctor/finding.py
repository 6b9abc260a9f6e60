"""What was found, as data."""

from dataclasses import dataclass
from typing import Literal

#: ``note``: worth knowing; ``missing``: could be there and is not; ``broken``: should work and does not.
State = Literal["ok", "note", "missing", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    title: str
    state: State
    text: str
    todo: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Findings that belong together."""

    title: str
    findings: tuple[Finding, ...]
    exit_code: int = 1
    """Of a program that has found something in it broken."""

    @property
    def broken(self) -> int:
        """How many things do not work."""
        return sum(finding.state == "broken" for finding in self.findings)
