"""One known network: what it is and where its weights come from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from birefnet_video.options.network import PatchOrderName
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
        host = urlsplit(self.url).netloc
        return "github" if host == "github.com" else host


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
    kind: Literal["network", "tracker"] = "network"
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
