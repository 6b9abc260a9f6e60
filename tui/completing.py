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
    above, slash, begun = typed.rpartition("/")
    if not begun:
        return None
    try:
        folder = Path(above + slash or ".").expanduser()
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name + "/" if entry.is_dir() else entry.name)
                for entry in islice(entries, _MOST)
                if entry.name.startswith(begun) and (entry.is_dir() or fits(Path(entry.name)))
            )
    except (OSError, ValueError, RuntimeError):
        return None
    return next((above + slash + name for name in found if name != begun), None)
