"""Where settings stand: the user's file or another one, its profiles, the environment."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from birefnet_video.configuration.setting import PREFIX, Setting
from birefnet_video.configuration.toml_file import TomlFile, read_toml
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.folders import config_folder, expanded
from birefnet_video.words import nearest

#: What the terminal interface keeps in its own table and reads itself.
INTERFACE_KEYS = ("theme", "keys")
#: Variables that say where settings come from.
FILE_VARIABLE, PROFILE_VARIABLE = f"{PREFIX}CONFIG", f"{PREFIX}PROFILE"


def user_file() -> Path:
    """The path of the user's own file, which need not exist.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    return config_folder() / "config.toml"


def find_file(named: Path | None, environment: Mapping[str, str]) -> TomlFile | None:
    """The one file that is read, if there is any.

    Args:
        named: on the command line.
        environment: whose variable may name one.

    Raises:
        UsageError: if the one that is named is not there, or it cannot be read.
    """
    path = named_file(named, environment)
    if path is not None:
        try:
            return read_toml(path)
        except OSError:
            raise UsageError(f"{_namer(named)}: {path}: no such file") from None
    try:
        return read_toml(user_file())
    except (OSError, OutputRefused):
        # There is none, or no home for one.
        return None


def named_file(named: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file that is to be read in place of the user's, if there is one; as of :func:`find_file`."""
    variable = environment.get(FILE_VARIABLE)
    path = named if named is not None else Path(variable) if variable else None
    if path == Path():
        raise UsageError(f"{_namer(named)}: names no file", hint="without it, the user's config.toml is read")
    return expanded(path, _namer(named)) if path is not None else None


def _namer(named: Path | None) -> str:
    return "--config" if named is not None else FILE_VARIABLE


def profile_names(file: TomlFile | None) -> tuple[str, ...]:
    """The profiles of a file."""
    profiles = file.values.get("profiles", {}) if file is not None else {}
    return tuple(profiles) if isinstance(profiles, dict) else ()


def chosen_profile(named: str | None, file: TomlFile | None, environment: Mapping[str, str]) -> str | None:
    """The profile that is taken: of the command line, the environment, or the file.

    Raises:
        UsageError: if there is no such profile.
    """
    by, name = "--profile", named
    if name is None and environment.get(PROFILE_VARIABLE):
        by, name = PROFILE_VARIABLE, environment[PROFILE_VARIABLE]
    if name is None and file is not None and "profile" in file.values:
        by, name = f"{file.at(('profile',))}: profile", file.values["profile"]
    known = profile_names(file)
    if file is not None and isinstance(name, dict | list):
        raise UsageError(f"{by}: is the name of a profile, in quotes", hint="profiles stand below [profiles.NAME]")
    if name is None or name in known:
        return name
    near = nearest(str(name), known)
    there = f"there {'are' if len(known) > 1 else 'is'} {', '.join(known)}" if known else "there are none"
    where = f" in {file.path}" if file is not None else ": there is no configuration file"
    hint = None if file is None else f"did you mean {near}?" if near else there
    raise UsageError(f"{by}: no profile {str(name)!r}{where}", hint=hint)


def file_settings(file: TomlFile, commands: Collection[str]) -> Iterator[Setting]:
    """All that a file says, with that of its profiles.

    Args:
        file: that was read.
        commands: whose names tables may have.

    Raises:
        UsageError: if something is a table that should be none, or the other way round.
    """
    for name, value in file.values.items():
        if name == "profiles":
            for profile in _table(file, value, (name,)):
                inner = _table(file, value[profile], (name, profile))
                yield from _settings(file, inner, (name, profile), commands, profile)
        elif name != "profile":
            yield from _settings(file, {name: value}, (), commands, None)


def _settings(
    file: TomlFile, table: dict[str, Any], above: tuple[str, ...], commands: Collection[str], profile: str | None
) -> Iterator[Setting]:
    for name, value in table.items():
        keys = (*above, name)
        if profile is not None:
            _refuse_profile(file, keys, value)
        if name in commands:
            for key, inner in _table(file, value, keys).items():
                _refuse_profile(file, (*keys, key), inner)
                if name != "tui" or profile is not None or key not in INTERFACE_KEYS:
                    yield Setting(keys=(*keys, key), value=inner, command=name, profile=profile, file=file)
        elif isinstance(value, dict):
            near = nearest(name, (*commands, "profiles"))
            hint = f"did you mean [{near}]?" if near else f"there are {', '.join(f'[{each}]' for each in commands)}"
            raise UsageError(f"{file.at(keys)}: [{name}]: is no table of a configuration", hint=hint)
        else:
            yield Setting(keys=keys, value=value, profile=profile, file=file)


def _refuse_profile(file: TomlFile, keys: tuple[str, ...], value: Any) -> None:
    """
    Raises:
        UsageError: if a key says in a table what the top of the file alone can say.
    """
    if keys[-1] == "profile":
        raise UsageError(f"{file.at(keys)}: profile: is chosen at the top of the file", hint="above all tables")
    if keys[-1] == "profiles":
        # A table that has tables alone stands on no line of its own.
        inner = tuple(value)[:1] if isinstance(value, dict) else ()
        raise UsageError(
            f"{file.at((*keys, *inner))}: profiles: no table has profiles of its own", hint="[profiles.NAME]"
        )


def _table(file: TomlFile, value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{file.at(keys)}: {keys[-1]}: is a table", hint=f"[{'.'.join(keys)}]")
    return value


def environment_settings(environment: Mapping[str, str]) -> Iterator[Setting]:
    """What variables say; an empty one says nothing."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in (FILE_VARIABLE, PROFILE_VARIABLE) and environment[name]:
            yield Setting(keys=(name,), value=environment[name])
