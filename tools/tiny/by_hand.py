"""Sets of pictures that users put in place: all there, of the content that is known, and laid out for training."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sources import ByHand
from whole import whole_folder

from birefnet_video.pictures.files import list_pictures

_PICTURES = "im"


def refuse_missing(sets: Iterable[ByHand], folder: Path) -> None:
    """See that every set is there.

    Raises:
        SystemExit: if one is not; names all of them with their sources.
    """
    missing = [row for row in sets if not all((folder / row.name / part).is_dir() for part in _parts(row))]
    if missing:
        lines = (f"  {row.name}/{{{','.join(_parts(row))}}}: {row.source}" for row in missing)
        raise SystemExit(f"{folder}: put these sets there by hand, see tools/tiny/sources.toml:\n" + "\n".join(lines))


def lay_out(row: ByHand, folder: Path, target: Path, most: int | None = None) -> None:
    """Make ``target`` a set of links to the pictures of ``folder``; what is there stays.

    Another content than that of the table is said in a line: the weights that come out will be others.

    Args:
        row: of the table.
        folder: of the set, put in place by hand.
        target: folder to make.
        most: only as many pictures, evenly spread over their names.
    """
    if target.exists():
        return
    found = digest(folder, _parts(row))
    if found != row.digest:
        count = len(list_pictures(folder / _PICTURES))
        print(f"{row.name}: {count} pictures of digest {found}; the table says {row.pictures} of {row.digest}")
    with whole_folder(target) as partial:
        stems = None if most is None else _spread(list(list_pictures(folder / _PICTURES)), most)
        for part in _parts(row):
            files = list_pictures(folder / part)
            (partial / part).mkdir(exist_ok=True)
            for stem, path in files.items():
                link = partial / part / path.name
                if (stems is None or stem in stems) and not link.is_symlink():
                    link.symlink_to(path.resolve())


def digest(folder: Path, parts: Iterable[str]) -> str:
    """16 hexadecimal digits for names and contents of a set's files."""
    whole = hashlib.sha256()
    for part in parts:
        for path in list_pictures(folder / part).values():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{part}/{path.name} {content}\n".encode())
    return whole.hexdigest()[:16]


def _parts(row: ByHand) -> list[str]:
    return [_PICTURES, row.labels] if row.labels else [_PICTURES]


def _spread(stems: list[str], most: int) -> set[str]:
    return set(stems[:: max(1, len(stems) // most)][:most])
