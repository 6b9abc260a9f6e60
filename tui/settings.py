"""What a user has set for the interface."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from birefnet_video.configuration.toml_file import read_toml
from birefnet_video.errors import OutputRefused, UsageError
from birefnet_video.folders import config_folder


@dataclass(frozen=True, slots=True)
class Settings:
    """The table ``[tui]`` of the user's ``config.toml``."""

    theme: str | None = None
    """``None``: what suits the terminal."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys by the name of what they do, such as ``monitor.pause``; several are joined by commas."""
    complaints: tuple[str, ...] = ()
    """What of the file was not understood."""
    path: Path | None = None
    """Of the file; ``None``: the user's."""


def default_path() -> Path:
    """Where the file lies."""
    return config_folder() / "config.toml"


def load_settings(path: Path | None = None) -> Settings:
    """Read them; what is wrong with the file is told and left out.

    Args:
        path: of the file, which need not exist; ``None``: the user's.
    """
    try:
        path = path or default_path()
    except OutputRefused:
        # A user without a home folder has set nothing.
        return Settings()
    try:
        file = read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        return Settings(path=path)
    except UsageError as error:
        return Settings(complaints=(str(error),), path=path)
    table = file.values.get("tui", {})
    if not isinstance(table, dict):
        return Settings(complaints=(f"{file.at(('tui',))}: tui is no table",), path=path)
    complaints = []
    theme = table.get("theme")
    if theme is not None and theme not in theme_names():
        where = file.at(("tui", "theme"))
        complaints.append(f"{where}: there is no theme {theme!r}; there are {', '.join(theme_names())}")
        theme = None
    keys = table.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        complaints.append(f"{file.at(('tui', 'keys'))}: tui.keys must be a table of texts")
        keys = {}
    return Settings(theme, _flat(keys), tuple(complaints), path)


def theme_names() -> list[str]:
    """All themes, those of our own first."""
    from birefnet_video.tui.themes import NAMES
    from textual.theme import BUILTIN_THEMES

    return [*NAMES, *(name for name in BUILTIN_THEMES if name not in NAMES)]


def _flat(keys: dict[str, str]) -> dict[str, str]:
    return {name: key.strip() for name, key in keys.items()}
