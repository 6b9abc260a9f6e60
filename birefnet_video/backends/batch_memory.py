"""How many frames at once were fastest, kept for the next start on the same machine."""

import json
from collections.abc import Mapping
from contextlib import suppress

from birefnet_video.backends.cache import EngineCache

_ENGINE, _FILE = "batches", "batch.json"


class BatchMemory:
    """What was measured for one network, size, engine, precision and device."""

    def __init__(self, cache: EngineCache, key: Mapping[str, str]) -> None:
        """
        Args:
            cache: where it is kept.
            key: everything that the fastest number depends on.
        """
        self._folder = cache.folder(_ENGINE, key)

    def recall(self, most: int) -> int | None:
        """The number that was found, if it is no more than ``most``; ``None`` if none is kept."""
        try:
            found = json.loads((self._folder / _FILE).read_text(encoding="utf-8"))["batch"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, int) and 1 <= found <= most else None

    def keep(self, batch: int) -> None:
        """Remember a number; where nothing can be written it is measured again next time."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh = self._folder / f"{_FILE}.new"
            fresh.write_text(json.dumps({"batch": batch}), encoding="utf-8")
            fresh.replace(self._folder / _FILE)
