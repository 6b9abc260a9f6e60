"""Series of DICOM made on the spot."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

#: From right and front to left and back.
LPS = np.diag((-1.0, -1.0, 1.0, 1.0))


def put_series(folder: str, data: np.ndarray, affine: np.ndarray, **more: Any) -> str:
    """A CT series of (X, Y, Z) in Hounsfield's units, in files whose names say nothing of their order: its UID."""
    Path(folder).mkdir(exist_ok=True)
    series, study, frame = generate_uid(), more.pop("study", generate_uid()), generate_uid()
    steps = (LPS @ affine)[:3]
    sides = np.linalg.norm(steps[:, :3], axis=0)
    for index in range(data.shape[2]):
        header = Dataset()
        header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, generate_uid()
        header.SeriesInstanceUID, header.StudyInstanceUID, header.FrameOfReferenceUID = series, study, frame
        header.PatientName, header.PatientID, header.Modality = "Nobody^No", "17", "CT"
        header.SeriesNumber, header.SeriesDescription, header.InstanceNumber = 4, "thorax", index + 1
        header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.ImagePositionPatient = [float(each) for each in steps[:, 3] + steps[:, 2] * index]
        header.ImageOrientationPatient = [float(each) for each in (*steps[:, 0] / sides[0], *steps[:, 1] / sides[1])]
        header.PixelSpacing, header.SliceThickness = [float(sides[1]), float(sides[0])], float(sides[2])
        header.Rows, header.Columns, header.SamplesPerPixel = data.shape[1], data.shape[0], 1
        header.PhotometricInterpretation, header.PixelRepresentation = "MONOCHROME2", 0
        header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
        header.RescaleSlope, header.RescaleIntercept = 1, -1024
        header.add_new((0x0009, 0x0010), "LO", "a maker")
        for name, value in more.items():
            setattr(header, name, value)
        header.PixelData = (data[:, :, index].T + 1024).astype("<u2").tobytes()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.save_as(Path(folder, f"{index * 7 % 12:02}.dcm"), enforce_file_format=True)
    return series
