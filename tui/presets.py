"""Options under a name: the profiles of the user's ``config.toml``, read for a form and written from one."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from birefnet_video.tui.form import form_options

from birefnet_video.configuration.sources import file_settings, profile_names
from birefnet_video.configuration.toml_file import TomlFile, read_toml
from birefnet_video.errors import UsageError
from birefnet_video.options.group import Option

Values = Mapping[str, str | bool]
#: What a profile's name may be made of, so that it needs no quotes.
_NAME = re.compile(r"[A-Za-z0-9_-]+")
#: Commands whose tables in a profile a form heeds, and all that a file may have tables of.
_MINE = ("render", "tui")
_COMMANDS = (*_MINE, "webcam", "image", "stack", "bench", "eval", "export", "train")


def presets(path: Path) -> dict[str, Values]:
    """The options that each profile of a file says something of, by their names, as they are typed.

    Args:
        path: of the file, which need not exist.

    Raises:
        UsageError: if it is no TOML, or a value is none of its option's.
    """
    file = _read(path)
    if file is None:
        return {}
    found: dict[str, dict[str, str | bool]] = {name: {} for name in profile_names(file)}
    for setting in file_settings(file, _COMMANDS):
        option = form_options().get(setting.key)
        if option is not None and setting.profile is not None and setting.command in (None, *_MINE):
            found[setting.profile][option.name] = setting.for_option(option)
    return dict(found)


def save_preset(path: Path, name: str, values: Values) -> None:
    """Write a profile at the end of a file, whose other lines stay as they are.

    Args:
        path: of the file, created if need be.
        name: of the profile.
        values: options by name, as they are typed.

    Raises:
        UsageError: if the name is none or is taken, or the file cannot be written.
    """
    check_name(path, name)
    lines = [f"[profiles.{name}]", *(_line(form_options()[key], value) for key, value in values.items())]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        fresh = path.with_name(f".{path.name}.tmp")
        fresh.write_text(before + gap + "\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def check_name(path: Path, name: str) -> None:
    """
    Raises:
        UsageError: if no profile of the file can be called so.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("a name is made of letters, digits, - and _")
    if name in profile_names(_read(path)):
        raise UsageError(f"there is a preset {name} in {path}")


def _read(path: Path) -> TomlFile | None:
    try:
        return read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _line(option: Option, value: str | bool) -> str:
    if isinstance(value, bool):
        return f"{option.name} = {str(value).lower()}"
    is_number = (int in option.kinds or float in option.kinds) and re.fullmatch(r"-?\d+(\.\d+)?", value)
    return f"{option.name} = {value if is_number else json.dumps(value, ensure_ascii=False)}"
