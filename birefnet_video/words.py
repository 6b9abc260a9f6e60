"""Texts as they may be shown: on one line, without orders to the terminal, in names that users know."""

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping


def printable(text: str) -> str:
    """A text whose control characters, as names of files can hold them, are written out."""
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") else letter
        for letter in text
    )


def known_as(text: str, names: Mapping[str, str]) -> str:
    """A text with the names that users know files by, in place of their paths."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The one of some words that was most likely meant, if any is as like it as that: 1 is the same."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=likeness)), None)


def meant(word: str, known: Iterable[str]) -> str:
    """A question that goes before a list of what there is; nothing if none of it is like the word."""
    near = nearest(word, known)
    return f"did you mean {near}? " if near else ""


def question(near: str | None) -> str | None:
    """A hint that asks whether another word was meant; ``None`` if there is none."""
    return f"did you mean {near}?" if near else None


def told_once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Passes each message on the first time, for what is opened again and again and has the same to say."""
    told: set[str] = set()

    def tell_once(message: str) -> None:
        if message not in told:
            told.add(message)
            tell(message)

    return tell_once
