"""Graphs and engines that took long to build, kept on disk for the next start."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import birefnet_video.model as model
from birefnet_video.defaults import CACHE_BYTES
from birefnet_video.errors import BackendUnavailable
from birefnet_video.folders import cache_folder

T = TypeVar("T")
#: Bytes that are hashed at once.
_BLOCK = 1 << 20
#: Seconds after which nobody builds any more.
_STALE_S = 24 * 3600


class EngineCache:
    """Folders, each named after everything that what lies in it depends on."""

    def __init__(self, root: Path, most_bytes: int = CACHE_BYTES) -> None:
        """
        Args:
            root: the folder of all of them; made when it is needed.
            most_bytes: what has not been used for longest makes room when a new one goes beyond.
        """
        self.root, self._most_bytes = root, most_bytes

    def folder(self, engine: str, key: Mapping[str, str]) -> Path:
        """Where what belongs to ``key`` lies, or would lie."""
        words = json.dumps(dict(sorted(key.items())))
        return self.root / engine / hashlib.sha256(words.encode()).hexdigest()[:24]

    def find_or_build(self, engine: str, key: Mapping[str, str], build: Callable[[Path], None]) -> tuple[Path, bool]:
        """The folder of ``key``; ``build`` fills an empty one first, if it is not there.

        A build that fails leaves nothing behind. If two processes build the same, the first one's is kept.

        Returns:
            the folder, and whether it was built now.

        Raises:
            BackendUnavailable: if the cache cannot be written.
        """
        folder = self.folder(engine, key)
        if folder.is_dir():
            # Its time tells which of them nobody uses any more; it may be another user's.
            with suppress(OSError):
                os.utime(folder)
            return folder, False
        with self._workshop(folder.parent) as name:
            new = Path(name) / "engine"
            new.mkdir()
            build(new)
            (new / "key.json").write_text(json.dumps(dict(key), indent=1))
            # What is no folder cannot be what was built.
            if folder.is_file():
                folder.unlink()
            try:
                new.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        self._make_room(folder)
        return folder, True

    def _workshop(self, parent: Path) -> "tempfile.TemporaryDirectory[str]":
        """A folder in ``parent`` to build in."""
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self._sweep(parent)
            return tempfile.TemporaryDirectory(prefix=f"building-{os.getpid()}-", dir=parent)
        except OSError as error:
            raise BackendUnavailable(
                f"{parent}: what is built cannot be kept there: {error.strerror or error}",
                hint="name another folder with the variable XDG_CACHE_HOME",
            ) from None

    def load(
        self,
        engine: str,
        key: Mapping[str, str],
        build: Callable[[Path], None],
        load: Callable[[Path], T],
        tell: Callable[[str], None],
    ) -> T:
        """What ``load`` makes of the folder of ``key``, built if need be; built again if it was kept and does not load.

        Raises:
            Exception: whatever ``build`` and ``load`` raise for what is new.
        """
        folder, is_new = self.find_or_build(engine, key, build)
        try:
            return load(folder)
        except Exception:
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        tell(f"{engine}: what was built before does not load, and is built again")
        shutil.rmtree(folder, ignore_errors=True)
        return load(self.find_or_build(engine, key, build)[0])

    def _make_room(self, newest: Path) -> None:
        """Remove what has not been used for longest, but never ``newest``, until the rest is small enough."""
        folders = [path for path in self.root.glob("*/*") if path.is_dir() and not path.name.startswith("building-")]
        sizes = {folder: _size_of(folder) for folder in folders}
        total = sum(sizes.values())
        for folder in sorted(folders, key=_last_used):
            if total <= self._most_bytes:
                return
            if folder != newest:
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]

    def forget_unfinished(self, process: int) -> None:
        """Remove what a process that was ended left half-built.

        Args:
            process: its number.
        """
        for unfinished in self.root.glob(f"*/building-{process}-*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def _sweep(self, folder: Path) -> None:
        """Remove what processes that were killed left half-built."""
        for stale in folder.glob("building-*"):
            if time.time() - stale.stat().st_mtime > _STALE_S:
                shutil.rmtree(stale, ignore_errors=True)


def _size_of(folder: Path) -> int:
    """Bytes of the files in a folder; another process may be removing it."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


class Note:
    """A few words in the cache, in place of finding them out once more."""

    def __init__(self, cache: EngineCache, kind: str, key: Mapping[str, str], name: str) -> None:
        """
        Args:
            cache: where it is kept.
            kind: of what it says.
            key: everything that this depends on.
            name: of its file.
        """
        self._path = cache.folder(kind, key) / name

    def read(self) -> Any:
        """What was written, as JSON values; ``None`` if nothing was, or nothing that can be read."""
        try:
            return json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, value: Any) -> None:
        """Remember a value; where nothing can be written it is found out again next time."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_name(f"{self._path.name}.new")
            fresh.write_text(json.dumps(value), encoding="utf-8")
            fresh.replace(self._path)


def default_cache() -> EngineCache:
    """That of the user: ``$XDG_CACHE_HOME/birefnet-video`` or what the system has in its place."""
    return EngineCache(cache_folder())


def hash_file(path: Path) -> str:
    """A name for the content of a file."""
    stat = path.stat()
    return _hash_file(path, stat.st_size, stat.st_mtime_ns)


@lru_cache
def hash_of_code() -> str:
    """A name for the network's sources: what others make of weights is not what these make of them."""
    digest = hashlib.sha256()
    for path in sorted(Path(model.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache
def _hash_file(path: Path, size: int, changed: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
