"""Models that a user adds, and the removal of any model's files."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from birefnet_video.errors import CheckpointError, OutputRefused, UsageError
from birefnet_video.options.values import parse_size
from birefnet_video.zoo.files import find_weights, hub_folder, hub_links, mirrored_path, sha256_of
from birefnet_video.zoo.known import KnownModel, Source, known_files, known_models, own_folder
from birefnet_video.zoo.rows import ROW_FILE, is_model_name, read_row


def add_model(file: Path, name: str, card: Path | None = None, **said: str | None) -> KnownModel:
    """Copy weights to where added models lie, so that they have a name.

    Args:
        file: ``.safetensors`` or ``.pth``; it is loaded once, to see that it works.
        name: that it gets.
        card: a text about it, kept beside it.
        said: fields of its row as text: ``trained``, ``licence``, ``use``.

    Raises:
        UsageError: if the name cannot be had, or a text is none of one line.
        CheckpointError: if the file is missing or no network that can be loaded.
        OutputRefused: if it cannot be written.
    """
    if not is_model_name(name):
        raise UsageError(f"--name: {name!r}: at most 64 small letters, digits, '.', '_' and '-'")
    if name in known_files() or (own_folder() / name).exists():
        raise UsageError(f"--name: {name} is taken", hint="birefnet-video models lists all names")
    if card is not None and not card.is_file():
        raise UsageError(f"--card: {card}: {'is no file' if card.exists() else 'no such file'}")
    for key, text in said.items():
        if text is not None and not text.isprintable():
            raise UsageError(f"--{key}: is no text of one line")
    if said.get("trained") is not None:
        parse_size(str(said["trained"]), "--trained")
    row = {**_facts(file), **{key: value for key, value in said.items() if value is not None}}
    try:
        own_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".add-", dir=own_folder(), ignore_cleanup_errors=True) as partial:
            made = Path(partial) / name
            made.mkdir()
            shutil.copyfile(file, made / row["file"])
            if card is not None:
                shutil.copyfile(card, made / "card.md")
            lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in row.items())
            (made / ROW_FILE).write_text("".join(lines), "utf-8")
            # What cannot be read again is not kept.
            read_row(made / ROW_FILE)
            made.rename(own_folder() / name)
    except OSError as error:
        if (own_folder() / name).exists():
            raise UsageError(f"--name: {name} is taken", hint="birefnet-video models lists all names") from None
        raise OutputRefused(f"{error.filename or own_folder()}: {error.strerror}") from None
    return known_models()[name]


def remove_model(row: KnownModel) -> int:
    """Remove the files of a model that was fetched or added, and nothing that another model needs.

    A row of the user's own that says where to get it again stays; one whose files are gone goes.

    Returns:
        the bytes that are free now.

    Raises:
        UsageError: if its files are part of the package.
        CheckpointError: if another process is fetching it.
        OutputRefused: if they cannot be removed.
    """
    if row.is_bundled:
        raise UsageError(f"{row.name} is part of the package")
    had_weights = find_weights(row) is not None
    try:
        freed = sum(_remove_source(row, source) for source in row.sources)
        was_here = had_weights or freed > 0
        if row.folder is not None and not (was_here and row.can_be_fetched):
            freed += remove_row(row.name)
    except OSError as error:
        raise OutputRefused(f"{error.filename or row.name}: {error.strerror or error}") from None
    return freed


def remove_row(name: str) -> int:
    """Remove the folder of an added model.

    Returns:
        the bytes that are free now.

    Raises:
        OSError: if it cannot be removed.
    """
    folder = own_folder() / name
    if folder.is_symlink():
        folder.unlink()
        return 0
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    shutil.rmtree(folder)
    return size


def _remove_source(row: KnownModel, source: Source) -> int:
    if source.url is not None:
        path = mirrored_path(row, source)
        return sum(_unlink(each) for each in (path, path.with_name(f"{path.name}.incomplete")))
    if source.repository is None:
        return 0
    blobs = hub_folder(source.repository) / "blobs"
    links = [path for path in hub_links(source) if path.is_file() or path.is_symlink()]
    freed = 0
    for link in links:
        blob = link.resolve()
        freed += _unlink(link)
        others = blobs.parent.glob("snapshots/**/*")
        if blob.parent == blobs.resolve() and not any(each.is_symlink() and each.resolve() == blob for each in others):
            freed += _unlink(blob)
        _remove_empty(link.parent, blobs.parent)
    return freed + _remove_partial(row, blobs, source.sha256)


def _remove_partial(row: KnownModel, blobs: Path, digest: str | None) -> int:
    """What an earlier attempt has left; those of other files are not ours."""
    from filelock import FileLock, Timeout

    partial = blobs / f"{digest}.incomplete"
    if digest is None or not partial.exists():
        return 0
    try:
        with FileLock(f"{partial}.lock", timeout=0):
            freed = _unlink(partial)
    except Timeout:
        raise CheckpointError(f"{row.name}: another process is fetching it", hint="end that first") from None
    _unlink(partial.with_name(f"{partial.name}.lock"))
    return freed


def _unlink(path: Path) -> int:
    """Remove a file or link, if it is there; a link's target stays."""
    if not (path.is_symlink() or path.is_file()):
        return 0
    size = 0 if path.is_symlink() else path.stat().st_size
    path.unlink()
    return size


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and folder.is_relative_to(top) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _facts(file: Path) -> dict[str, Any]:
    from birefnet_video.model.checkpoint import load_checkpoint, trained_sizes

    try:
        if not file.is_file():
            raise CheckpointError(f"{file}: {'is no file' if file.exists() else 'no such file'}")
        net = load_checkpoint(file)
        sizes = trained_sizes(file)
        trained = {"trained": f"{sizes[0][1]}x{sizes[0][0]}"} if len(sizes) == 1 else {}
        return {
            # Whatever it was called: the name is the model's.
            "file": f"model{file.suffix}",
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
            "backbone": net.config.backbone,
            "patch_order": net.patch_order.taken if net.patch_order else "current",
            "because": str(net.patch_order_note),
            **trained,
        }
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read: {error.strerror}") from None
