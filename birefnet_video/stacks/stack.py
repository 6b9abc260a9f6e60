"""What a stack is, whatever file or folder holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

StackKind = Literal["nifti", "tiff", "folder", "dicom"]
#: Kinds that are usually pictures of bodies.
MEDICAL: tuple[StackKind, ...] = ("nifti", "dicom")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInfo:
    """What is known of a stack before its voxels are read."""

    path: Path
    kind: StackKind
    shape: tuple[int, int, int]
    """Voxels along z, y and x: slices, rows and columns."""
    is_deep: bool
    """Voxels have more than eight bits: a window is needed to show them."""
    affine: np.ndarray | None = None
    """float64 (4, 4): from a voxel's (x, y, z, 1) to millimetres to the right, to the front and up; None: not said."""
    spacing: tuple[float, float, float] | None = None
    """From voxel to voxel along z, y and x, in the file's own unit; None: not said, taken as equal."""
    own_window: tuple[float, float] | None = None
    """The values of black and of white that the file names."""
    is_inverted: bool = False
    """Small values are meant to be bright."""
    notes: tuple[str, ...] = ()
    """What a user should know: what was chosen, and what is left out."""


@dataclass(frozen=True, slots=True)
class Mask:
    """The mask of a whole stack."""

    values: np.ndarray
    """uint8 (Z, Y, X): of two labels 0 and 1, otherwise from 0 to 255."""
    is_label: bool
    """It has two labels and nothing between."""

    @property
    def as_grey(self) -> np.ndarray:
        """uint8 (Z, Y, X) from black to white, for formats of pictures."""
        return self.values * np.uint8(255) if self.is_label else self.values


class Stack(Protocol):
    """An open stack. One thread at a time."""

    @property
    def info(self) -> StackInfo:
        """What is known of it."""
        ...

    def slices(self) -> Iterator[np.ndarray]:
        """Its slices along z, one after another: (Y, X) of any real type, or uint8 or uint16 (Y, X, 3) RGB.

        Raises:
            NotAPicture: if the stack is damaged.
        """
        ...

    def mask_beside(self) -> Path:
        """The name of a mask that was not given one: ``NAME.mask`` beside the stack."""
        ...

    def check(self, path: Path) -> None:
        """
        Raises:
            OutputRefused: if a mask cannot have this name.
        """
        ...

    def save(self, path: Path, mask: Mask, *, overwrite: bool) -> None:
        """Write a mask with what this stack says of its place and size; nothing under its final name until it is whole.

        Raises:
            OutputRefused: if it cannot be written.
        """
        ...

    def close(self) -> None:
        """Let go of its files. May be called twice."""
        ...


def beside(path: Path, suffix: str) -> Path:
    """``NAME.mask`` with a suffix, beside a file or folder."""
    return path.with_name(f"{path.name.removesuffix(suffix)}.mask{suffix}")
