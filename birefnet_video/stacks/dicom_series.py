"""Which files of a folder are a series of DICOM, in which order, and how they lie (DICOM PS3.3, C.7.6.2)."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from birefnet_video.errors import BackendUnavailable, NotAPicture, UsageError, first_line

_MAGIC_AT, _MAGIC = 128, b"DICM"
#: The kind of file that lists others: DICOMDIR.
_DIRECTORY = "1.2.840.10008.1.3.10"
#: By how much cosines, and shares of the usual distance, may differ from slice to slice.
_SAME_DIRECTION, _SAME_DISTANCE = 1e-3, 0.1
#: Series that a message lists.
_MOST_LISTED = 8
#: What pydicom raises at files that are none, or damaged.
DAMAGE = (OSError, ValueError, EOFError, LookupError, TypeError, AttributeError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class SliceFile:
    """One slice of a series, without its voxels."""

    path: Path
    header: Any
    """A pydicom Dataset."""


@dataclass(frozen=True, slots=True)
class Series:
    """Slices in their order."""

    files: tuple[SliceFile, ...]
    affine: np.ndarray | None
    """As of :attr:`StackInfo.affine`; None: the files do not say how they lie."""
    spacing: tuple[float, float, float] | None
    """Along z, y and x in millimetres."""
    notes: tuple[str, ...] = ()
    is_even: bool = True
    """Slices have one distance."""


def is_dicom(path: Path) -> bool:
    """Whether a file begins as one of DICOM."""
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
    except OSError:
        return False


def dicom_files(folder: Path) -> list[Path]:
    """All files of DICOM in a folder and below it, hidden ones left out."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(place) / name for name in sorted(names) if not name.startswith("."))
        found += [path for path in paths if is_dicom(path)]
    return found


def find_series(folder: Path, paths: Sequence[Path], wanted: str | None) -> Series:
    """
    Args:
        folder: for messages.
        paths: files of DICOM.
        wanted: number or UID of a series; None: there must be one.

    Raises:
        BackendUnavailable: if pydicom is not installed.
        NotAPicture: if a file is damaged, or slices do not make a volume.
        UsageError: if there are several series and none is named, or another one.
    """
    if find_spec("pydicom") is None:
        raise BackendUnavailable(f"{folder}: DICOM needs pydicom", hint="pip install 'birefnet-video[medical]'")
    several: dict[str, list[SliceFile]] = {}
    others: dict[str, Path] = {}
    for path in paths:
        header = read_header(path)
        series = str(header.get("SeriesInstanceUID") or "")
        if "Rows" in header and "Columns" in header:
            several.setdefault(series, []).append(SliceFile(path, header))
        elif header.file_meta.get("MediaStorageSOPClassUID") != _DIRECTORY:
            others[series] = path
    # Reports and the like have series of their own.
    if (cut_off := next((path for uid, path in others.items() if not uid or uid in several), None)) is not None:
        raise NotAPicture(f"{cut_off}: is damaged: it ends before it says what it holds")
    if not several:
        raise NotAPicture(f"{folder}: its files of DICOM hold no pictures")
    return _in_order(folder, _chosen(folder, several, wanted))


