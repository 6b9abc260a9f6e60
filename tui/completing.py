"""Paths that are offered in grey while they are typed."""

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from textual.suggester import Suggester

#: Names of a folder that are looked at.
_MOST = 5000


class PathSuggester(Suggester):
    """Offers the first name in the folder that begins as what is typed: a folder, or a file that fits."""

    def __init__(self, fits: Callable[[Path], bool]) -> None:
        """
        Args:
            fits: whether a file is meant, by its name.
        """
        super().__init__(use_cache=False, case_sensitive=True)
        self._fits = fits

    async def get_suggestion(self, value: str) -> str | None:
        """See Textual."""
        return completed(value, self._fits)


def completed(typed: str, fits: Callable[[Path], bool]) -> str | None:
    """What is typed and the rest of a name, or ``None``.

    Args:
        typed: a path, perhaps its beginning.
        fits: whether a file is meant, by its name.
    """
    is_begun = bool(typed.rpartition("/")[2])
    return next((name for name in completions(typed, fits, 2) if name != typed), None) if is_begun else None


def completions(typed: str, fits: Callable[[Path], bool], most: int) -> list[str]:
    """All that may be meant: what is typed and the rest of a name, sorted, folders with a slash behind them.

    Args:
        typed: a path, perhaps its beginning; what ends in a slash means all that is in the folder.
        fits: whether a file is meant, by its name.
        most: are enough.
    """
    above, slash, begun = typed.rpartition("/")
    try:
        folder = Path(above + slash or ".").expanduser()
        with os.scandir(folder) as entries:
            found = sorted(
                entry.name + "/" if entry.is_dir() else entry.name
                for entry in islice(entries, _MOST)
                if entry.name.startswith(begun)
                # What is hidden is meant by nobody who does not begin so.
                and (begun or not entry.name.startswith("."))
                and (entry.is_dir() or fits(Path(entry.name)))
            )
    except (OSError, ValueError, RuntimeError):
        return []
    return [above + slash + name for name in found[:most]]
