"""Words in scripts for shells: nothing in a word, which can be the name of a folder, is an order."""

import re

_PLAIN = re.compile(r"[A-Za-z0-9_./%+,-]+")
_LETTER = re.compile(r"[A-Za-z0-9_./%+,-]|[^\x00-\x7f]")


def is_plain(word: str) -> bool:
    """Whether no letter of a word means anything to a shell."""
    return _PLAIN.fullmatch(word) is not None


def plain_word(word: str) -> str:
    """A word as bash and zsh read it, however deep it stands in quotes and in specifications of completions.

    Args:
        word: without control characters.
    """
    if is_plain(word):
        return word
    # No quote, bracket, colon or blank is left that another reader could take for its own.
    return "$'" + "".join(each if _LETTER.match(each) else f"\\x{ord(each):02x}" for each in word) + "'"
