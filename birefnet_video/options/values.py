"""Text and numbers as users write them, as the values that are meant. What is a value already is taken as it is."""

import re
from collections.abc import Collection
from fractions import Fraction
from typing import Any

from birefnet_video.errors import UsageError
from birefnet_video.words import nearest, question

HIGHEST_RATE = 1000
#: Pixels of the longest side of the smallest mattes that are worked out in tiles.
LEAST_DETAIL = 256
#: By how much a rate may be off that is written with two or three decimals.
_SHORT_RATE = Fraction(1, 200)


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """
    Raises:
        UsageError: if the option or parameter called ``name`` has a value that is none of its choices.
    """
    if value not in choices:
        raise choice_error(name, value, choices)


def choice_error(name: str, value: Any, choices: Collection[Any]) -> UsageError:
    """What to say of a value that is none of an option's, with the one that was probably meant."""
    words = [str(choice) for choice in choices]
    near = nearest(str(value), words)
    return UsageError(f"{name}: {value!r} is none of {', '.join(words)}", hint=question(near))


def parse_size(value: str | int | tuple[int, int] | list[int], option: str = "--size") -> tuple[int, int]:
    """``N``, ``WIDTHxHEIGHT``, a number or (height, width) -> (height, width).

    Raises:
        UsageError: if it is none of these.
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        return int(value[0]), int(value[1])
    sides = str(value).lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise UsageError(f"{option}: {value!r} is neither a number nor WIDTHxHEIGHT")
    return int(sides[-1]), int(sides[0])


def parse_count(value: str | int, option: str = "--batch-size") -> int | None:
    """A number, or ``auto``: ``None``.

    Raises:
        UsageError: if it is neither.
    """
    if value == "auto":
        return None
    if not str(value).lstrip("-").isdecimal():
        raise UsageError(f"{option}: {value!r} is neither a number nor auto")
    return int(value)


def parse_detail(value: str | int, option: str = "--detail") -> str:
    """``off``, ``full``, or the pixels of a longest side -> the same as text.

    Raises:
        UsageError: if it is none of these.
    """
    text = str(value).strip().lower()
    if text in ("off", "full") or (text.isdecimal() and int(text) >= LEAST_DETAIL):
        return text
    raise UsageError(
        f"{option}: {value!r} is none of off, full, and pixels of the longest side, from {LEAST_DETAIL}",
        hint=f"for example {option} full, or {option} 8192",
    )


def parse_bytes(value: str | int, option: str = "--max-memory") -> int:
    """``4G``, ``500M`` or a number of bytes -> bytes.

    Raises:
        UsageError: if it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", str(value).strip().lower())
    if match is None or not float(match[1]):
        raise UsageError(f"{option}: {value!r} is no amount of memory", hint=f"for example {option} 4G, or 500M")
    return int(float(match[1]) * 1000 ** " kmgt".index(match[2] or " "))


def parse_time(value: str | float | Fraction, option: str) -> Fraction:
    """``90``, ``1.5``, ``2:30``, ``1:02:30.25``, ``30030/1001`` or a number -> seconds, exactly.

    Args:
        value: what was given.
        option: its name, for the message.

    Raises:
        UsageError: if it is no time.
    """
    if not isinstance(value, str):
        try:
            return Fraction(value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{option}: {value!r} is no time", hint="use seconds") from None
    text = value.strip()
    if re.fullmatch(r"\d+/[1-9]\d*", text):
        return Fraction(text)
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", text)
    if match is None:
        raise UsageError(f"{option}: {value!r} is no time", hint="use seconds, MM:SS or HH:MM:SS")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def parse_rate(value: str | float | Fraction, option: str = "--frame-rate") -> Fraction:
    """``24``, ``23.976``, ``30000/1001`` or a number -> frames a second, exactly.

    Raises:
        UsageError: if it is no rate between 0 and 1000.
    """
    try:
        rate = Fraction(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        rate = Fraction(0)
    if not 0 < rate <= HIGHEST_RATE:
        raise UsageError(f"{option}: {value!r} is no rate", hint="for example 24, 23.976 or 30000/1001")
    return exact_rate(rate)


def exact_rate(rate: Fraction) -> Fraction:
    """The rate that is meant: 23.976, 29.97 and their multiples stand for 24000/1001, 30000/1001 and so on."""
    near = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    is_written_short = rate.denominator > 1 and abs(rate - near) < _SHORT_RATE
    return near if is_written_short and near.denominator > 1 else rate.limit_denominator(100_000)
