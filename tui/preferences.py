"""What was chosen in the interface itself and is kept for the next time."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from birefnet_video.tui.graphics import CHOICES
from birefnet_video.tui.settings import theme_names

#: Pictures a second that the monitor can ask for.
RATES = (0.25, 0.5, 1.0, 2.0)
_FILE = "interface.json"


@dataclass(frozen=True, slots=True)
class Preferences:
    """All choices; ``config.toml`` has the last word where it says something."""

    theme: str | None = None
    """``None``: what suits the terminal."""
    rate: float = 1.0
    """Pictures a second of a render that is watched."""
    graphics: str = "cells"
    """What pictures are sent as: a name of :data:`birefnet_video.tui.graphics.CHOICES`."""
    bell: bool = True
    """The terminal's bell rings when a render ends."""
    notice: bool = True
    """The terminal or the desktop is asked to show a notice when a render ends."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Those of a user's state folder; what is not understood has its default."""
        try:
            said = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in said.items() if name in known} if isinstance(said, dict) else {}
        return cls(**{name: value for name, value in values.items() if _fits(name, value)})

    def save(self, folder: Path) -> None:
        """Keep them; what cannot be written is asked for again the next time.

        Raises:
            OSError: if it cannot be written.
        """
        path = folder / _FILE
        fresh = path.with_name(f".{_FILE}.tmp")
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)

    def changed(self, **changes: Any) -> Self:
        """The same but for these."""
        return replace(self, **changes)


def _fits(name: str, value: object) -> bool:
    if name == "theme":
        return value in theme_names()
    if name == "graphics":
        return value in CHOICES
    return value in RATES if name == "rate" else isinstance(value, bool)
