"""Findings as lines, on a terminal, in a report and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from birefnet_video.doctor.examine import exit_code_of
from birefnet_video.doctor.finding import Finding, Section, State
from birefnet_video.streams import can_say

_SIGNS: dict[State, str] = {"ok": "✔", "note": "·", "missing": "○", "broken": "✖"}
#: Where the encoding of a terminal lacks them.
_PLAIN_SIGNS: dict[State, str] = {"ok": "+", "note": "-", "missing": "o", "broken": "x"}
_STYLES: dict[State, str] = {"ok": "green", "note": "dim", "missing": "yellow", "broken": "bold red"}
#: Columns of the titles.
_WIDTH = 24


def print_section(section: Section, console: Any) -> None:
    """One section on a terminal, what is broken in red.

    Args:
        section: to be shown.
        console: of rich.
    """
    from rich.table import Table
    from rich.text import Text

    console.print(Text(section.title, style="bold"), soft_wrap=True)
    has_signs = can_say("".join((*_SIGNS.values(), "→")), console.encoding)
    signs, arrow = (_SIGNS, "→") if has_signs else (_PLAIN_SIGNS, "->")
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=3)
    table.add_column(min_width=_WIDTH)
    table.add_column(overflow="fold")
    for finding in section.findings:
        style = _STYLES[finding.state]
        # What is broken is of its colour from end to end.
        text = Text(_text(finding, arrow), style if finding.state == "broken" else "")
        if console.is_terminal:
            # A text as it is: of a name in brackets, rich would make a style.
            table.add_row(Text(f"  {signs[finding.state]}", style), Text(finding.title), text)
        else:
            console.print(Text(f"  {signs[finding.state]} {finding.title:{_WIDTH}} ") + text, soft_wrap=True)
    if console.is_terminal:
        console.print(table)
    console.print()


def report_lines(sections: Iterable[Section]) -> list[str]:
    """All of it as plain text."""
    lines = []
    for section in sections:
        lines += [section.title, *(_line(finding) for finding in section.findings), ""]
    return lines


def _line(finding: Finding) -> str:
    return f"  [{finding.state:7}] {finding.title:{_WIDTH}} {_text(finding, '->')}".rstrip()


def _text(finding: Finding, arrow: str) -> str:
    """What was found and what to do about it, if anything."""
    return f"{finding.text} {arrow} {finding.todo}" if finding.todo and finding.state != "ok" else finding.text


def as_json(sections: Sequence[Section]) -> dict[str, Any]:
    """All of it as one object."""
    return {"sections": [asdict(section) for section in sections], "exit_code": exit_code_of(sections)}


def verdict(sections: Sequence[Section]) -> str:
    """What it comes to, in one line."""
    broken = [
        f"{section.title}: {each.title}" for section in sections for each in section.findings if each.state == "broken"
    ]
    if not broken:
        return "all well"
    return f"{len(broken)} {'thing does' if len(broken) == 1 else 'things do'} not work: {', '.join(broken)}"
