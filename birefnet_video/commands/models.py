"""``birefnet-video models``: the networks known by name, and their files on this machine."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from birefnet_video.commands.pulling import fetch
from birefnet_video.errors import CheckpointError, OutputRefused, UsageError
from birefnet_video.json_lines import say_json
from birefnet_video.options.group import FLAT
from birefnet_video.options.run import JsonSpec, QuietSpec
from birefnet_video.signals import exit_on_signals
from birefnet_video.words import printable
from birefnet_video.zoo.files import find_weights, missing_weights, sha256_of, unknown_model
from birefnet_video.zoo.known import KnownModel, broken_rows, known_files
from birefnet_video.zoo.own import add_model, remove_model, remove_row

_HELP = """Networks known by name: list them, fetch their weights, add your own.

For example:
birefnet-video models
birefnet-video models pull lite-matting
birefnet-video models add my_run/model.safetensors --name cats

Files are kept where the Hugging Face hub's own programs keep them (HF_HOME moves that)."""

models = App(name="models", help=_HELP, help_format="plaintext", version_flags=[])


@models.default
@models.command(name="list")
def list_models(*, words: Annotated[JsonSpec, FLAT] = JsonSpec()) -> int:
    """List all models in the order of advice: what is here, size, licence, use."""
    rows = [(row, find_weights(row)) for row in known_files().values()]
    for error in broken_rows().values():
        print(f"note: {printable(str(error))}", file=sys.stderr)
    if words.json_lines:
        for row, path in rows:
            say_json(_facts(row, path))
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "", "size", "trained at", "licence", "use"):
        table.add_column(column, no_wrap=column != "use")
    for row, path in rows:
        size = path.stat().st_size if path else row.bytes
        amount = "" if size is None else f"{size / 1e6:.0f} MB"
        # What stands in a row is no markup.
        cells = (row.name, "here" if path else "", amount, row.sizes, row.terms, row.use)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(width=None if is_terminal else 132, highlight=False)
    console.print(table)
    if is_terminal:
        console.print("\nbirefnet-video models pull NAME fetches one; -m NAME uses it", style="dim")
    return 0


@models.command
def pull(
    *names: str,
    source: Annotated[str | None, Parameter(name="--from")] = None,
    words: Annotated[JsonSpec, FLAT] = JsonSpec(),
    loudness: Annotated[QuietSpec, FLAT] = QuietSpec(),
) -> int:
    """Fetch the weights of models. What was cut off goes on; a wrong file is not kept.

    Parameters
    ----------
    names
        Of models; birefnet-video models lists them.
    source
        hub, or a mirror by its name. Default: the hub, and if it has none, mirrors whose file has a known hash.
    """
    exit_on_signals()
    for row in [_row(name) for name in _some(names)]:
        pulled = fetch(row, source=source, json_lines=words.json_lines, quiet=loudness.quiet)
        if words.json_lines:
            say_json({"event": "pulled", **_facts(row, pulled.path)})
        elif not loudness.quiet:
            print(f"{row.name}: {pulled.words}: {printable(str(pulled.path))}", file=sys.stderr)
    return 0


@models.command
def path(name: str, /) -> int:
    """Print where a model's file lies.

    Parameters
    ----------
    name
        Of a model.
    """
    found = find_weights(row := _row(name))
    if found is None:
        raise missing_weights(row)
    print(found)
    return 0


@models.command
def verify(*names: str, words: Annotated[JsonSpec, FLAT] = JsonSpec()) -> int:
    """Compare files with the hashes that they should have. Without names: all that are here.

    Parameters
    ----------
    names
        Of models.
    """
    rows = [_row(name) for name in names] or [row for row in known_files().values() if find_weights(row)]
    wrong: dict[str, str] = {}
    for row in rows:
        found, verdict = _verdict(row)
        if found is None:
            raise missing_weights(row)
        if verdict not in ("ok", "no hash is known"):
            wrong[row.name] = verdict
        if words.json_lines:
            say_json({"model": row.name, "path": str(found), "verdict": verdict})
        else:
            print(printable(f"{row.name}: {verdict}: {found}"))
    if wrong:
        again = " ".join(name for name in wrong if known_files()[name].can_be_fetched)
        raise CheckpointError(
            f"{', '.join(wrong)}: not as published",
            hint=f"birefnet-video models rm {again} && birefnet-video models pull {again}" if again else "add it again",
        )
    return 0


@models.command
def rm(*names: str) -> int:
    """Remove the files of models.

    Parameters
    ----------
    names
        Of models.
    """
    for name in dict.fromkeys(_some(names)):
        if name in broken_rows():
            freed = _remove_broken(name)
        else:
            row = _row(name)
            had_any = find_weights(row) is not None or row.folder is not None
            freed = remove_model(row)
            if not had_any and not freed:
                print(f"{name}: not here", file=sys.stderr)
                continue
        print(f"{name}: removed, {freed / 1e6:.0f} MB are free again", file=sys.stderr)
    return 0


@models.command
def add(
    file: Path,
    /,
    *,
    name: str,
    card: Path | None = None,
    trained: str | None = None,
    licence: str | None = None,
    use: str | None = None,
) -> int:
    """Give weights of your own a name; the file is copied and loaded once.

    Parameters
    ----------
    file
        A .safetensors or .pth file.
    name
        That -m takes from then on.
    card
        A text about it, kept beside it.
    trained
        Size of the network's input: N or WIDTHxHEIGHT. Default: what the file says, else 1024.
    licence
        In a word or two.
    use
        What it is good for, in a few words.
    """
    row = add_model(file, name, card, trained=trained, licence=licence, use=use)
    print(f"{row.name}: {row.backbone}, {row.because}: {row.folder}", file=sys.stderr)
    return 0


def _remove_broken(name: str) -> int:
    try:
        return remove_row(name)
    except OSError as error:
        raise OutputRefused(f"{error.filename or name}: {error.strerror or error}") from None


def _row(name: str) -> KnownModel:
    row = known_files().get(name)
    if row is None:
        raise unknown_model(name)
    return row


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise UsageError("which model? name one or more", hint="birefnet-video models lists them")
    return names


def _verdict(row: KnownModel) -> tuple[Path | None, str]:
    found = find_weights(row)
    if found is None:
        return None, "not here"
    known = {digest for _, digest in row.hashes}
    # The hub's own programs call files by their hashes.
    blob = found.resolve().name
    expected = known or ({blob} if len(blob) == 64 else set())
    if not expected:
        return found, "no hash is known"
    try:
        return found, "ok" if sha256_of(found) in expected else "damaged"
    except OSError as error:
        return found, f"cannot be read: {error.strerror}"


def _facts(row: KnownModel, path: Path | None) -> dict[str, Any]:
    return {
        "model": row.name,
        "kind": row.kind,
        "here": path is not None,
        "path": None if path is None else str(path),
        "bytes": row.bytes if path is None else path.stat().st_size,
        "trained": row.sizes,
        "backbone": row.backbone,
        "licence": row.licence,
        "sale": row.sale,
        "data": row.data or None,
        "quality": row.quality or None,
        "use": row.use,
        "patch_order": row.patch_order,
        "patch_order_because": row.because or None,
        "repository": row.repository,
        "revision": row.revision,
        "sha256": row.sha256,
        "sources": [source.name for source in row.sources] if row.can_be_fetched else [],
    }
