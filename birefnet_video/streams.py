"""Standard streams that never end a program because of what is said, or because they are not there."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Nowhere(io.TextIOBase):
    """Takes what is said where standard output or error is closed. It is no file."""

    def writable(self) -> bool:
        """See :class:`io.TextIOBase`."""
        return True

    def write(self, text: str, /) -> int:
        """See :class:`io.TextIOBase`."""
        return len(text)


def settle_streams() -> None:
    """Let every letter be written, as its number where the encoding lacks it, and everything where nobody reads."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The next file that is opened would have this number, and what libraries say would be written into it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Nowhere())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_lost(stream: Any, error: OSError) -> bool:
    """Whether an error that nobody has explained is that of a stream that could not take what was said.

    Args:
        stream: that is written.
        error: that ends the program.
    """
    try:
        stream.flush()
    except OSError:
        return True
    # Without a buffer nothing is left to be written again. Files that are opened have names.
    return error.filename is None and error.errno in _NO_ROOM


def drop(stream: Any) -> None:
    """Forget what a stream could not take: Python would complain again when it closes it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def can_say(text: str, encoding: str) -> bool:
    """Whether an encoding has all letters of a text."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
