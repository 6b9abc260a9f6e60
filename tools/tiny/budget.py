"""How much of everything: the whole, or a handful of each to see that it runs from end to end."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Numbers that ``None`` leaves as they are."""

    by_hand: int | None = None
    """Most pictures of a set that is put in place by hand."""
    photographs: int | None = None
    """Most photographs of a repository."""
    cutouts: int | None = None
    """Most stamps, renders and clip arts, each."""
    corrected: int = 800
    """Photographs that the careful teacher labels."""
    measured: int | None = None
    """Most pictures of an evaluation set."""
    overrides: tuple[str, ...] = ()
    """Of the recipe."""


WHOLE = Budget()
REDUCED = Budget(
    by_hand=6,
    photographs=5,
    cutouts=6,
    corrected=12,
    measured=3,
    overrides=("run.steps=6", "run.save_every=3", "run.preview_every=6", "data.batch_size=3", "data.workers=0"),
)


@dataclass(frozen=True, slots=True)
class Places:
    """Folders that the work goes on in."""

    shared: Path
    """Of what is fetched, for any budget."""
    own: Path
    """Of what is made of it."""

    @property
    def packages(self) -> Path:
        return self.shared / "packages"

    @property
    def repositories(self) -> Path:
        return self.shared / "repositories"

    @property
    def photographs(self) -> Path:
        return self.own / "photographs"

    @property
    def labels(self) -> Path:
        return self.own / "labels"

    @property
    def data(self) -> Path:
        """Of the sets that the recipe names."""
        return self.own / "data"

    @property
    def held(self) -> Path:
        """Pictures without a subject to measure on."""
        return self.data / "empty_held"

    @property
    def run(self) -> Path:
        return self.own / "run"
