"""Pictures that a terminal takes other than cells of text, and how it is known: nothing is asked of it.

An answer would come where keys come from, and a terminal that gives none would keep the program waiting. So terminals
name themselves by the environment, or somebody chooses for them.
"""

import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

from birefnet_video.tui import kitty


class Protocol(StrEnum):
    """How pixels are sent."""

    KITTY = "kitty"
    """Cells of text stand for parts of a picture: anything may move or cover them."""
    SIXEL = "sixel"
    """Painted over cells, which are painted again by whatever is written into them."""
    ITERM = "iterm2"
    """The same, and scaled to cells by the terminal."""


#: What can be chosen, in words.
CHOICES: Mapping[str, str] = {
    "cells": "cells of text",
    "auto": "pixels, if the terminal names itself",
    "kitty": "pixels, kitty's way",
    "sixel": "pixels, as sixel",
    "iterm2": "pixels, iTerm2's way",
}
#: Between the terminal and the program: they cannot pass pictures on.
_BETWEEN = ("TMUX", "STY", "ZELLIJ", "TEXTUAL_DRIVER")
#: The line may be too slow for pictures that nobody has asked for.
_FAR = ("SSH_CONNECTION", "SSH_TTY")
_ITERM_PROGRAMS = ("iTerm.app", "WezTerm", "mintty")
_SIXEL_TERMS = ("foot", "mlterm", "yaft", "contour")
#: Konsole's version as it says it, from which it shows sixel.
_KONSOLE = 220400
#: Width and height of a cell in pixels where nobody says; of Windows Terminal for sixel, whatever its font.
_USUAL_CELL, _WINDOWS_CELL = (8, 16), (10, 20)


def named_by(environment: Mapping[str, str]) -> Protocol | None:
    """What a terminal takes by the name that it gives itself.

    Args:
        environment: variables by their names.
    """
    if any(environment.get(name) for name in (*_BETWEEN, *_FAR)):
        return None
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term in kitty.TERMS or program.lower() == "ghostty":
        return Protocol.KITTY
    if program in _ITERM_PROGRAMS:
        return Protocol.ITERM
    konsole = environment.get("KONSOLE_VERSION", "")
    is_konsole = konsole.isdecimal() and int(konsole) >= _KONSOLE
    return Protocol.SIXEL if term.partition("-")[0] in _SIXEL_TERMS or is_konsole else None


def chosen(choice: str, environment: Mapping[str, str]) -> Protocol | None:
    """What pictures are sent as; ``None``: cells of text.

    Args:
        choice: of :data:`CHOICES`.
        environment: variables by their names.
    """
    if choice == "auto":
        return named_by(environment)
    is_between = any(environment.get(name) for name in _BETWEEN)
    return None if choice == "cells" or is_between else Protocol(choice)


def cell_size(environment: Mapping[str, str]) -> tuple[int, int]:
    """Width and height of a cell in pixels, which the system knows of most terminals."""
    if environment.get("WT_SESSION"):
        return _WINDOWS_CELL
    # Windows has neither.
    with suppress(ImportError):
        import fcntl
        import termios

        for stream in (sys.__stderr__, sys.__stdin__):
            with suppress(OSError, ValueError, AttributeError):
                said = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8))  # type: ignore[union-attr]
                lines, columns, width, height = struct.unpack("HHHH", said)
                if lines and columns and width >= columns and height >= lines:
                    return width // columns, height // lines
    return _USUAL_CELL
