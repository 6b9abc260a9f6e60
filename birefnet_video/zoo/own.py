"""Models that a user adds, and the removal of any model's files."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from birefnet_video.errors import CheckpointError, OutputRefused, UsageError
from birefnet_video.zoo.files import find_weights, hub_folder, sha256_of
from birefnet_video.zoo.known import KnownModel, known_models, own_folder

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ROW = "model.toml"


def add_model(file: Path, name: str, card: Path | None = None, **said: str | None) -> KnownModel:
    """Copy weights to where added models lie, so that they have a name.

    Args:
        file: ``.safetensors`` or ``.pth``; it is loaded once, to see that it works.
        name: that it gets.
        card: a text about it, kept beside it.
        said: fields of its row as text: ``trained``, ``licence``, ``use``.

    Raises:
        UsageError: if the name cannot be had.
        CheckpointError: if the file is missing or no network that can be loaded.
        OutputRefused: if it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name: {name!r}: small letters, digits, '.', '_' and '-'")
    if name in known_models():
        raise UsageError(f"--name: {name} is taken", hint="birefnet-video models lists all names")
    if card is not None and not card.is_file():
        raise UsageError(f"--card: {card}: no such file")
    row = {**_facts(file), **{key: value for key, value in said.items() if value is not None}}
    target = own_folder() / name
    partial = target.with_name(f".{name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        shutil.copyfile(file, partial / file.name)
        if card is not None:
            shutil.copyfile(card, partial / "card.md")
        (partial / _ROW).write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items()), "utf-8")
        partial.replace(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputRefused(f"{error.filename or target}: {error.strerror}") from None
    return known_models()[name]


def remove_model(row: KnownModel) -> int:
    """Remove the files of a model that was fetched or added.

    Returns:
        the bytes that are free now.

    Raises:
        UsageError: if its files are part of the package.
        OutputRefused: if they cannot be removed.
    """
    if row.is_bundled:
        raise UsageError(f"{row.name} is part of the package")
    freed = 0
    try:
        while (found := find_weights(row)) is not None:
            freed += _remove_file(found)
        if row.folder is not None:
            shutil.rmtree(row.folder)
        for source in row.sources:
            if source.repository is not None:
                for partial in (hub_folder(source.repository) / "blobs").glob("*.incomplete*"):
                    freed += partial.stat().st_size
                    partial.unlink()
    except OSError as error:
        raise OutputRefused(f"{error.filename}: {error.strerror}") from None
    return freed


def _facts(file: Path) -> dict[str, Any]:
    from birefnet_video.model.checkpoint import load_checkpoint, trained_sizes

    if not file.is_file():
        raise CheckpointError(f"{file}: no such file")
    net = load_checkpoint(file)
    sizes = trained_sizes(file)
    trained = {"trained": f"{sizes[0][1]}x{sizes[0][0]}"} if len(sizes) == 1 else {}
    return {
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": sha256_of(file),
        "backbone": net.config.backbone,
        "patch_order": net.patch_order.taken if net.patch_order else "current",
        "because": str(net.patch_order_note),
        **trained,
    }


def _remove_file(path: Path) -> int:
    """Remove a file and what it points to."""
    real = path.resolve()
    size = real.stat().st_size
    path.unlink()
    if real != path and real.exists():
        for other in real.parent.parent.glob("snapshots/**/*"):
            if other.is_symlink() and other.resolve() == real:
                other.unlink()
        real.unlink()
    for folder in (path.parent, path.parent.parent):
        if folder.name != "models" and not any(folder.iterdir()):
            folder.rmdir()
    return size
