"""Lay out `tiny`'s training material as picture sets: put in place by hand, from packages, and from repositories."""

from collections.abc import Mapping
from pathlib import Path

from backgrounds import exclude, hold_back, vet
from bands import make_band_set
from budget import Budget, Places
from by_hand import lay_out, refuse_missing
from cutouts import make_cutouts
from duplicates import duplicates, signs_of_measured
from labels import choose_for_correction, kept, label
from photographs import fetch_photographs
from sources import Photographs, Sources
from teacher_sets import Labelled, is_usable, make_teacher_sets
from teachers import IsNet, U2Netp
from whole import write_whole

from birefnet_video.pictures.files import list_pictures

#: The set with loose outlines, and what it becomes.
_LOOSE, _BANDED = "voc_sbd", "sbd_band"
#: Sets without labels of which some pictures show a subject. Textures, facades and rooms are not among them: the
#: teacher sees something in two of three, and those are what is to be learnt from them.
_VETTED = ("backgrounds", "sun_hays80")


def prepare(sources: Sources, by_hand: Path, evaluation: Path, places: Places, budget: Budget) -> None:
    """Make every set of ``places.data`` that is not there yet.

    Args:
        sources: the tables.
        by_hand: folder of the sets put in place by hand.
        evaluation: folder of the sets that are measured on; their near duplicates are left out.
        places: where packages are, and everything goes.
        budget: how much of it.

    Raises:
        SystemExit: if sets that must be put in place by hand are missing, or a repository cannot be fetched.
    """
    refuse_missing(sources.by_hand, by_hand)
    for row in sources.by_hand:
        lay_out(row, by_hand / row.name, places.data / row.name, budget.by_hand)
    make_cutouts(places.packages, places.data, budget.cutouts)
    make_band_set(places.data / _LOOSE, places.data / _BANDED)
    for source in sources.photographs:
        taken = [stem for name in source.known for stem in list_pictures(by_hand / name / "im")]
        target = places.photographs / source.name / "im"
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch_photographs(source, places.repositories, target, taken=taken, most=budget.photographs)
    left_out = _find_duplicates(sources, evaluation, places)
    for source in sources.photographs:
        if not source.variety:
            pictures = list_pictures(places.photographs / source.name / "im")
            hold_back(pictures, source.held, source.untrained, places.data / source.name, places.held)
            exclude(places.data / source.name, left_out[source.name])
    quick = U2Netp(places.packages / "u2netp.onnx")
    for name in _VETTED:
        vet(quick, places.data / name, places.labels / "u2netp" / name)
    _label(sources, left_out, quick, places, budget)


def _find_duplicates(sources: Sources, evaluation: Path, places: Places) -> dict[str, list[str]]:
    """Set -> stems that are left out; kept in ``duplicates.txt`` beside the photographs."""
    files = {row.name: places.photographs / row.name / "duplicates.txt" for row in sources.photographs}
    if not all(path.exists() for path in files.values()):
        print("looking for near duplicates", flush=True)
        measured = signs_of_measured(sorted(evaluation.glob("*/im")))
        for path in files.values():
            if not path.exists():
                found = duplicates(list_pictures(path.parent / "im"), measured)
                write_whole(path, "".join(f"{stem}\n" for stem in found).encode())
    return {name: path.read_text().split() for name, path in files.items()}


def _label(sources: Sources, left_out: Mapping[str, list[str]], quick: U2Netp, places: Places, budget: Budget) -> None:
    """Have photographs labelled by both teachers, and make sets of them."""
    rows: dict[str, Photographs] = {row.name: row for row in sources.photographs if row.variety}
    pictures = {name: kept(places.photographs / name / "im", left_out[name]) for name in rows}
    coarse = {}
    for name, files in pictures.items():
        print(f"labelling {len(files)} of {name}", flush=True)
        coarse[name] = label(quick, files, places.labels / "u2netp" / name)
    queue = choose_for_correction(coarse, {name: row.variety for name, row in rows.items()}, is_usable)
    careful = IsNet(places.packages / "isnet.onnx")
    fine: dict[tuple[str, str], Path] = {}
    print(f"labelling {min(len(queue), budget.corrected)} carefully", flush=True)
    for name, stem in queue[: budget.corrected]:
        fine[name, stem] = label(careful, {stem: pictures[name][stem]}, places.labels / "isnet" / name)[stem]
    labelled = [
        Labelled(f"{name}__{stem}", path, coarse[name][stem], fine.get((name, stem)))
        for name, files in pictures.items()
        for stem, path in files.items()
    ]
    make_teacher_sets(labelled, places.data)
