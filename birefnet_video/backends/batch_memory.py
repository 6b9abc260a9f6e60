"""How many frames at once were fastest, kept for the next start on the same machine."""

from collections.abc import Mapping

from birefnet_video.backends.cache import EngineCache, Note


class BatchMemory:
    """What was measured for one network, size, engine, precision and device."""

    def __init__(self, cache: EngineCache, key: Mapping[str, str]) -> None:
        """
        Args:
            cache: where it is kept.
            key: everything that the fastest number depends on.
        """
        self._note = Note(cache, "batches", key, "batch.json")

    def recall(self, most: int) -> int | None:
        """The number that was found, if it is no more than ``most``; ``None`` if none is kept."""
        said = self._note.read()
        found = said.get("batch") if isinstance(said, dict) else None
        return found if isinstance(found, int) and 1 <= found <= most else None

    def keep(self, batch: int) -> None:
        """Remember a number; where nothing can be written it is measured again next time."""
        self._note.write({"batch": batch})
