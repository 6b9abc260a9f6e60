"""The table of known networks, and the rows that a user has added to it."""

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from birefnet_video.errors import BirefnetVideoError, CheckpointError
from birefnet_video.folders import data_folder
from birefnet_video.options.network import PatchOrderName
from birefnet_video.options.serial import structured
from birefnet_video.options.values import parse_size

BUNDLED = "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place that has a network's weights: a repository of the hub, or an address."""

    repository: str | None = None
    revision: str | None = None
    file: str | None = None
    url: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    is_first: bool = False
    """The row's own, and no mirror."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        if self.is_first:
            return "hub"
        if self.url is None:
            return str(self.repository).partition("/")[0].lower()
        return "github" if "//github.com/" in self.url else self.url.split("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """One row of the table; ``table.toml`` says what its fields are."""

    name: str
    repository: str | None = None
    revision: str | None = None
    file: str
    bytes: int | None = None
    sha256: str | None = None
    backbone: str | None = None
    trained: str | None = None
    smallest: int | None = None
    largest: int | None = None
    patch_order: PatchOrderName = "auto"
    because: str = ""
    licence: str
    sale: Literal["yes", "no", "not said"] = "not said"
    data: str = ""
    quality: str = ""
    use: str
    mirrors: tuple[Source, ...] = ()
    by_path: bool = False
    folder: Path | None = None
    """Where an added row's file lies."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that it was trained at; ``None``: any shape."""
        return None if self.trained is None else parse_size(self.trained)

    @property
    def is_bundled(self) -> bool:
        """Whether its weights come with the package."""
        return self.name == BUNDLED

    @property
    def can_be_fetched(self) -> bool:
        """Whether there is a place that it is fetched from."""
        return self.repository is not None and not self.by_path

    @property
    def amount(self) -> str:
        """The size of its file in words."""
        return "size not known" if self.bytes is None else f"{self.bytes / 1e6:.0f} MB"

    @property
    def sizes(self) -> str:
        """What it was trained at in words."""
        if self.trained is not None:
            return self.trained
        return f"{self.smallest}-{self.largest}" if self.smallest else "any shape"

    @property
    def terms(self) -> str:
        """Its licence in words."""
        return f"{self.licence}, not for sale" if self.sale == "no" else self.licence

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where it is to be had, the hub first. Mirrors on the hub have the same file, unless they say otherwise."""
        first = Source(repository=self.repository, revision=self.revision, file=self.file, bytes=self.bytes,
                       sha256=self.sha256, is_first=True)  # fmt: skip
        mirrors = (
            mirror
            if mirror.repository is None
            else replace(mirror, bytes=mirror.bytes or self.bytes, sha256=mirror.sha256 or self.sha256)
            for mirror in self.mirrors
        )
        return (first, *mirrors)

    @property
    def hashes(self) -> tuple[tuple[int | None, str], ...]:
        """Sizes and SHA-256 of all known forms of its file."""
        return tuple((source.bytes, source.sha256) for source in self.sources if source.sha256 is not None)


def known_models() -> dict[str, KnownModel]:
    """All rows by name: those of the table in the order of advice, then the user's own.

    Raises:
        CheckpointError: if a row of the user's own is not valid; names the file.
    """
    own = [_read_own(path) for path in own_rows()]
    # None of them takes the place of a row of the table.
    return {**_table(), **{row.name: row for row in own if row.name not in _table()}}


def own_rows() -> list[Path]:
    """The files that hold the user's own rows."""
    try:
        folder = own_folder()
    except BirefnetVideoError:
        return []
    return sorted(folder.glob("*/model.toml"))


def own_folder() -> Path:
    """Where added models lie, a folder each: ``model.toml`` and the weights.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    return data_folder() / "models"


@cache
def _table() -> dict[str, KnownModel]:
    import tomllib

    rows = tomllib.loads(files("birefnet_video.zoo").joinpath("table.toml").read_text(encoding="utf-8"))
    return {name: structured({"name": name, **row}, KnownModel) for name, row in rows.items()}


def _read_own(path: Path) -> KnownModel:
    import tomllib

    try:
        row: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return structured({"use": "added by you", "licence": "not said", **row, "name": path.parent.name,
                           "folder": str(path.parent)}, KnownModel)  # fmt: skip
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: no valid description of a model: {error}", hint="mend it or remove it"
        ) from None
