"""The command line as data: commands, what each takes, and its options."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from cyclopts import App

from birefnet_video.options.group import suggestion_of
from birefnet_video.shell.suggestions import suggested


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An option, or what stands without one (INPUT)."""

    names: tuple[str, ...]
    """``-m`` and ``--model``; without an option the one name that it has in help."""
    help: str
    group: str
    """The heading that it stands under."""
    value: str
    """What follows it, as help calls it: STR, PATH, or its choices; nothing for what is there or not."""
    choices: tuple[str, ...] = ()
    """All values, if they are few."""
    suggestions: tuple[str, ...] = ()
    """Some values, if there are others."""
    takes_files: bool = False
    default: str = ""
    is_required: bool = False
    repeats: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Values that are worth offering; one that no line can show, as a folder's name can be, is left out."""
        return tuple(word for word in self.choices or self.suggestions if word and word.isprintable())


@dataclass(frozen=True, kw_only=True)
class Command:
    """The program or one of its commands."""

    path: tuple[str, ...]
    """Its words behind the program's name; none: the program itself."""
    summary: str
    """One sentence."""
    description: str
    """Paragraphs, the summary not among them."""
    options: tuple[Taken, ...]
    places: tuple[Taken, ...]
    """What it takes without options, in this order."""
    commands: tuple["Command", ...] = field(default=())

    @property
    def name(self) -> str:
        """Its last word."""
        return self.path[-1] if self.path else ""

    def walk(self) -> Iterator["Command"]:
        """It, and all commands below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def grammar_of(app: App, path: tuple[str, ...] = ()) -> Command:
    """What a parser understands; hidden commands and options are left out.

    Args:
        app: the parser.
        path: of words that lead to it.
    """
    flags = (*app.help_flags, *app.version_flags)
    # What has commands only takes nothing itself.
    own = app.assemble_argument_collection(parse_docstring=True) if app.default_command else ()
    shown = [argument for argument in own if argument.show]
    summary, _, rest = _without_parameters(app.help).partition("\n\n")
    return Command(
        path=path,
        summary=_one_line(summary),
        description=rest.strip(),
        options=(*(_taken(each) for each in shown if not _is_place(each)), *_usual(app, path)),
        places=tuple(_taken(each) for each in shown if _is_place(each)),
        commands=tuple(
            grammar_of(app[name], (*path, name)) for name in sorted(app) if name not in flags and app[name].show
        ),
    )


def _usual(app: App, path: tuple[str, ...]) -> Iterator[Taken]:
    yield Taken(names=tuple(app.help_flags), help="Display this message and exit.", group="", value="")
    if not path:
        yield Taken(names=tuple(app.version_flags), help="Display application version.", group="", value="")


def _is_place(argument: Any) -> bool:
    return argument.index is not None


def _taken(argument: Any) -> Taken:
    """One argument of cyclopts."""
    help_text = _one_line(argument.parameter.help or "")
    choices = tuple(argument.get_choices() or ())
    suggestion = suggestion_of(argument.field_info.annotation)
    words = suggested(suggestion) if suggestion is not None else ()
    is_path = _holds_path(argument.hint)
    default = argument.field_info.default if argument.show_default is True else ""
    first = argument.names[0]
    return Taken(
        names=(first.lstrip("-").upper(),) if _is_place(argument) else tuple(argument.names),
        help=help_text,
        group=next((group.name for group in argument.parameter.group if group.name), ""),
        value="" if argument.is_flag() else "PATH" if is_path else "|".join(choices) or _kind(argument.hint),
        choices=choices,
        suggestions=words,
        takes_files=is_path or (suggestion is not None and suggestion.or_file),
        default=str(default),
        is_required=argument.required,
        repeats=argument.token_count()[1],
    )


def _holds_path(hint: Any) -> bool:
    return hint is Path or Path in get_args(hint)


def _kind(hint: Any) -> str:
    kinds = get_args(hint) or (hint,)
    names = {int: "INT", float: "FLOAT"}
    return next((names[kind] for kind in kinds if kind in names), "STR")


def _without_parameters(text: str) -> str:
    """A docstring without its list of parameters, its lines as far to the left as the first one."""
    from inspect import cleandoc

    return cleandoc(text).partition("\n\nParameters\n")[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())
