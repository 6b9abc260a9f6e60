"""Where training pictures come from, as data: the tables of sources.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).parent / "sources.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A set that no program fetches: users put it in place."""

    name: str
    pictures: int
    labels: str
    """Folder of its labels beside ``im``; empty: pictures without a subject."""
    made: str
    """How its labels were made, for the model card."""
    source: str
    """Public repository @ commit, where there is one."""
    terms: str
    """As their authors state them."""
    digest: str
    """Of the content that the weights were trained on, as :func:`by_hand.digest` counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Photographs without masks in a public repository."""

    name: str
    repository: str
    """``owner/name``."""
    commit: str
    """All 40 digits."""
    pattern: str
    """Regular expression that is searched for in paths."""
    listing: str
    """Digest of the files that ``pattern`` finds at ``commit``, as :func:`repositories.listing_digest` counts it."""
    most: int
    least_side: int
    """Photographs whose shorter side has fewer pixels are left out."""
    terms: str
    variety: float = 0.0
    """How soon the careful teacher looks at them, in (0, 1]; 0: they show no subject."""
    known: tuple[str, ...] = ()
    """Sets put in place by hand; their pictures are not taken again."""
    untrained: str = ""
    """Regular expression of the names that are kept for measuring only, if they are held back."""
    held: int = 0
    """Every how manyth picture is held back for measuring; 0: none."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Both tables."""

    by_hand: tuple[ByHand, ...]
    photographs: tuple[Photographs, ...]


def read_sources(path: Path = _TABLE) -> Sources:
    """Read the tables.

    Raises:
        TypeError: if a row lacks a value, or has one that is not known.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return Sources(
        tuple(ByHand(**row) for row in table["by_hand"]),
        tuple(Photographs(**row | {"known": tuple(row.get("known", ()))}) for row in table["photographs"]),
    )
