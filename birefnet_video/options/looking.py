"""What is looked at before a render, and what is said of it."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any

from attrs import Attribute, converters, field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.group import WRITTEN, OnceFlag, OptionGroup, option_group, text_of
from birefnet_video.options.values import parse_time

#: Frames of ``auto`` that does not say how many, and the most that are looked at in one call.
_USUAL, _MOST = 3, 100
#: Ticks of a second that times are told apart by.
_FINEST = 10**9
#: Times as they are typed or as numbers.
Times = str | float | Fraction | Iterable[str | float | Fraction]


@frozen
class Moment:
    """A place in the input: by its clock, or as a share of the part that is taken."""

    seconds: Fraction | None = None
    """From the beginning of the input."""
    share: Fraction | None = None
    """In [0, 1], of the length of the part that is taken."""


def parse_moments(text: str, option: str = "--look") -> tuple[Moment, ...]:
    """``1:02.5,50%,auto:4`` -> what is meant, each once, in the order of the text.

    A plain number is seconds, as everywhere. ``auto`` is the middles of three equal parts, ``auto:N`` of N.

    Raises:
        UsageError: if it is none of these, or more than 100.
    """
    found = [moment for word in text.split(",") for moment in _moments(word.strip(), option)]
    if len(found) > _MOST:
        raise UsageError(f"{option}: {len(found)} frames, at most {_MOST} are looked at in one call")
    return tuple(dict.fromkeys(found))


def _moments(word: str, option: str) -> list[Moment]:
    name, colon, number = word.partition(":")
    if name == "auto":
        if colon and not (number.isdecimal() and 1 <= int(number) <= _MOST):
            raise UsageError(f"{option}: {word!r} is no number of frames from 1 to {_MOST}", hint="for example auto:5")
        count = int(number) if colon else _USUAL
        return [Moment(share=Fraction(2 * index + 1, 2 * count)) for index in range(count)]
    if (percent := re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*%", word)) is not None:
        share = Fraction(percent[1]) / 100
        if share > 1:
            raise UsageError(f"{option}: {word} lies behind the end")
        return [Moment(share=share)]
    try:
        return [Moment(seconds=parse_time(word, option))]
    except UsageError:
        raise UsageError(
            f"{option}: {word!r} is no time", hint="use seconds, MM:SS, HH:MM:SS, 50%, auto or auto:5; commas between"
        ) from None


def written(times: Times) -> str:
    """Times as they are typed."""
    if isinstance(times, str):
        return times
    if isinstance(times, int | float | Fraction):
        # As the decimals that were meant, not as the nearest binary fraction, which may lie before a frame.
        return text_of(parse_time(times, "times").limit_denominator(_FINEST))
    return ",".join(written(time) for time in times)


@option_group
@frozen(kw_only=True, slots=False)
class LookSpec(OptionGroup):
    """What is said and shown of a render in place of it."""

    look: Annotated[str | None, Parameter(name="--look"), WRITTEN] = field(
        default=None, converter=converters.optional(written)
    )
    """Show only the frames at these times as the render would make them: 1:02.5,50%, auto, auto:5; a PNG each."""
    dry_run: OnceFlag = field(default=False)
    """Say what would be read and written, with --json as a plan in JSON, and write nothing."""
    estimate: OnceFlag = field(default=False)
    """As --dry-run, and measure on short parts how long it would take and how large it would be."""

    @look.validator
    def _check_look(self, option: "Attribute[Any]", value: str | None) -> None:
        if value is not None:
            parse_moments(value)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.look is not None and (self.dry_run or self.estimate):
            raise UsageError(
                "--look renders frames, --dry-run and --estimate write none", hint="ask for one after the other"
            )
