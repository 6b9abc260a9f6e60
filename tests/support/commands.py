"""Command lines that pages print, taken apart as a shell would."""

import re
import shlex
from dataclasses import dataclass

from markdown import PAGES, Block, blocks_of

PROGRAM = "birefnet-video"
#: Blocks of these are command lines, what they say, or both.
_SHELLS = ("", "sh", "bash", "console")


@dataclass(frozen=True)
class Call:
    """One call of the program."""

    words: tuple[str, ...]
    """Behind its name."""
    variables: tuple[tuple[str, str], ...] = ()
    """That are set before it."""


@dataclass(frozen=True)
class Line:
    """A command line as it is printed, without a comment."""

    place: str
    block: int
    """Its block's first line."""
    text: str
    calls: tuple[Call, ...]

    @property
    def is_plain(self) -> bool:
        """One call alone: no pipe, no file, nothing of a shell but quotes."""
        return len(self.calls) == 1 and not re.search(r"[|<>$]|&&", self.text)


def lines() -> list[Line]:
    """All command lines of all pages that call the program."""
    return [line for page in PAGES for block in blocks_of(page) if block.language in _SHELLS for line in _of(block)]


def others() -> list[tuple[str, list[str]]]:
    """Place and words of lines that begin with another program that pages print: make and pip."""
    return [
        (f"{block.place}", shlex.split(line, comments=True))
        for page in PAGES
        for block in blocks_of(page)
        if block.language in _SHELLS
        for line in block.text.splitlines()
        if line.startswith(("make ", "pip "))
    ]


def _of(block: Block) -> list[Line]:
    found = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        text = _without_comment(line.strip().removeprefix("$ "))
        calls = _calls(text)
        if calls:
            found.append(Line(f"{block.page.name}:{number}", block.line, text, calls))
    return found


def _without_comment(text: str) -> str:
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def _calls(text: str) -> tuple[Call, ...]:
    if PROGRAM not in text:
        return ()
    # What another command is made of is a command, too.
    text = re.sub(r'"\$\((.*?)\)"', r"; \1 ;", text)
    parser = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    parser.whitespace_split = True
    parser.commenters = ""
    calls, words = [], list[str]()
    for token in [*parser, ";"]:
        if set(token) <= set("|&;<>"):
            # A number before > is a stream.
            if token.startswith(">") and words[-1:] == ["2"]:
                words.pop()
            if (call := _call(words)) is not None:
                calls.append(call)
            # Behind > stands a file.
            words = [""] if set(token) & set("<>") else []
        else:
            words.append(token)
    return tuple(calls)


def _call(words: list[str]) -> Call | None:
    variables = []
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables.append((name, value))
    if not words or words[0] != PROGRAM:
        return None
    return Call(tuple(words[1:]), tuple(variables))
