"""Pictures without a subject: those that have one are left out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from labels import Teacher, label
from whole import whole_folder, write_whole

from birefnet_video.pictures.files import list_pictures, read_matte

#: Greatest share of the pixels that a teacher may take for a subject.
_EMPTY = 0.02


def vet(teacher: Teacher, folder: Path, labels: Path) -> None:
    """Name in ``folder/exclude.txt`` the pictures of ``folder/im`` in which the teacher sees a subject, once.

    Args:
        teacher: uint8 (H, W, 3) RGB -> float32 (h, w) in [0, 1].
        folder: the set.
        labels: folder of what the teacher says, a file a picture.
    """
    if (folder / "exclude.txt").exists():
        return
    found = label(teacher, list_pictures(folder / "im"), labels)
    exclude(folder, (stem for stem, path in found.items() if (read_matte(path) > 127).mean() > _EMPTY))
    print(f"{folder.name}: {len((folder / 'exclude.txt').read_text().splitlines())} of {len(found)} show a subject")


def exclude(folder: Path, stems: Iterable[str]) -> None:
    """Write a set's list of pictures that are left out."""
    write_whole(folder / "exclude.txt", "".join(f"{stem}\n" for stem in sorted(stems)).encode())


def hold_back(pictures: Mapping[str, Path], every: int, untrained: str, target: Path, held: Path) -> None:
    """Make two sets of pictures: to train on, and every ``every``-th, at least one, to measure on; what is there stays.

    Args:
        pictures: stem -> file, sorted.
        every: 0: none is held back.
        untrained: regular expression of stems that are not trained on either way; empty: none.
        target: the set to train on.
        held: the set to measure on.
    """
    stems = list(pictures)
    measured = stems[min(every, len(stems)) - 1 :: every] if every else []
    trained = [stem for stem in stems if stem not in measured and not (untrained and re.search(untrained, stem))]
    for folder, chosen in ((target, trained), (held, measured)):
        if not folder.exists() and (chosen or folder == target):
            with whole_folder(folder) as partial:
                (partial / "im").mkdir(exist_ok=True)
                for stem in chosen:
                    link = partial / "im" / pictures[stem].name
                    if not link.is_symlink():
                        link.symlink_to(pictures[stem].resolve())
