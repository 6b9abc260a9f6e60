"""What is read of an input."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import Attribute, converters, field, frozen
from cyclopts import Parameter

from birefnet_video.defaults import MAX_PIXELS, MAX_SECONDS
from birefnet_video.errors import UsageError
from birefnet_video.limits import Limits
from birefnet_video.options.group import WRITTEN, OptionGroup, option_group
from birefnet_video.options.values import parse_rate, parse_time

#: What becomes of alpha that the input has already.
InputAlpha = Literal["multiply", "ignore"]
#: What decodes; ``cuda``: an NVIDIA GPU's decoder.
DecodeOn = Literal["cpu", "cuda"]
#: The path that means standard input.
STDIN = Path("-")
#: Where the number of a picture stands in a name.
NUMBER = re.compile(r"%(?:0(\d{1,2}))?d")


def is_pattern(path: Path) -> bool:
    """Whether a name stands for numbered pictures: it has one ``%d`` or ``%05d`` and no other ``%``."""
    return len(NUMBER.findall(path.name)) == path.name.count("%") == 1


def _start(value: str | float | Fraction) -> Fraction:
    return parse_time(value, "-ss")


def _length(value: str | float | Fraction) -> Fraction:
    return parse_time(value, "-t")


def _end(value: str | float | Fraction) -> Fraction:
    return parse_time(value, "-to")


def _longest(value: str | float | Fraction) -> Fraction:
    return parse_time(value, "--max-duration")


@option_group
@frozen(kw_only=True, slots=False)
class DurationSpec(OptionGroup):
    """How long it is to be."""

    duration: Annotated[Fraction | None, Parameter(name=["-t", "--duration"]), WRITTEN] = field(
        default=None, converter=converters.optional(_length)
    )
    """Take this much: seconds, MM:SS or HH:MM:SS. Default: to the end."""

    @duration.validator
    def _check_duration(self, option: "Attribute[Any]", value: Fraction | None) -> None:
        if value is not None and value <= 0:
            raise UsageError(f"-t: {float(value):g} is no length of time")


@option_group
@frozen(kw_only=True, slots=False)
class EndSpec(OptionGroup):
    """Where it is to end."""

    end: Annotated[Fraction | None, Parameter(name=["-to", "--to"]), WRITTEN] = field(
        default=None, converter=converters.optional(_end)
    )
    """End here, by the input's clock, in place of a length: seconds, MM:SS or HH:MM:SS."""


@option_group
@frozen(kw_only=True, slots=False)
class RateSpec(OptionGroup):
    """The rate of pictures that have no times."""

    frame_rate: Annotated[Fraction | None, WRITTEN] = field(default=None, converter=converters.optional(parse_rate))
    """Of an image sequence, such as 24 or 30000/1001. Default: 25."""


@option_group
@frozen(kw_only=True, slots=False)
class StartSpec(OptionGroup):
    """Where it is to begin."""

    start: Annotated[Fraction, Parameter(name=["-ss", "--start"]), WRITTEN] = field(
        default=Fraction(0), converter=_start
    )
    """Begin here: seconds, MM:SS or HH:MM:SS, exact to the frame."""


@option_group
@frozen(kw_only=True, slots=False)
class OwnAlphaSpec(OptionGroup):
    """What becomes of alpha that is there."""

    input_alpha: InputAlpha = field(default="multiply")
    """Alpha that the input has already: multiply mattes by it, or ignore it."""


@option_group
@frozen(kw_only=True, slots=False)
class PixelLimitSpec(OptionGroup):
    """How large a picture may be."""

    max_pixels: int = field(default=MAX_PIXELS)
    """Refuse larger pictures."""

    @max_pixels.validator
    def _check_pixels(self, option: "Attribute[int]", value: int) -> None:
        if value < 1:
            raise UsageError("--max-pixels must be above 0")


@option_group
@frozen(kw_only=True, slots=False)
class PictureLimitsSpec(PixelLimitSpec, OwnAlphaSpec):
    """What is read of a picture."""


@option_group
@frozen(kw_only=True, slots=False)
class InputSpec(PictureLimitsSpec, RateSpec, EndSpec, DurationSpec, StartSpec):
    """What is read of an input.

    Raises:
        UsageError: if a field is out of its range.
    """

    video_track: int | None = field(default=None)
    """Number of the video track to take, from 1. Default: the one that is marked as default, or the first."""
    decode_on: DecodeOn = field(default="cpu")
    """What decodes: cpu, or cuda: an NVIDIA GPU's decoder, if it takes the input."""
    max_duration: Annotated[Fraction, WRITTEN] = field(default=Fraction(MAX_SECONDS), converter=_longest)
    """Refuse longer inputs. Default: 48:00:00."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.start < 0:
            raise UsageError(f"-ss: {float(self.start):g} lies before the beginning")
        if self.end is not None and self.duration is not None:
            raise UsageError("-to and -t: both say where it ends", hint="give one of them")
        if self.end is not None and self.end <= self.start:
            raise UsageError(f"-to: {float(self.end):g} s does not come after -ss {float(self.start):g} s")
        if self.video_track is not None and self.video_track < 1:
            raise UsageError(f"--video-track: {self.video_track} is less than 1")
        if self.max_duration <= 0:
            raise UsageError("--max-duration must be above 0")

    @property
    def length(self) -> Fraction | None:
        """How much is taken, however it was said; ``None``: all from the start on."""
        return self.duration if self.end is None else self.end - self.start

    @property
    def limits(self) -> Limits:
        """What an input may ask of the machine."""
        return Limits(self.max_pixels, float(self.max_duration))
