"""Where weights lie on this machine, and which known network a file is."""

import glob
import hashlib
import os
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from birefnet_video.errors import BirefnetVideoError, CheckpointError, first_line
from birefnet_video.words import meant
from birefnet_video.zoo.known import KnownModel, Source, broken_rows, known_models, known_trackers, own_folder
from birefnet_video.zoo.rows import WEIGHTS_SUFFIXES, weights_name

_BLOCK = 1 << 22


def weights_path(model: str) -> Path:
    """Where the weights of a model lie on this machine. Nothing is downloaded here.

    Args:
        model: a name of :func:`known_models`, or the path of a ``.safetensors`` or ``.pth`` file.

    Raises:
        CheckpointError: if it is neither, or its weights are not on this machine; says how to get them.
    """
    row = known_models().get(model)
    if model in known_trackers():
        raise CheckpointError(f"{model} follows subjects and makes no mattes", hint=f"--tracker {model} uses it")
    return _given_path(model) if row is None else weights_of(row)


def weights_of(row: KnownModel) -> Path:
    """Where the file of a row lies on this machine.

    Raises:
        CheckpointError: if it is not here; says how to get it.
    """
    found = find_weights(row)
    if found is None:
        raise missing_weights(row)
    return found


def missing_weights(row: KnownModel) -> CheckpointError:
    """What is said of a model that is not here."""
    if row.by_path:
        return CheckpointError(
            f"{row.name}: its licence is {row.terms}: it is not fetched",
            hint=f"get it from huggingface.co/{row.repository} yourself and give its path",
        )
    if row.folder is not None and row.repository is None:
        return CheckpointError(f"{row.folder / row.file}: no such file", hint=f"birefnet-video models rm {row.name}")
    return CheckpointError(
        f"the weights of {row.name} ({row.amount}, {row.terms}) are not on this machine",
        hint=f"get them with: birefnet-video models pull {row.name}",
    )


def unknown_model(name: str) -> CheckpointError:
    """What is said of a name that is none."""
    if name in (broken := broken_rows()):
        return broken[name]
    rows = known_models()
    # As people write it who know the hub's names.
    question = meant(re.sub(r"^birefnet[-_]?", "", name, flags=re.IGNORECASE), rows)
    return CheckpointError(f"no model is called {name!r}", hint=f"{question}there are: {', '.join(rows)}, or a path")


def row_of(model: str) -> KnownModel | None:
    """What is known of a model, by its name or by what its file holds.

    Args:
        model: as of :func:`weights_path`.
    """
    named = known_models().get(model)
    if named is not None:
        return named
    try:
        path = Path(model).expanduser()
        return identify(path) if path.is_file() else None
    except (OSError, RuntimeError):
        # Who loads it says why it cannot be read.
        return None


def find_weights(row: KnownModel) -> Path | None:
    """The file of a known network, if it is here and has the size that it should have."""
    if row.is_bundled:
        return Path(str(files("birefnet_video.model.weights").joinpath(row.file)))
    for path, size in _places(row):
        try:
            if path.is_file() and size in (None, path.stat().st_size):
                return path
        except OSError:
            # What may not be looked at is not here.
            continue
    return None


def identify(path: Path) -> KnownModel | None:
    """The known network whose bytes a file holds. Hashes it only if its size is that of one."""
    size = path.stat().st_size
    candidates = {digest: row for row in known_models().values() for known, digest in row.hashes if known == size}
    if not candidates:
        return None
    named = path.resolve().name
    # The hub's cache calls files by their hashes.
    return candidates.get(named if named in candidates else sha256_of(path))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


def hub_cache() -> Path:
    """Where the hub's own programs keep files; ``HF_HOME`` and ``HF_HUB_CACHE`` move it.

    Raises:
        CheckpointError: if ``HF_ENDPOINT`` is no address.
    """
    try:
        from huggingface_hub import constants
    except ValueError as error:
        # It looks at the address when it is imported.
        address = os.environ.get("HF_ENDPOINT", "")
        raise CheckpointError(f"HF_ENDPOINT: {address!r} is no address: {first_line(error)}") from None
    return Path(constants.HF_HUB_CACHE)


def hub_folder(repository: str) -> Path:
    """The part of the hub's cache that holds a repository."""
    return hub_cache() / f"models--{repository.replace('/', '--')}"


def mirrored_path(row: KnownModel, source: Source) -> Path:
    """Where the file of an address lies.

    Raises:
        OutputRefused: if the user has no home folder.
        ValueError: if the address is none of weights.
    """
    return own_folder() / row.name / weights_name(str(source.url))


def _places(row: KnownModel) -> list[tuple[Path, int | None]]:
    """Where a file may lie, best first, and its size."""
    places: list[tuple[Path, int | None]] = []
    if row.folder is not None:
        places.append((row.folder / row.file, row.bytes))
    for source in row.sources:
        if source.repository is not None:
            places += [(path, source.bytes) for path in hub_links(source)]
        elif source.url is not None:
            try:
                places.append((mirrored_path(row, source), source.bytes))
            except BirefnetVideoError:
                continue
    return places


def hub_links(source: Source) -> list[Path]:
    """The files of a source in the hub's cache: the pinned revision's, then others of the same content."""
    snapshots = hub_folder(str(source.repository)) / "snapshots"
    pinned = [snapshots / source.revision / str(source.file)] if source.revision else []
    try:
        others = sorted(snapshots.glob(f"*/{glob.escape(str(source.file))}"))
    except OSError:
        others = []
    if source.revision is not None or source.sha256 is not None:
        others = [path for path in others if path.resolve().name == source.sha256]
    return [*pinned, *others]


@lru_cache
def _sha256(path: Path, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _given_path(model: str) -> Path:
    try:
        path = Path(model).expanduser()
        exists, is_file = path.exists(), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"-m: {model!r} is neither a model nor a path: {first_line(error)}") from None
    if path.suffix in WEIGHTS_SUFFIXES or exists:
        if not is_file:
            raise CheckpointError(f"{path}: {'is no file' if exists else 'no such file'}")
        return path
    raise unknown_model(model)
