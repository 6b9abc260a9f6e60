"""The manual says all that the parser takes, in roff without faults."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from birefnet_video.cli import app
from birefnet_video.errors import EXIT_CODES
from birefnet_video.shell.grammar import grammar_of
from birefnet_video.shell.manual import manual

ROOT = Path(__file__).parents[2]
PAGE = manual(grammar_of(app), "birefnet-video", "0.1.0", "2026-11-28")


def plain(text: str) -> str:
    """Roff without its escapes."""
    return re.sub(r"\\f[BRI]|\\&", "", text).replace("\\-", "-").replace("\\(ti", "~").replace("\\e", "\\")


def test_nothing_that_the_parser_takes_is_missing() -> None:
    sections = dict(zip((command.path for command in grammar_of(app).walk()), _parts(), strict=True))
    for command in grammar_of(app).walk():
        text = " ".join(plain(sections[command.path]).split())
        for taken in (*command.options, *command.places):
            assert ", ".join(taken.names) in text and taken.help in text, (command.path, taken.names)
        assert command.summary in text


def _parts() -> list[str]:
    own, _, rest = PAGE.partition("\n.SH COMMANDS\n")
    commands = rest.partition("\n.SH EXIT STATUS\n")[0]
    return [own, *re.split(r"^\.SS ", commands, flags=re.MULTILINE)[1:]]


def test_hidden_commands_are_not_in_it() -> None:
    assert "carry-out" not in plain(PAGE) and "birefnet-video work" not in plain(PAGE)


def test_everything_that_is_taken_has_help() -> None:
    for command in grammar_of(app).walk():
        for taken in (*command.options, *command.places):
            assert taken.help.endswith("."), (command.path, taken.names)


def test_exit_codes_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Exit codes")[2].partition("\n## ")[0]
    table = re.findall(r"^\| ([\d, ]+) \|", readme, re.MULTILINE)
    assert [int(code) for row in table for code in row.split(", ")] == [code for code, _ in EXIT_CODES]
    for code, meaning in EXIT_CODES:
        assert f"\\fB{code}\\fR\n" in PAGE and meaning in plain(PAGE)


def test_examples_are_understood() -> None:
    lines = re.findall(r"^\\fBbirefnet\\-video (.+)\\fR$", PAGE.partition(".SH EXAMPLES")[2], re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        # Raises if it is not understood.
        app.parse_args(plain(line).split(), exit_on_error=False, print_error=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command, marks=pytest.mark.skipif(shutil.which(command[0]) is None, reason=f"{command[0]} is not installed")
        )
        for command in (["mandoc", "-T", "lint"], ["groff", "-man", "-Tutf8", "-ww", "-z"])
    ],
    ids=lambda command: str(command[0]),
)
def test_no_program_for_manuals_complains(command: list[str]) -> None:
    ran = subprocess.run(command, input=PAGE, capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stdout == "" and ran.stderr == ""


def test_the_command_prints_it() -> None:
    ran = subprocess.run([sys.executable, "-m", "birefnet_video", "man"], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[1:] == PAGE.splitlines()[1:]
    assert ran.stdout.startswith('.TH "BIREFNET\\-VIDEO" 1 "')
