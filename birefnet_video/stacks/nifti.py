"""Volumes of NIfTI, by nibabel."""

import gzip
import warnings
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from birefnet_video.errors import BackendUnavailable, NotAPicture, OutputRefused, UsageError, first_line
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.outputs.unfinished import fill_whole
from birefnet_video.stacks.limits import check_slice
from birefnet_video.stacks.stack import Mask, StackInfo, beside

if TYPE_CHECKING:
    from nibabel import Nifti1Image

SUFFIXES = (".nii.gz", ".nii")
#: What nibabel raises at files that are none, or damaged.
_DAMAGE = (OSError, ValueError, EOFError, zlib.error, gzip.BadGzipFile, ArithmeticError, LookupError, TypeError)


def suffix_of(path: Path) -> str | None:
    """The end of a name that means NIfTI, as it is written there."""
    found = next((each for each in SUFFIXES if path.name.lower().endswith(each)), None)
    return None if found is None else path.name[-len(found) :]


def require_nibabel(path: Path) -> None:
    """
    Raises:
        BackendUnavailable: with what installs it.
    """
    if find_spec("nibabel") is None:
        raise BackendUnavailable(f"{path}: NIfTI needs nibabel", hint="pip install 'birefnet-video[medical]'")


class NiftiStack:
    """One volume of a NIfTI file; see :class:`Stack`. Its array is (x, y, z)."""

    def __init__(self, path: Path, read: StackReadSpec) -> None:
        """
        Args:
            path: of a .nii or .nii.gz file.
            read: what is taken of it.

        Raises:
            BackendUnavailable: if nibabel is not installed.
            NotAPicture: if it is no volume of real numbers.
            UsageError: if it holds several, and none or one that is not there is named.
        """
        require_nibabel(path)
        self._image = _opened(path)
        self._volume = _chosen(path, self._image.shape, read.volume)
        shape = (*self._image.shape[:3], 1, 1)[:3]
        check_slice(path, shape[0], shape[1], read.max_pixels)
        dtype = self._image.get_data_dtype()
        if dtype.kind not in "iuf":
            raise NotAPicture(f"{path}: voxels of {dtype} are not read", hint="one real number a voxel is")
        header: Any = self._image.header
        zooms = (*(float(each) for each in header.get_zooms()[:3]), 1.0, 1.0)[:3]
        notes = ("its header's extensions speak of its values and are left out",) if len(header.extensions) else ()
        self.info = StackInfo(
            path=path,
            kind="nifti",
            shape=(shape[2], shape[1], shape[0]),
            is_deep=dtype != np.uint8 or not _is_unscaled(self._image),
            affine=np.asarray(self._image.affine, np.float64),
            spacing=(zooms[2], zooms[1], zooms[0]),
            notes=notes,
        )

    def slices(self) -> Iterator[np.ndarray]:
        """See :class:`Stack`."""
        # Of a packed file this goes forward, and unpacks it once.
        for index in range(self.info.shape[0]):
            try:
                plane = np.asarray(self._image.dataobj[self._where(index)])
            except _DAMAGE as error:
                raise NotAPicture(f"{self.info.path}: is damaged or ends early: {first_line(error)}") from None
            plane = plane.reshape(self.info.shape[2], self.info.shape[1]).T
            yield plane.astype(np.float32) if plane.dtype.itemsize > 4 else plane

    def _where(self, index: int) -> tuple[Any, ...]:
        """Of a slice in the file's array, of whatever dimensions."""
        whole = (slice(None), slice(None), index)[: len(self._image.shape)]
        more = self._image.shape[3:]
        return (*whole, *np.unravel_index(self._volume, more, order="F")) if more else whole

    def mask_beside(self) -> Path:
        """See :class:`Stack`."""
        return beside(self.info.path, suffix_of(self.info.path) or "")

    def check(self, path: Path) -> None:
        """See :class:`Stack`."""
        if suffix_of(path) is None:
            raise OutputRefused(f"{path}: a mask has its stack's format", hint=f"use {' or '.join(SUFFIXES)}")

    def save(self, path: Path, mask: Mask, *, overwrite: bool) -> None:
        """See :class:`Stack`. Of several volumes one mask of three dimensions; otherwise the shape is the same."""
        several = int(np.prod(self._image.shape[3:])) > 1
        shape = self._image.shape[:3] if several else self._image.shape
        header = self._image.header.copy()
        header.extensions.clear()
        if several:
            header["pixdim"][4:] = 0
        write_nifti(path, mask, (type(self._image), header, self._image.affine, shape), overwrite=overwrite)

    def close(self) -> None:
        """See :class:`Stack`."""
        self._image.uncache()


#: The class of an image, its header, its affine and its shape (x, y, z, ...).
Form = tuple[Any, Any, np.ndarray, tuple[int, ...]]


def form_of(affine: np.ndarray, shape: tuple[int, int, int]) -> Form:
    """Of a volume in millimetres of the scanner's room.

    Args:
        affine: float64 (4, 4), of (x, y, z).
        shape: along z, y and x.
    """
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape(shape[::-1])
    header.set_xyzt_units("mm")
    # Where a gantry was tilted, a quaternion cannot say so, and is as near as it can be.
    header.set_qform(affine, code="scanner")
    header.set_sform(affine, code="scanner")
    return nibabel.Nifti1Image, header, affine, shape[::-1]


def write_nifti(path: Path, mask: Mask, form: Form, *, overwrite: bool) -> None:
    """Write a mask as uint8; one that is soft is scaled, so that it is read as 0 to 1.

    Raises:
        OutputRefused: if it cannot be written.
    """
    kind, header, affine, shape = form
    header.set_data_dtype(np.uint8)
    header["cal_min"], header["cal_max"] = 0, 1
    header["descrip"] = b"mask by birefnet-video"
    image = kind(mask.values.T.reshape(shape, order="F"), affine, header)
    image.header.set_slope_inter(1.0 if mask.is_label else 1 / 255, 0.0)
    suffix = suffix_of(path)
    assert suffix is not None
    fill_whole(path, image.to_filename, suffix=suffix, overwrite=overwrite)


def _opened(path: Path) -> "Nifti1Image":
    import nibabel

    try:
        with warnings.catch_warnings():
            # What is wrong with a header shows in what is made of it.
            warnings.simplefilter("ignore")
            image = nibabel.load(path, keep_file_open=True)
    except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError, *_DAMAGE) as error:
        raise NotAPicture(f"{path}: is no NIfTI file that can be read: {first_line(error)}") from None
    if not isinstance(image, nibabel.Nifti1Image):
        raise NotAPicture(f"{path}: is {type(image).__name__}, no NIfTI in one file")
    if 0 in image.shape:
        raise NotAPicture(f"{path}: holds no voxels: {'x'.join(map(str, image.shape))}")
    return image


def _chosen(path: Path, shape: tuple[int, ...], volume: int | None) -> int:
    """The position of the volume among those of a file."""
    count = int(np.prod(shape[3:]))
    if volume is None and count > 1:
        raise UsageError(f"{path}: holds {count} volumes ({'x'.join(map(str, shape))})", hint="--volume 1 takes one")
    if volume is not None and volume > count:
        raise UsageError(f"--volume: {volume} is not there: {path} holds {count}")
    return (volume or 1) - 1


def _is_unscaled(image: "Nifti1Image") -> bool:
    slope, inter = image.dataobj.slope, image.dataobj.inter
    return bool(slope == 1 and inter == 0)
