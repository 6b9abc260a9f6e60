"""Recipes in TOML: read, overridden by ``section.key=value``, checked against their types, and written."""

import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from birefnet_video.model.training.recipe import Recipe

from birefnet_video.errors import UsageError
from birefnet_video.words import meant


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def load_recipe(source: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe and override single values.

    Args:
        source: a shipped recipe's name, or the path of a TOML file.
        overrides: ``section.key=value``, the value written as in TOML; bare words are strings.

    Raises:
        UsageError: if there is no such recipe, or a section, key or value is not one; the message says which.
    """
    path = Path(source)
    if path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
    elif str(source) in recipe_names():
        text = _shipped().joinpath(f"{source}.toml").read_text(encoding="utf-8")
    else:
        names = recipe_names()
        raise UsageError(
            f"no recipe is called {str(source)!r}",
            hint=f"{meant(str(source), names)}there are: {', '.join(names)}, or the path of a .toml file",
        )
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{source}: lists or tables lie too deep in each other") from None
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from None
    return parse_recipe(table, overrides)


def parse_recipe(table: Mapping[str, Any], overrides: Iterable[str] = ()) -> Recipe:
    """A recipe from a parsed TOML file. Raises as :func:`load_recipe`."""
    recipe = Recipe()
    sections = {section.name: getattr(recipe, section.name) for section in fields(Recipe)}
    given: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for name, values in table.items():
        if name not in sections or not isinstance(values, Mapping):
            raise UsageError(f"recipe: no section [{name}]; there are: {', '.join(sections)}")
        for key, value in values.items():
            given[name][key] = value
    for override in overrides:
        name, key, value = _split(override, sections)
        given[name][key] = value
    return replace(recipe, **{name: _section(sections[name], name, values) for name, values in given.items()})


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with all its values as TOML that :func:`load_recipe` reads."""
    lines: list[str] = []
    for section in fields(Recipe):
        lines.append(f"[{section.name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in asdict(getattr(recipe, section.name)).items()]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")


def _shipped() -> Any:
    return files("birefnet_video.model.training").joinpath("recipes")


def _split(override: str, sections: Mapping[str, Any]) -> tuple[str, str, Any]:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot or section not in sections:
        raise UsageError(f"{override!r} is not SECTION.KEY=VALUE; sections are: {', '.join(sections)}")
    try:
        return section, key, tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return section, key, text.strip()


def _section(default: Any, name: str, values: Mapping[str, Any]) -> Any:
    types_of = typing.get_type_hints(type(default))
    for key in values:
        if key not in types_of:
            raise UsageError(f"recipe: [{name}] has no {key!r}; it has: {', '.join(types_of)}")
    return replace(default, **{key: _checked(value, types_of[key], f"{name}.{key}") for key, value in values.items()})


def _checked(value: Any, kind: Any, name: str) -> Any:
    """``value`` brought to the type of its field."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value in arguments:
            return value
        raise UsageError(f"{name}: {value!r} is none of {', '.join(map(str, arguments))}")
    if origin is tuple and isinstance(value, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_checked(item, arguments[0], name) for item in value)
        if len(arguments) == len(value):
            return tuple(_checked(item, argument, name) for item, argument in zip(value, arguments, strict=True))
    if origin in (Mapping, typing.get_origin(Mapping[str, float])) and isinstance(value, Mapping):
        return {str(key): _checked(item, arguments[1], f"{name}.{key}") for key, item in value.items()}
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, bool, str) and type(value) is kind:
        return value
    wanted = getattr(kind, "__name__", str(kind)) if not isinstance(kind, types.GenericAlias) else str(kind)
    raise UsageError(f"{name}: {value!r} is not of type {wanted}")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + "}"
    assert not is_dataclass(value)
    return repr(value)
