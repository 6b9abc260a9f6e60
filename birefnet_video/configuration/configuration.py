"""What fills in the options that a command line does not name."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cyclopts import App, ArgumentCollection, Token
from cyclopts.argument import Argument

from birefnet_video.configuration.fitting import unfit
from birefnet_video.configuration.schema import Schema
from birefnet_video.configuration.setting import Setting
from birefnet_video.configuration.sources import (
    FILE_VARIABLE,
    chosen_profile,
    environment_settings,
    file_settings,
    find_file,
    named_file,
    user_file,
)
from birefnet_video.configuration.toml_file import TomlFile
from birefnet_video.errors import UsageError
from birefnet_video.options.group import Option

#: The table of the command that has no name.
MAIN = "render"
_Value = str | bool


class Explained(NamedTuple):
    """An option, its value, and who says so."""

    option: Option
    value: Any
    """As it is typed, whether a flag is given, or the default."""
    origin: str
    needs: str = ""
    """What is missing for a value of a configuration to be of use in this call: it is left out."""


class Loaded(NamedTuple):
    """All that is written down, checked from end to end."""

    file: TomlFile | None
    settings: tuple[Setting, ...]
    """Of the file with all its profiles, and of the environment."""


class Configuration:
    """Gives a command the settings of files and variables, below what its command line says.

    It is one of cyclopts' configurations: called when a command line has been read, before values are made of it.
    """

    def __init__(
        self, commands: Mapping[str, Callable[..., Any] | str], environment: Mapping[str, str] = os.environ
    ) -> None:
        """
        Args:
            commands: all that take settings, as of :class:`Schema`.
            environment: variables by their names.
        """
        self.schema = Schema(commands)
        self._environment = environment
        #: Every option of the latest command line that can be configured.
        self.explained: tuple[Explained, ...] = ()

    def path(self, named: Path | None) -> Path:
        """The file that is read; it need not be there.

        Args:
            named: by the command line.

        Raises:
            OutputRefused: if none is named, and the user has no home folder.
        """
        return named_file(named, self._environment) or user_file()

    def load(self, named: Path | None) -> Loaded:
        """Read what is written down.

        Args:
            named: the file that the command line names.

        Raises:
            UsageError: if something is wrong with it; says where it stands.
        """
        file = find_file(named, self._environment)
        settings = file_settings(file, self.schema.commands) if file is not None else ()
        loaded = Loaded(file, (*settings, *environment_settings(self._environment)))
        self.schema.check(loaded.settings)
        return loaded

    def check(self, named: Path | None) -> Loaded:
        """Read what is written down, and see that the profile that it chooses is there; see :meth:`load`."""
        loaded = self.load(named)
        chosen_profile(None, loaded.file, self._environment)
        return loaded

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """See cyclopts.

        Raises:
            UsageError: if something in a configuration is wrong; says where it stands.
        """
        command = commands[0] if commands else MAIN
        if command not in self.schema.commands:
            return
        options = {argument.keys[-1]: argument for argument in arguments if argument.keys}
        named = {name: value for name, argument in options.items() if (value := _typed(argument)) is not None}
        settings = self._settings(command, named)
        values = {name: setting.for_option(self.schema.options(command)[name]) for name, setting in settings.items()}
        needs = unfit(command, {**_works_on(arguments), **values, **named}, values)
        self.explained = tuple(
            _explained(option, options[option.name], settings.get(option.name), needs.get(option.name, ""))
            for option in self.schema.of_command(command)
        )
        for name in values.keys() - needs.keys():
            _fill(options[name], values[name], settings[name].origin)
        if values.keys() - needs.keys():
            # The request holds all values now, and its own words must bring no others along.
            _fill(options["no_config"], True, "")
        if "no_config" not in named and "config" not in named and (variable := self._environment.get(FILE_VARIABLE)):
            _fill(options["config"], variable, FILE_VARIABLE)

    def _settings(self, command: str, named: Mapping[str, _Value]) -> dict[str, Setting]:
        """What a command is given beside its command line, by option."""
        config, profile = named.get("config"), named.get("profile")
        if named.get("no_config"):
            if (wrong := next((name for name in ("config", "profile") if name in named), None)) is not None:
                raise UsageError(f"--{wrong}: means nothing with --no-config")
            return {}
        file, settings = self.load(None if config is None else Path(str(config)))
        chosen = chosen_profile(None if profile is None else str(profile), file, self._environment)
        found: dict[str, Setting] = {}
        for setting in sorted(settings, key=_rank):
            option = self.schema.options(command).get(setting.key)
            is_meant = setting.profile in (None, chosen) and setting.command in (None, command)
            # A value that only other commands take is meant for those.
            if option is not None and is_meant and option.name not in named and setting.fits(option):
                found[option.name] = setting
        return found


def _rank(setting: Setting) -> tuple[bool, bool, bool]:
    """The later wins: a command's own table, a profile, a variable."""
    return setting.file is None, setting.profile is not None, setting.command is not None


def _typed(argument: Argument) -> _Value | None:
    """What the command line says of an option."""
    token = next(iter(argument.tokens), None)
    if token is None:
        return None
    return token.implicit_value if isinstance(token.implicit_value, bool) else token.value


def _works_on(arguments: ArgumentCollection) -> dict[str, _Value]:
    """What a command is asked to work on, by the names of its function's parameters."""
    alone = {each.field_info.name: value for each in arguments if not each.keys and (value := _typed(each)) is not None}
    # A camera is no device that computes.
    return {"camera" if name == "device" else name: value for name, value in alone.items()}


def _fill(argument: Argument, value: _Value, origin: str) -> None:
    if isinstance(value, bool):
        argument.append(Token(keyword=argument.name, source=origin, implicit_value=value))
    else:
        argument.append(Token(keyword=argument.name, source=origin, value=value))


def _explained(option: Option, argument: Argument, setting: Setting | None, needs: str) -> Explained:
    typed = _typed(argument)
    if typed is not None:
        return Explained(option, typed, f"command line ({argument.tokens[0].keyword})")
    if setting is None:
        return Explained(option, option.default, "default")
    return Explained(option, setting.for_option(option), setting.origin, needs)
