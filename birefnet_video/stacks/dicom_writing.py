"""A mask as a series of DICOM: derived from another one, in the same study and the same frame of reference."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from birefnet_video.stacks.dicom_series import SliceFile

#: What speaks of the voxels of the source, or of how they are shown, and not of where they lie.
_OF_VOXELS = (
    "PixelData", "FloatPixelData", "DoubleFloatPixelData", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries",
    "PlanarConfiguration", "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenterWidthExplanation",
    "PresentationLUTShape", "RealWorldValueMappingSequence", "IconImageSequence", "DigitalSignaturesSequence",
    "MACParametersSequence", "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
)  # fmt: skip
#: Groups of drawings that lie over pictures: curves and overlays.
_OVERLAYS = (0x50, 0x60)
#: What is added to the number of the source's series.
_NUMBER_STEP = 1000
_LONGEST_TEXT = 64


class SeriesWriter:
    """Writes the slices of one new series."""

    def __init__(self, files: Sequence[SliceFile], source: Path, *, is_label: bool) -> None:
        """
        Args:
            files: of the series that the mask was made of.
            source: their folder.
            is_label: values are 0 and 1, otherwise from 0 to 255.
        """
        from pydicom.uid import generate_uid

        self._series: str = generate_uid()
        self._is_label, self._source = is_label, source
        taken = {each.path.name for each in files}
        # In folders of their own, files may share names.
        self._are_unique = len(taken) == len(files)

    def write(self, each: SliceFile, values: np.ndarray, folder: Path) -> None:
        """Write one slice into a folder, under the name of its source.

        Args:
            each: the slice that it was made of.
            values: uint8 (Y, X).
            folder: that takes it.

        Raises:
            OSError: if it cannot be written.
        """
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, generate_uid

        dataset = copy.deepcopy(each.header)
        _strip(dataset)
        source_class, source_uid = dataset.get("SOPClassUID"), dataset.get("SOPInstanceUID")
        dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), self._series
        self._describe(dataset, source_class, source_uid)
        _fill(dataset, values, top=1 if self._is_label else 255)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = source_class, dataset.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta = meta
        name = each.path.name if self._are_unique else "_".join(each.path.relative_to(self._source).parts)
        dataset.save_as(folder / name, implicit_vr=False, little_endian=True, enforce_file_format=True)

    def _describe(self, dataset: Any, source_class: Any, source_uid: Any) -> None:
        from pydicom.dataset import Dataset
        from pydicom.sequence import Sequence as Items

        dataset.ImageType = ["DERIVED", "SECONDARY", *list(dataset.get("ImageType") or ())[2:3]]
        dataset.SeriesNumber = (int(dataset.get("SeriesNumber") or 0) + _NUMBER_STEP) % 2**31
        before = str(dataset.get("SeriesDescription") or "")
        dataset.SeriesDescription = f"{before[: _LONGEST_TEXT - 5]} mask".strip()
        dataset.DerivationDescription = (
            "mask by birefnet-video, 0 and 1" if self._is_label else "mask by birefnet-video"
        )
        if source_uid is not None:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source_class, source_uid
            dataset.SourceImageSequence = Items([item])


def _strip(dataset: Any) -> None:
    """Take out what speaks of the source's voxels; makers' private notes, too, for nobody knows what they speak of."""
    dataset.remove_private_tags()
    for name in _OF_VOXELS:
        if name in dataset:
            del dataset[name]
    for tag in [tag for tag in dataset.keys() if tag.group >> 8 in _OVERLAYS]:  # noqa: SIM118 - keys are tags
        del dataset[tag]


def _fill(dataset: Any, values: np.ndarray, *, top: int) -> None:
    """Sixteen bits, which images of CT and MR must have."""
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "US"
    dataset.WindowCenter, dataset.WindowWidth = top / 2, top
    dataset.PixelData = values.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