def read_header(path: Path, *, with_voxels: bool = False) -> Any:
    """
    Raises:
        NotAPicture: if a file is damaged.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            # Of values that are none; they are read or are not.
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, stop_before_pixels=not with_voxels)
    except (pydicom.errors.InvalidDicomError, *DAMAGE) as error:
        raise NotAPicture(f"{path}: is damaged: {first_line(error)}") from None


def _chosen(folder: Path, several: dict[str, list[SliceFile]], wanted: str | None) -> list[SliceFile]:
    known = {uid: str(files[0].header.get("SeriesNumber", "")) for uid, files in several.items()}
    fitting = [uid for uid, number in known.items() if wanted is None or wanted in (uid, number)]
    if len(fitting) == 1:
        return several[fitting[0]]
    by_number = len(set(known.values())) == len(known) and "" not in known.values()
    rows = []
    for uid, files in several.items():
        header = files[0].header
        about = [str(header.get(name, "")) for name in ("Modality", "SeriesDescription")]
        words = " ".join(each for each in (*about, f"{len(files)} slices") if each)
        rows.append(f"{known[uid] if by_number else uid} ({words})")
    more = f" and {len(rows) - _MOST_LISTED} more" if len(rows) > _MOST_LISTED else ""
    listed = ", ".join(rows[:_MOST_LISTED]) + more
    if wanted is not None:
        raise UsageError(f"--series: {wanted} names {'several' if fitting else 'none'} in {folder}: {listed}")
    raise UsageError(f"{folder}: holds {len(several)} series: {listed}", hint="--series takes one of them")


def _in_order(folder: Path, files: list[SliceFile]) -> Series:
    for each in files:
        if int(each.header.get("NumberOfFrames") or 1) > 1:
            raise NotAPicture(
                f"{each.path}: holds several slices in one file (enhanced DICOM), which is not read",
                hint="convert it to NIfTI, for example with dcm2niix",
            )
    names = ("Rows", "Columns", "SamplesPerPixel")
    first = files[0]
    for each in files[1:]:
        if any(each.header.get(name) != first.header.get(name) for name in names):
            sizes = [f"{file.header.Columns}x{file.header.Rows}" for file in (each, first)]
            raise NotAPicture(f"{each.path}: is {sizes[0]} where {first.path.name} is {sizes[1]}: no volume")
    if all(_lies(each.header) for each in files):
        return _by_position(files)
    if all(each.header.get("InstanceNumber") is not None for each in files):
        ordered = sorted(files, key=lambda each: int(each.header.InstanceNumber))
        return Series(tuple(ordered), None, None, ("does not say how its slices lie: in the order of their numbers",))
    raise NotAPicture(f"{folder}: its slices have neither positions nor numbers: their order is not known")


def _lies(header: Any) -> bool:
    lengths = (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2))
    return all(len(header.get(name) or ()) == length for name, length in lengths)


def _by_position(files: list[SliceFile]) -> Series:
    """By where slices lie along the normal of their plane."""
    turns = np.array([each.header.ImageOrientationPatient for each in files], np.float64)
    if (astray := np.abs(turns - turns[0]).max(axis=1)).max() > _SAME_DIRECTION:
        odd = files[int(astray.argmax())].path
        raise NotAPicture(f"{odd}: lies in another direction than {files[0].path.name}: no volume")
    across, down = turns[0, :3], turns[0, 3:]
    places = np.array([each.header.ImagePositionPatient for each in files], np.float64)
    heights = places @ np.cross(across, down)
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    usual = float(np.median(steps)) if len(steps) else _thickness(files[0].header)
    if len(steps) and steps.min() <= _SAME_DIRECTION:
        at = int(steps.argmin())
        pair = [files[order[index]].path.name for index in (at, at + 1)]
        raise NotAPicture(
            f"{files[0].path.parent}: {pair[0]} and {pair[1]} lie at one place: several times or echoes, no volume"
        )
    gaps = np.flatnonzero(np.abs(steps - usual) > _SAME_DISTANCE * usual)
    notes = []
    if len(gaps):
        pair = [files[order[index]].path.name for index in (gaps[0], gaps[0] + 1)]
        notes.append(
            f"slices do not have one distance: {steps[gaps[0]]:g} mm from {pair[0]} to {pair[1]}, mostly {usual:g} mm; "
            f"some may be missing"
        )
    first, last = places[order[0]], places[order[-1]]
    between = (last - first) / (len(files) - 1) if len(files) > 1 else np.cross(across, down) * usual
    rows, columns = (float(each) for each in files[0].header.PixelSpacing)
    affine = np.eye(4)
    affine[:3] = np.column_stack((across * columns, down * rows, between, first))
    # DICOM counts to the left and to the back, NIfTI to the right and to the front.
    affine[:2] *= -1
    ordered = tuple(files[index] for index in order)
    return Series(ordered, affine, (float(np.linalg.norm(between)), rows, columns), tuple(notes), not len(gaps))


def _thickness(header: Any) -> float:
    """Of a single slice, in millimetres."""
    return float(header.get("SpacingBetweenSlices") or header.get("SliceThickness") or 1.0)
