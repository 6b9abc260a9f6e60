"""Which options a configuration may name, for which commands."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pkgutil import resolve_name
from typing import Any, get_args

from birefnet_video.configuration.call_only import CALL_ONLY
from birefnet_video.configuration.setting import PREFIX, Setting
from birefnet_video.errors import UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import Option, OptionGroup, options_of
from birefnet_video.words import nearest, question

#: From here on, a variable that is no option is taken for a misspelt one; others belong to other programs.
_LIKE_AN_OPTION = 0.8


class Schema:
    """The options of all commands that take settings."""

    def __init__(self, commands: Mapping[str, Callable[..., Any] | str]) -> None:
        """
        Args:
            commands: functions by the names of their tables, or ``module:function`` of those imported when needed.
        """
        self.commands = tuple(commands)
        self._functions = commands
        self._found: dict[str, Mapping[str, Option]] = {}

    def options(self, command: str) -> Mapping[str, Option]:
        """The options of a command that can be configured, by each of their keys."""
        if command not in self._found:
            self._found[command] = dict(self._find(command))
        return self._found[command]

    def _find(self, command: str) -> Iterator[tuple[str, Option]]:
        where_from = {option.name for option in options_of(ConfigSpec)}
        function = self._functions[command]
        for group in _groups(resolve_name(function) if isinstance(function, str) else function):
            for option in options_of(group):
                if option.on_command_line and option.name not in where_from and not CALL_ONLY.keys() & set(option.keys):
                    yield from dict.fromkeys(option.keys, option).items()

    def of_command(self, command: str) -> Iterator[Option]:
        """The same, each once."""
        yield from dict.fromkeys(self.options(command).values())

    def check(self, settings: Iterable[Setting]) -> None:
        """See that every setting is an option of some command, and its value one that this takes.

        Raises:
            UsageError: if not; says where it stands.
        """
        seen: set[tuple[str | None, str | None, str]] = set()
        for setting in settings:
            if self._is_foreign(setting):
                continue
            if (reason := CALL_ONLY.get(setting.key)) is not None:
                raise UsageError(f"{setting.place}: {reason}", hint="give it on the command line")
            self._check_value(setting)
            where = (setting.profile, setting.command, setting.key)
            if setting.file is not None and where in seen:
                raise UsageError(f"{setting.place}: stands there twice")
            seen.add(where)

    def _check_value(self, setting: Setting) -> None:
        takers = [setting.command] if setting.command is not None else self.commands
        options = [self.options(taker)[setting.key] for taker in takers if setting.key in self.options(taker)]
        if not options:
            raise self._unknown(setting, takers)
        errors: list[UsageError] = []
        for option in options:
            try:
                setting.for_option(option)
            except UsageError as error:
                errors.append(error)
        # What some commands do not take is meant for the others.
        if len(errors) == len(options):
            raise errors[0]

    def _is_foreign(self, setting: Setting) -> bool:
        """Whether it is a variable of another program."""
        known = {*CALL_ONLY, *(key for command in self.commands for key in self.options(command))}
        return setting.file is None and nearest(setting.key, known, likeness=_LIKE_AN_OPTION) is None

    def _unknown(self, setting: Setting, takers: Iterable[str]) -> UsageError:
        homes = [command for command in self.commands if setting.key in self.options(command)]
        if homes:
            return UsageError(f"{setting.place}: is no option of {setting.command}", hint=f"but of {', '.join(homes)}")
        near = nearest(setting.key, [key for taker in takers for key in self.options(taker)])
        written = f"{PREFIX}{near.upper()}" if near and setting.file is None else near
        return UsageError(f"{setting.place}: is not known", hint=question(written))


def _groups(function: Callable[..., Any]) -> Iterator[type[OptionGroup]]:
    """The groups that a command flattens into its options."""
    for parameter in inspect.signature(function).parameters.values():
        group = next(iter(get_args(parameter.annotation)), None)
        if isinstance(group, type) and issubclass(group, OptionGroup):
            yield group
