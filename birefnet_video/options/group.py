"""What a group of options is: a frozen class whose fields are the options, with their names, defaults and help."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from attrs import Attribute, fields, fields_dict, frozen, has
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.values import check_choice

#: An option whose text the group itself turns into a value, so that the command line, Python and JSON mean the same.
WRITTEN = Parameter(show_default=False)
#: The same of an option that may stand there several times.
REPEATED = Parameter(show_default=False, negative=())
#: An option that is there or not; --no-... takes away what a configuration says.
Flag = Annotated[bool, Parameter(show_default=False)]
#: The same of what no configuration can say.
OnceFlag = Annotated[bool, Parameter(negative=(), show_default=False)]
#: A group whose options stand on the command line as if they were written out there.
FLAT = Parameter(name="*")
#: Not to be had on the command line.
INTERNAL = Parameter(parse=False, show=False)


@frozen
class Suggested:
    """Marks an option that has values worth offering, but others, too."""

    what: Literal["models", "codecs", "backgrounds", "devices", "engines", "precisions", "recipes", "files"]
    or_file: bool = False
    """A file can be named in their place."""


def suggestion_of(annotation: Any) -> Suggested | None:
    """What a type is annotated with, if it is."""
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((each for each in extras if isinstance(each, Suggested)), None)


@frozen(slots=False)
class OptionGroup:
    """Base of all groups: checks that values are of the choices that their types name."""

    def __attrs_post_init__(self) -> None:
        for option in options_of(type(self)):
            if option.choices:
                check_choice(option.flag, getattr(self, option.name), option.choices)


_G = TypeVar("_G", bound=OptionGroup)


class Option(NamedTuple):
    """One field of a group."""

    name: str
    """In Python, in JSON and in the configuration file."""
    flags: tuple[str, ...]
    """On the command line; the first is the one for messages."""
    type: Any
    """Without what ``Annotated`` adds."""
    default: Any
    group: type
    """That it was taken from."""
    on_command_line: bool
    is_written: bool
    """Its text is read by the group itself."""

    @property
    def help(self) -> str:
        """The sentence below the field. Reads the group's source: for those who show it."""
        return help_of(self.group, self.name)

    @property
    def flag(self) -> str:
        """The name for messages."""
        return self.flags[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Its names in a configuration: in Python, and on the command line where that is another one."""
        long = (flag[2:].replace("-", "_") for flag in self.flags if flag.startswith("--"))
        return tuple(dict.fromkeys((self.name, *long)))

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Types or choices, any of which it may be."""
        return get_args(self.type) or (self.type,)

    def read(self, text: str) -> Any:
        """A value as it is typed, for the group's constructor.

        Raises:
            UsageError: if it should be a number and is none.
        """
        for number, words in ((int, "whole number"), (float, "number")):
            if number in self.kinds and not self.is_written:
                try:
                    return number(text)
                except ValueError:
                    raise UsageError(f"{self.flag}: {text!r} is no {words}") from None
        return text

    def alone(self, value: Any) -> Any:
        """What its group makes of a value, whatever the other options are.

        Raises:
            UsageError: if it is none.
        """
        # The class that declares it knows its range; those that inherit it know what it goes with.
        known: Any = ((cls, fields_dict(cls).get(self.name)) for cls in self.group.__mro__ if has(cls))
        home = next(cls for cls, field in known if field is not None and not field.inherited)
        value = self.read(value) if isinstance(value, str) else value
        return getattr(home(**{self.name: value}), self.name)

    def words(self, value: Any) -> tuple[str, ...]:
        """What is written on the command line for a value that is not the default."""
        if isinstance(value, bool):
            return (self.flags[0] if value else self.negative,)
        return (self.flags[0], text_of(value))

    @property
    def negative(self) -> str:
        """The flag that takes it away."""
        flag = max(self.flags, key=len)
        return flag.replace("--no-", "--", 1) if flag.startswith("--no-") else flag.replace("--", "--no-", 1)

    @property
    def choices(self) -> tuple[Any, ...]:
        """All values, if they are few."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()


def option_group(cls: type[_G]) -> type[_G]:
    """Tell cyclopts the types of an attrs class: it looks for them where attrs has those of converters."""
    annotations = get_type_hints(cls, include_extras=True)
    for field in fields(cls):
        extras = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
        # Text goes to the group as it was typed.
        parameters = _parameters(field)
        text: Any = list[str] if any(each is REPEATED for each in parameters) else str
        known = Annotated[(text, *extras)] if _is_written(parameters) else annotations[field.name]  # type: ignore[misc]
        cls.__init__.__annotations__[field.name] = known
    return cls


def between(low: float, high: float, *, open_ended: bool = False) -> Callable[[Any, "Attribute[Any]", Any], None]:
    """A check that a number lies in a range, or is ``None``.

    Args:
        low: the least.
        high: the largest.
        open_ended: neither of them counts.
    """

    def check(group: Any, field: "Attribute[Any]", value: float | None) -> None:
        if value is None:
            return
        inside = low < value < high if open_ended else low <= value <= high
        if not inside:
            raise UsageError(f"{flag_of(field)}: {value:g} is not between {low:g} and {high:g}")

    return check


def text_of(value: Any) -> str:
    """A value as it is typed; nothing for ``None``."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        height, width = value
        return f"{width}x{height}"
    if isinstance(value, Fraction) and Fraction(str(float(value))) == value:
        return f"{float(value):g}" if Fraction(f"{float(value):g}") == value else str(float(value))
    return str(value)


def flag_of(field: "Attribute[Any]") -> str:
    """The name of an option for messages."""
    return _flags(field)[0]


def options_of(group: type[OptionGroup]) -> tuple[Option, ...]:
    """The options of a group, those of its bases first."""
    return _options_of(group)  # type: ignore[arg-type]  # classes are hashable, whatever their instances are


@cache
def _options_of(group: Any) -> tuple[Option, ...]:
    return tuple(_option(group, field) for field in fields(group))


def _option(group: type[OptionGroup], field: "Attribute[Any]") -> Option:
    parameters = _parameters(field)
    return Option(
        name=field.name,
        flags=_flags(field),
        type=_bare(field.type),
        default=field.default,
        group=group,
        on_command_line=all(each.parse is not False for each in parameters),
        is_written=_is_written(parameters),
    )


def _flags(field: "Attribute[Any]") -> tuple[str, ...]:
    named = next((each.name for each in _parameters(field) if each.name), ())
    return tuple(named or ()) or (f"--{field.name.replace('_', '-')}",)


def _parameters(field: "Attribute[Any]") -> list[Parameter]:
    extras = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
    return [each for each in extras if isinstance(each, Parameter)]


def _is_written(parameters: list[Parameter]) -> bool:
    # Flags say the same of themselves.
    return any(each is WRITTEN or each is REPEATED for each in parameters)


def _bare(type_: Any) -> Any:
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def help_of(group: type, name: str) -> str:
    """The sentence below a field, as cyclopts shows it."""
    for cls in group.__mro__:
        if name in (found := _helps(cls)):
            return found[name]
    return ""


@cache
def _helps(cls: type) -> dict[str, str]:
    from docstring_parser import parse_from_object

    if cls.__module__ == "builtins":
        return {}
    return {each.arg_name: " ".join((each.description or "").split()) for each in parse_from_object(cls).params}
