"""Options as keywords of Python functions: typed, listed in ``help()``, and declared nowhere but in their groups."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, cast

from attrs import field, fields, frozen

from birefnet_video.options.group import WRITTEN, OptionGroup, option_group, options_of
from birefnet_video.options.guidance import GuidanceSpec, TrackSpec
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.looking import Moment, parse_moments, written
from birefnet_video.options.matte import ColourSpec, EditSpec, MatteSpec, SmoothSpec
from birefnet_video.options.network import BackendSpec, BatchSpec, BuildSpec, DetailSpec, NetworkSpec
from birefnet_video.options.outputs import BackgroundSpec, EncodingSpec, OutputsSpec, WritingSpec

_P = ParamSpec("_P")
_G = TypeVar("_G", bound=OptionGroup)
_O = TypeVar("_O")
_S = TypeVar("_S")
_R = TypeVar("_R")


def part_of(options: OptionGroup, group: type[_G]) -> _G:
    """The options of one group out of a larger one.

    Args:
        options: has all of the group's fields.
        group: the class of what is wanted.
    """
    return group(**{each.name: getattr(options, each.name) for each in fields(group) if each.init})


@option_group
@frozen(kw_only=True, slots=False)
class RenderOptions(ColourSpec, MatteSpec, BackendSpec, InputSpec, OutputsSpec):
    """All options of a render, side by side."""

    def job(self, source: Path) -> JobSpec:
        """The render that they describe."""
        matte = part_of(self, MatteSpec)
        return JobSpec(
            source,
            part_of(self, OutputsSpec).files(source, matte),
            input=part_of(self, InputSpec),
            backend=part_of(self, BackendSpec),
            matte=matte,
            colour=part_of(self, ColourSpec),
            writing=part_of(self, WritingSpec),
        )


@option_group
@frozen(kw_only=True, slots=False)
class LookOptions(RenderOptions):
    """All options of a render, and where to look at it."""

    times: Annotated[str, WRITTEN] = field(default="auto", converter=written)
    """A time or several, as of --look: numbers of seconds, or text such as "1:02.5", "50%", "auto:5"."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Where to look.

        Raises:
            UsageError: if that is no time.
        """
        return parse_moments(self.times, "times")


@option_group
@frozen(kw_only=True, slots=False)
class FormOptions(ColourSpec, MatteSpec, BackendSpec, InputSpec, WritingSpec, EncodingSpec, BackgroundSpec):
    """All options of a render but for what it is written to: a form has other fields for that."""


@option_group
@frozen(kw_only=True, slots=False)
class StillOptions(EditSpec, DetailSpec, NetworkSpec):
    """All options of the matte of a single picture."""


@option_group
@frozen(kw_only=True, slots=False)
class GuidedStillOptions(StillOptions, GuidanceSpec):
    """The same, and who is meant in it."""

    @property
    def opened(self) -> StillOptions:
        """Of the network that makes it, whoever is meant."""
        return part_of(self, StillOptions)


@option_group
@frozen(kw_only=True, slots=False)
class OpenedOptions(ColourSpec, SmoothSpec, TrackSpec, BuildSpec, BatchSpec, InputSpec, OutputsSpec):
    """All options of a render but for those of a network that is open, which are :class:`StillOptions`."""

    def job(self, source: Path, opened: StillOptions) -> JobSpec:
        """The render that both describe."""
        return RenderOptions(**_values(opened), **_values(self)).job(source)


def _values(options: OptionGroup) -> dict[str, Any]:
    return {each.name: getattr(options, each.name) for each in fields(type(options)) if each.init}


def takes(
    group: Callable[_P, _G],
) -> Callable[[Callable[[_S, _G], _R]], Callable[Concatenate[_S, _P], _R]]:
    """Make a function of one thing and a group of options take the options as keywords.

    The keywords have the types that the group's constructor takes, also for type checkers, and are described in the
    function's documentation.
    """

    def decorate(function: Callable[[_S, _G], _R]) -> Callable[Concatenate[_S, _P], _R]:
        return cast(Callable[Concatenate[_S, _P], _R], _with_keywords(function, group))

    return decorate


def method_takes(
    group: Callable[_P, _G],
) -> Callable[[Callable[[_O, _S, _G], _R]], Callable[Concatenate[_O, _S, _P], _R]]:
    """The same for a method of one thing and a group of options."""

    def decorate(function: Callable[[_O, _S, _G], _R]) -> Callable[Concatenate[_O, _S, _P], _R]:
        return cast(Callable[Concatenate[_O, _S, _P], _R], _with_keywords(function, group))

    return decorate


def _with_keywords(function: Callable[..., Any], group: Any) -> Callable[..., Any]:
    """
    Args:
        function: whose last parameter is the group.
        group: its class.
    """
    described = inspect.signature(function)
    *own, _ = described.parameters.values()

    @wraps(function)
    def called(*args: Any, **keywords: Any) -> Any:
        return function(*args[: len(own)], group(*args[len(own) :], **keywords))

    shown = {each.name: each for each in options_of(group) if each.on_command_line}
    options = [
        each.replace(annotation=shown[name].type)
        for name, each in inspect.signature(group).parameters.items()
        if name in shown
    ]
    called.__signature__ = described.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    known = "\n".join(f"    {each.name}: {each.help}" for each in shown.values())
    called.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nOptions:\n{known}\n"
    return called
