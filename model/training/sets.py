"""Picture sets on disk: ``<root>/<set>/im`` beside ``gt``, as the field lays them out, and folders of cut-outs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.pictures.files import PictureError, list_pictures, read_matte, read_rgb, read_rgba

#: Folders that hold the labels, in the order in which they are looked for; a trimap's middle values are unknown.
_LABEL_FOLDERS = ("gt", "alpha", "mask", "teacher", "trimap")
_TRIMAP = "trimap"
#: Values of a trimap's unknown band.
_UNKNOWN = (64, 191)
#: Names without suffix, one a line, that a set leaves out.
_EXCLUDED = "exclude.txt"
#: Part of a DIS5K file name, between hashes, that names the category.
_CATEGORY_PART = 3
#: Most by which the shapes of a picture and its label may differ.
_SHAPE_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, its alpha and where that alpha is known."""

    rgb: np.ndarray
    """uint8 (H, W, 3)."""
    alpha: np.ndarray
    """uint8 (H, W)."""
    known: np.ndarray
    """uint8 (H, W), 255 where ``alpha`` counts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its label; without a label the picture's own alpha channel is it."""

    picture: Path
    label: Path | None
    is_trimap: bool = False

    @property
    def category(self) -> str | None:
        """The category in a DIS5K name such as ``3#Insect#4#Spider#12#name.jpg``, or ``None``."""
        parts = self.picture.stem.split("#")
        return parts[_CATEGORY_PART] if len(parts) > _CATEGORY_PART else None

    def read(self) -> Sample:
        """Decode both.

        Raises:
            PictureError: if one is broken or they are not of one shape; the message names the file.
        """
        if self.label is None:
            rgba = read_rgba(self.picture)
            return Sample(
                np.ascontiguousarray(rgba[..., :3]),
                np.ascontiguousarray(rgba[..., 3]),
                np.full(rgba.shape[:2], 255, np.uint8),
            )
        rgb, alpha = read_rgb(self.picture), read_matte(self.label, is_truth=True)
        if alpha.shape != rgb.shape[:2]:
            alpha = _fit(alpha, rgb.shape[:2], self.label)
        known = np.full(alpha.shape, 255, np.uint8)
        if self.is_trimap:
            known[(alpha >= _UNKNOWN[0]) & (alpha <= _UNKNOWN[1])] = 0
            alpha = np.where(alpha > _UNKNOWN[1], 255, 0).astype(np.uint8)
        return Sample(rgb, alpha, known)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """One folder of labelled pictures."""

    name: str
    pairs: tuple[Pair, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    """File -> why it was left out."""


def find_set(root: Path, name: str) -> PictureSet:
    """The set ``<root>/<name>``: pictures in ``im`` and labels of the same stems in ``gt`` (or ``alpha``, ``mask``,
    ``teacher``, ``trimap``), or a folder of pictures with alpha channels.

    A picture without a label, or a label without a picture, is left out and named in ``skipped``.

    Raises:
        PictureError: if there is no such folder or nothing usable in it.
    """
    folder = root / name
    if not folder.is_dir():
        raise PictureError(f"{folder}: no such folder")
    if not (folder / "im").is_dir():
        left_out = excluded(folder)
        pairs = tuple(Pair(path, None) for stem, path in list_pictures(folder).items() if stem not in left_out)
        if not pairs:
            raise PictureError(f"{folder}: has neither a folder 'im' nor pictures of its own")
        return PictureSet(name, pairs)
    kind = next((kind for kind in _LABEL_FOLDERS if (folder / kind).is_dir()), None)
    if kind is None:
        raise PictureError(f"{folder}: has no folder of labels ({', '.join(_LABEL_FOLDERS)})")
    pictures, labels = list_pictures(folder / "im"), list_pictures(folder / kind)
    left_out = excluded(folder)
    skipped = {str(path): "has no label" for stem, path in pictures.items() if stem not in labels}
    skipped |= {str(path): "has no picture" for stem, path in labels.items() if stem not in pictures}
    pairs = tuple(
        Pair(path, labels[stem], is_trimap=kind == _TRIMAP)
        for stem, path in pictures.items()
        if stem in labels and stem not in left_out
    )
    if not pairs:
        raise PictureError(f"{folder}: no picture in 'im' has a label of the same name in {kind!r}")
    return PictureSet(name, pairs, skipped)


def excluded(folder: Path) -> set[str]:
    """Stems that a set's ``exclude.txt`` leaves out, one a line."""
    path = folder / _EXCLUDED
    return set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()


def _fit(alpha: np.ndarray, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Bring a label to its picture's size, if their shapes agree."""
    ratio = alpha.shape[1] * shape[0] / (alpha.shape[0] * shape[1])
    if abs(ratio - 1) > _SHAPE_TOLERANCE:
        raise PictureError(
            f"{path}: is {alpha.shape[1]}x{alpha.shape[0]}, its picture {shape[1]}x{shape[0]}: another shape"
        )
    return cv2.resize(alpha, shape[1::-1], interpolation=cv2.INTER_LINEAR)
