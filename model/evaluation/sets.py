"""Which pictures are compared with which: folders of predictions and of truths."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from birefnet_video.pictures.files import PictureError, list_pictures

_TRUTHS, _PICTURES = "gt", "im"


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Truths, what is compared with them, and what is missing."""

    name: str
    truths: Mapping[str, Path]
    """Stem -> matte."""
    found: Mapping[str, Path]
    """Stem -> prediction, for stems of ``truths``; empty where a network is to make them."""
    pictures: Mapping[str, Path] = field(default_factory=dict)
    """Stem -> picture, where the set has them."""
    problems: tuple[str, ...] = ()
    """What has no partner, one line each."""


def find_truths(folder: Path) -> EvaluationSet:
    """A set with pictures in ``im`` and truths in ``gt``.

    Raises:
        PictureError: if either folder is missing or they have no name in common.
    """
    for part in (_PICTURES, _TRUTHS):
        if not (folder / part).is_dir():
            raise PictureError(f"{folder}: has no folder {part!r}")
    pictures, truths = list_pictures(folder / _PICTURES), list_pictures(folder / _TRUTHS)
    both = {stem: path for stem, path in truths.items() if stem in pictures}
    if not both:
        raise PictureError(f"{folder}: no picture in 'im' has a truth of the same name in 'gt'")
    problems = [f"{path}: has no truth" for stem, path in pictures.items() if stem not in truths]
    problems += [f"{path}: has no picture" for stem, path in truths.items() if stem not in pictures]
    return EvaluationSet(folder.resolve().name, both, {}, pictures, tuple(problems))


def find_predictions(predictions: Path, truths: Path) -> list[EvaluationSet]:
    """Every set for which there are predictions.

    ``truths`` holds mattes, or a folder ``gt`` of them, or sets that do; ``predictions`` has the same stems, in
    folders of the sets' names if there are several.

    Raises:
        PictureError: if a folder is missing, or nothing fits together.
    """
    for folder in (predictions, truths):
        if not folder.is_dir():
            raise PictureError(f"{folder}: no such folder")
    names = sorted(entry.name for entry in truths.iterdir() if (entry / _TRUTHS).is_dir())
    there = [name for name in names if (predictions / name).is_dir()]
    if there:
        sets = [_match(name, predictions / name, truths / name) for name in there]
        lacking = tuple(f"{truths / name}: has no prediction" for name in names if name not in there)
        return [replace(sets[0], problems=(*lacking, *sets[0].problems)), *sets[1:]]
    place = truths.resolve()
    return [_match(place.parent.name if place.name == _TRUTHS else place.name, predictions, truths)]


def _match(name: str, predictions: Path, folder: Path) -> EvaluationSet:
    truths = list_pictures(folder / _TRUTHS if (folder / _TRUTHS).is_dir() else folder)
    found = list_pictures(predictions)
    beside = folder / _PICTURES if (folder / _PICTURES).is_dir() else folder.parent / _PICTURES
    pictures = list_pictures(beside) if beside.is_dir() else {}
    matched = {stem: path for stem, path in found.items() if stem in truths}
    if not matched:
        raise PictureError(f"{predictions}: no picture there has the name of one in {folder}")
    problems = [f"{path}: has no prediction" for stem, path in truths.items() if stem not in found]
    problems += [f"{path}: has no truth" for stem, path in found.items() if stem not in truths]
    return EvaluationSet(
        name, {stem: path for stem, path in truths.items() if stem in found}, matched, pictures, tuple(problems)
    )
