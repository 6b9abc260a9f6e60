"""Pictures that are named: files, folders with all that lies below them, names with wildcards."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from birefnet_video.errors import BirefnetVideoError, InputMissing
from birefnet_video.options.backgrounds import PICTURE_SUFFIXES
from birefnet_video.options.input import STDIN

#: What stands before the extension of results.
_RESULTS = (".alpha", ".mask", ".composite", ".foreground", ".partial")


@dataclass(frozen=True, slots=True)
class Found:
    """A picture, or one that is not there."""

    path: Path
    place: Path
    """Where it lies below what was named: a name, or folders and a name."""
    error: BirefnetVideoError | None = None


def is_picture_name(path: Path) -> bool:
    """Whether a name is one of a picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def find_pictures(inputs: Iterable[Path], out_dir: Path | None = None) -> list[Found]:
    """The pictures that are meant, in the order of the inputs, each once. Results of earlier calls are no inputs.

    Args:
        inputs: as they were named.
        out_dir: in which nothing is looked for.
    """
    named = list(inputs)
    several = sum(path.is_dir() for path in named) > 1
    own = None if out_dir is None else out_dir.resolve()
    found: dict[Path, Found] = {}
    for path in named:
        for each in _of(path, own, several=several):
            found.setdefault(each.path if each.error or each.path == STDIN else each.path.resolve(), each)
    return list(found.values())


def _of(path: Path, own: Path | None, *, several: bool) -> Iterator[Found]:
    if path == STDIN:
        yield Found(path, Path("stdin"))
    elif path.is_dir():
        inside = list(_in_folder(path, own))
        if not inside:
            yield Found(path, path, InputMissing(f"{path}: no pictures lie in this folder"))
        above = Path(path.resolve().name) if several else Path()
        yield from (Found(each, above / each.relative_to(path)) for each in inside)
    elif path.exists() or not glob.has_magic(str(path)):
        missing = None if path.exists() else InputMissing(f"{path}: no such file")
        yield Found(path, Path(path.name), missing)
    else:
        yield from _matching(path, own)


def _matching(pattern: Path, own: Path | None) -> Iterator[Found]:
    plain = [*pattern.parts[:-1]]
    while any(glob.has_magic(part) for part in plain):
        plain.pop()
    base = Path(*plain)
    # Patterns may begin at a root, which those of paths may not.
    names = (Path(name) for name in sorted(glob.glob(str(pattern), recursive=True)))  # noqa: PTH207
    inside = [each for each in names if each.is_file() and is_picture_name(each) and not _is_result(each, own)]
    if not inside:
        yield Found(pattern, pattern, InputMissing(f"{pattern}: matches no pictures"))
    yield from (Found(each, each.relative_to(base)) for each in inside)


def _in_folder(folder: Path, own: Path | None) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if is_picture_name(path) and not name.startswith(".") and not _is_result(path, own):
                yield path


def _is_result(path: Path, own: Path | None) -> bool:
    return path.stem.endswith(_RESULTS) or (own is not None and path.resolve().is_relative_to(own))
