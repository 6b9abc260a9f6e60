"""A TOML file, and on which line each of its keys stands."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import field, frozen

from birefnet_video.errors import UsageError

_MANY_DIGITS = re.compile(r"[\d_]{1000}")


@frozen(slots=False)
class TomlFile:
    """What a file says."""

    path: Path
    text: str = field(repr=False)
    values: dict[str, Any] = field(repr=False)

    def at(self, keys: tuple[str, ...]) -> str:
        """Where a key stands, to be shown.

        Args:
            keys: the names of its tables, and its own.
        """
        # A key of an inline table stands where that does.
        line = next((found for n in range(len(keys), 0, -1) if (found := self._lines.get(keys[:n]))), None)
        return f"{self.path}:{line}" if line is not None else str(self.path)

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        try:
            return key_lines(self.text)
        except RecursionError:
            # Tables in tables without end: they are told without their lines.
            return {}


def read_toml(path: Path) -> TomlFile:
    """Read a file.

    Raises:
        FileNotFoundError, NotADirectoryError: if it is not there.
        UsageError: if it cannot be read or is no TOML; says on which line.
    """
    try:
        # Some editors begin a text with a sign of its encoding.
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8: {error.reason}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    text = text.replace("\r\n", "\n")
    import tomllib

    lines = text.rstrip("\n").split("\n")
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except RecursionError:
        raise UsageError(f"{path}: is no TOML: lists or tables lie too deep in each other") from None
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        found = re.search(r" \(at line (\d+), column \d+\)$", said)
        line = int(found[1]) if found else len(lines)
        reason = said[: found.start()] if found else said.removesuffix(" (at end of document)")
        raise UsageError(f"{path}:{line}: is no TOML: {reason}", hint='texts stand in quotes: key = "value"') from None
    except ValueError:
        # Python reads no number of thousands of digits.
        line = next((number for number, each in enumerate(lines, 1) if _MANY_DIGITS.search(each)), len(lines))
        raise UsageError(f"{path}:{line}: a number has too many digits") from None


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line, from 1, on which each key and table of a valid file begins, by its names from the outermost."""
    import tomllib

    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    statement, begun = "", 0
    # No other sign ends a line of TOML.
    for number, line in enumerate(text.split("\n"), 1):
        line += "\n"
        begun, statement = (begun, statement + line) if statement else (number, line)
        try:
            said = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            # A text or a list of several lines goes on.
            continue
        if statement.lstrip().startswith("["):
            table = _innermost(said)
            found.setdefault(table, begun)
        for keys in _paths(said) if not statement.lstrip().startswith("[") else ():
            found.setdefault((*table, *keys), begun)
        statement = ""
    return found


def _innermost(said: dict[str, Any]) -> tuple[str, ...]:
    names: tuple[str, ...] = ()
    inner: Any = said
    while isinstance(inner, dict) and inner:
        ((name, inner),) = inner.items()
        names = (*names, name)
    return names


def _paths(said: Any) -> list[tuple[str, ...]]:
    if not isinstance(said, dict):
        return []
    return [path for name, value in said.items() for path in ((name,), *((name, *rest) for rest in _paths(value)))]
