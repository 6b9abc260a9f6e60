"""A series of DICOM as a stack, by pydicom."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from birefnet_video.errors import BackendUnavailable, NotAPicture, OutputRefused, first_line
from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.outputs.unfinished import fill_folder
from birefnet_video.pictures.finding import is_picture_name
from birefnet_video.stacks import nifti
from birefnet_video.stacks.dicom_series import DAMAGE, SliceFile, find_series, read_header
from birefnet_video.stacks.dicom_writing import SeriesWriter
from birefnet_video.stacks.limits import check_slice
from birefnet_video.stacks.stack import Mask, StackInfo, beside


class DicomStack:
    """One series of a folder; see :class:`Stack`. Its affine is that of NIfTI: to the right, to the front and up."""

    def __init__(self, path: Path, files: Sequence[Path], read: StackReadSpec) -> None:
        """
        Args:
            path: of the folder.
            files: of DICOM in it.
            read: what is taken of it.

        Raises:
            BirefnetVideoError: if pydicom or a decoder is not installed, or it is no series, or not clear which.
        """
        self._series = find_series(path, files, read.series)
        first = self._series.files[0].header
        for each in self._series.files:
            _check_decoder(each)
        check_slice(path, int(first.Columns), int(first.Rows), read.max_pixels)
        self.info = StackInfo(
            path=path,
            kind="dicom",
            shape=(len(self._series.files), int(first.Rows), int(first.Columns)),
            is_deep=int(first.get("SamplesPerPixel", 1)) == 1,
            affine=self._series.affine,
            spacing=self._series.spacing,
            own_window=_own_window(self._series.files),
            is_inverted=first.get("PhotometricInterpretation") == "MONOCHROME1",
            notes=(*self._series.notes, *_left_out(path)),
        )

    def slices(self) -> Iterator[np.ndarray]:
        """See :class:`Stack`. Values are in the unit that the series says, as Hounsfield's."""
        for each in self._series.files:
            yield _values(each)

    def mask_beside(self) -> Path:
        """See :class:`Stack`."""
        return beside(self.info.path.resolve(), "")

    def check(self, path: Path) -> None:
        """See :class:`Stack`."""
        if nifti.suffix_of(path) is not None:
            nifti.require_nibabel(path)
            if self.info.affine is None:
                raise OutputRefused(
                    f"{path}: the series does not say how it lies, and NIfTI must", hint="name a folder"
                )
            if not self._series.is_even:
                raise OutputRefused(
                    f"{path}: {self._series.notes[0]}; NIfTI has one distance", hint="name a folder, for DICOM"
                )
        elif path.suffix.lower() in (".dcm", ".dicom", ".ima"):
            raise OutputRefused(f"{path}: a series is a folder", hint="name a folder, or .nii.gz")

    def save(self, path: Path, mask: Mask, *, overwrite: bool) -> None:
        """See :class:`Stack`. A series of the same study in a folder, or NIfTI if the name says so."""
        if nifti.suffix_of(path) is not None:
            assert self.info.affine is not None
            nifti.write_nifti(path, mask, nifti.form_of(self.info.affine, self.info.shape), overwrite=overwrite)
            return
        writer = SeriesWriter(self._series.files, self.info.path, is_label=mask.is_label)

        def fill(folder: Path) -> None:
            for each, values in zip(self._series.files, mask.values, strict=True):
                writer.write(each, values, folder)

        fill_folder(path, fill, overwrite=overwrite)

    def close(self) -> None:
        """See :class:`Stack`."""


def _left_out(folder: Path) -> tuple[str, ...]:
    """What a user should know of pictures that lie beside a series."""
    others = [each.name for each in sorted(folder.iterdir()) if is_picture_name(each)]
    return (f"{others[0]} and other pictures beside the DICOM are left out",) if others else ()


def _check_decoder(each: SliceFile) -> None:
    """
    Raises:
        BackendUnavailable: if nothing here decodes a file's voxels.
    """
    import pydicom

    syntax = each.header.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return
    try:
        is_there = pydicom.pixels.get_decoder(syntax).is_available
    except NotImplementedError:
        is_there = False
    if not is_there:
        raise BackendUnavailable(
            f"{each.path}: is compressed as {syntax.name}, which nothing here decodes",
            hint="pip install 'pylibjpeg[all]', or decompress the series, for example with dcmdjpeg or gdcmconv --raw",
        )


def _values(each: SliceFile) -> np.ndarray:
    """The voxels of a slice, (Y, X) in the unit of the series or (Y, X, 3) RGB."""
    import pydicom

    dataset = read_header(each.path, with_voxels=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored: np.ndarray = pydicom.pixels.pixel_array(dataset)
    except DAMAGE as error:
        raise NotAPicture(f"{each.path}: is damaged or ends early: {first_line(error)}") from None
    if stored.ndim == 3:
        return stored
    if (padding := dataset.get("PixelPaddingValue")) is not None and (outside := stored == padding).any():
        # Around a round field of view, and no value of anything.
        stored = np.where(outside, stored[~outside].min() if not outside.all() else 0, stored)
    slope, intercept = (
        float(dataset.get(f"Rescale{name}") or usual) for name, usual in (("Slope", 1), ("Intercept", 0))
    )
    return (
        stored
        if (slope, intercept) == (1, 0)
        else stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    )


def _own_window(files: Sequence[SliceFile]) -> tuple[float, float] | None:
    """The first window that the files name, if it is the same one in all of them."""
    found = {(_first(each.header, "WindowCenter"), _first(each.header, "WindowWidth")) for each in files}
    centre, width = found.pop() if len(found) == 1 else (None, None)
    return None if centre is None or width is None or width <= 0 else (centre - width / 2, centre + width / 2)


def _first(header: Any, name: str) -> float | None:
    value = header.get(name)
    if value is None or value == "":
        return None
    values = value if isinstance(value, Sequence) or hasattr(value, "__iter__") else [value]
    return next((float(each) for each in values), None)
