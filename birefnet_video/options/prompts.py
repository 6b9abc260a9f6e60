"""Which subject is meant: points, boxes and masks at times, as data."""

import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from attrs import converters, evolve, field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.group import text_of
from birefnet_video.options.values import parse_time

#: Name of the subject that has none.
SUBJECT = "subject"
_NAME = re.compile(r"[^\W\d][\w -]*")
_FORMS = "box=x,y,w,h, point=x,y, mask=first.png, or auto"
#: Ticks of a second that times are told apart by.
_FINEST = 10**9
#: How many numbers a form has.
_NUMBERS = {"point": 2, "box": 4}


@frozen
class Length:
    """A distance from the upright picture's left or upper border."""

    amount: float
    is_share: bool = False
    """Of the picture's width or height, in per cent; otherwise pixels."""

    def of(self, side: int) -> float:
        """As a share of a side of so many pixels."""
        return self.amount / (100 if self.is_share else side)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.is_share else ''}"


def _length(value: "str | float | Length") -> Length:
    if isinstance(value, Length):
        return value
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*(%?)\s*", str(value))
    if match is None:
        raise UsageError(f"--subject: {value!r} is no number of pixels or per cent", hint="for example 640 or 50%")
    return Length(float(match[1]), bool(match[2]))


def _lengths(values: "Iterable[str | float | Length]") -> tuple[Length, ...]:
    return tuple(_length(value) for value in values)


def _seconds(value: "str | float | Fraction") -> Fraction:
    # As the decimals that were meant, not as the nearest binary fraction, which may lie before a frame.
    return parse_time(value, "--subject").limit_denominator(_FINEST)


@frozen(kw_only=True)
class _Prompt:
    """What all of them have."""

    time: Fraction | None = field(default=None, converter=converters.optional(_seconds))
    """When it is so, by the input's clock, in seconds; ``None``: from the first frame on."""
    subject: str = field(default=SUBJECT)
    """Name of whom it is about."""
    excluded: bool = False
    """It is what is not meant."""

    @subject.validator
    def _check_name(self, option: Any, value: str) -> None:
        if not _NAME.fullmatch(value):
            raise UsageError(f"--subject: {value!r} is no name: a letter first, then letters, digits, spaces, - and _")

    def _written(self, form: str) -> str:
        """As it is typed, with whose it is and when."""
        what = ["not"] if self.excluded else []
        name = [self.subject] if self.subject != SUBJECT else []
        time = [text_of(self.time)] if self.time is not None else []
        return ":".join((*what, *name, *time, form))


@frozen
class Point(_Prompt):
    """A place on the subject."""

    at: tuple[Length, ...] = field(converter=_lengths)
    """Across and down."""

    def __str__(self) -> str:
        return self._written(f"point={','.join(map(str, self.at))}")


@frozen
class Box(_Prompt):
    """A rectangle around the subject."""

    box: tuple[Length, ...] = field(converter=_lengths)
    """Left, top, width and height."""

    @box.validator
    def _check_box(self, option: Any, value: tuple[Length, ...]) -> None:
        if len(value) == _NUMBERS["box"] and min(value[2].amount, value[3].amount) <= 0:
            raise UsageError(f"--subject: box={','.join(map(str, value))} has no inside")

    def __str__(self) -> str:
        return self._written(f"box={','.join(map(str, self.box))}")


@frozen
class MaskPicture(_Prompt):
    """A picture that is white where the subject is."""

    path: Path = field(converter=Path)

    def __str__(self) -> str:
        return self._written(f"mask={self.path}")


@frozen
class Largest(_Prompt):
    """The largest subject that is seen."""

    def __str__(self) -> str:
        return self._written("auto")


Prompt = Point | Box | MaskPicture | Largest


def parse_prompt(text: str, option: str = "--subject") -> Prompt:
    """``point=640,360``, ``12.4:box=10%,20%,30%,50%``, ``anna:mask=first.png``, ``not:auto`` -> what is meant.

    Raises:
        UsageError: if it is none of these.
    """
    head, equals, values = text.strip().partition("=")
    *before, form = (word.strip() for word in head.split(":"))
    if form == "auto" and not equals:
        return Largest(**_whose(before))
    if form == "mask" and values.strip():
        return MaskPicture(path=values.strip(), **_whose(before))
    numbers = values.split(",")
    if _NUMBERS.get(form) != len(numbers) or not equals:
        raise UsageError(f"{option}: {text.strip()!r} is none of {_FORMS}", hint="for example anna:12.4:point=640,360")
    return Point(at=numbers, **_whose(before)) if form == "point" else Box(box=numbers, **_whose(before))


def _whose(words: list[str]) -> dict[str, Any]:
    """Name and time before a form; times have colons, too."""
    found: dict[str, Any] = {}
    if words and words[0] == "not":
        found["excluded"] = bool(words.pop(0))
    if words and _NAME.fullmatch(words[0]):
        found["subject"] = words.pop(0)
    if words:
        found["time"] = ":".join(words)
    return found


@frozen
class Prompts:
    """What has been said of subjects, in its order."""

    said: tuple[Prompt, ...] = ()

    def __str__(self) -> str:
        return "; ".join(map(str, self.said))


NOBODY = Prompts()


def prompts_of(value: "str | Prompt | Prompts | Iterable[str | Prompt]", option: str, *, excluded: bool) -> Prompts:
    """Prompts of text, in which ``;`` stands between them, of data, or of both."""
    if isinstance(value, Prompts):
        value = value.said
    several = (value,) if isinstance(value, str | Prompt) else value
    found: list[Prompt] = []
    for each in several:
        if isinstance(each, Prompt):
            found.append(each)
            continue
        if not isinstance(each, str):
            raise UsageError(f"{option}: {each!r} is none of {_FORMS}")
        found += [parse_prompt(word, option) for word in each.split(";") if word.strip()]
    return Prompts(tuple(evolve(each, excluded=excluded or each.excluded) for each in found))


def as_prompts(value: Any) -> Prompts:
    """Prompts of their text, or as they are.

    Raises:
        UsageError: if they are none.
    """
    return prompts_of(value, "--subject", excluded=False)


def box_of_prompt(prompt: Prompt, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of what a prompt marks, in shares of the sides; ``None`` if it says no place."""
    if isinstance(prompt, Point):
        x, y = (at.of(side) for at, side in zip(prompt.at, size, strict=True))
        return x, y, x, y
    if isinstance(prompt, Box):
        left, top, width, height = (at.of(side) for at, side in zip(prompt.box, (*size, *size), strict=True))
        return left, top, left + width, top + height
    return None
