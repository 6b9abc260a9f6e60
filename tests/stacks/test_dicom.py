"""A series of DICOM goes in, and its mask comes back as a series of the same study, or as NIfTI: where it lies."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_series import put_series
from pydicom.uid import JPEGLosslessSV1
from volumes import SHAPE, ellipsoid, names, oblique, overlap, run_stack, use_stub, voxels

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_stub(monkeypatch)


def read_series(folder: str) -> list[Any]:
    """Along the normal, as any reader would."""
    files = [pydicom.dcmread(path) for path in Path(folder).iterdir()]
    turn = np.array(files[0].ImageOrientationPatient, float)
    normal = np.cross(turn[:3], turn[3:])
    return sorted(files, key=lambda each: float(normal @ np.array(each.ImagePositionPatient, float)))


def right_handed() -> np.ndarray:
    """An affine whose slices rise along the normal of their plane: what a sorted series can say."""
    affine = oblique()
    affine[:, 1] *= -1
    return affine


HARD = ("--threshold", "0.5", "--smooth", "off")


def test_a_mask_is_a_series_of_the_same_study_in_the_same_place(capsys: Capsys) -> None:
    inside = ellipsoid()
    put_series("ct", voxels(inside), right_handed())
    ran = run_stack(capsys, "ct", *HARD)
    assert ran.code == 0 and not any("warning" in line for line in ran.lines), ran.lines
    assert names(Path("ct.mask")) == names(Path("ct"))
    sources, masks = read_series("ct"), read_series("ct.mask")
    for source, mask in zip(sources, masks, strict=True):
        for same in ("StudyInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient",
                     "PixelSpacing", "SliceThickness", "PatientID", "SOPClassUID", "Rows", "Columns"):  # fmt: skip
            assert mask[same] == source[same], same
        assert mask.SOPInstanceUID != source.SOPInstanceUID == mask.SourceImageSequence[0].ReferencedSOPInstanceUID
        assert mask.file_meta.MediaStorageSOPInstanceUID == mask.SOPInstanceUID
        assert list(mask.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert mask.SeriesDescription == "thorax mask" and (0x0009, 0x0010) not in mask
        assert (mask.RescaleSlope, mask.RescaleIntercept) == (1, 0)
    assert len({each.SeriesInstanceUID for each in masks}) == 1 != masks[0].SeriesInstanceUID
    assert masks[0].SeriesInstanceUID != sources[0].SeriesInstanceUID
    assert len({each.SOPInstanceUID for each in masks}) == SHAPE[2]
    there = np.stack([each.pixel_array.T for each in masks], axis=2)
    assert set(np.unique(there)) == {0, 1} and overlap(there > 0, inside) > 0.93


@pytest.mark.parametrize("axis", ["z", "sagittal"])
def test_a_mask_as_nifti_lies_in_the_same_place(axis: str, capsys: Capsys) -> None:
    inside, affine = ellipsoid(), right_handed()
    put_series("ct", voxels(inside), affine)
    assert run_stack(capsys, "ct", "--mask", "m.nii.gz", "--axis", axis, *HARD).code == 0
    mask = nibabel.load("m.nii.gz")
    assert np.allclose(mask.affine, affine, atol=1e-4) and mask.shape == SHAPE
    assert int(mask.header["sform_code"]) == int(mask.header["qform_code"]) == 1
    assert np.allclose(mask.get_qform(), affine, atol=1e-4)
    assert np.allclose(mask.header.get_zooms(), (0.9, 1.1, 3.0)) and mask.header.get_xyzt_units()[0] == "mm"
    assert overlap(np.asarray(mask.dataobj) > 0, inside) > 0.93


def test_a_soft_mask_goes_to_255_and_says_so(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    assert run_stack(capsys, "ct", "--mask", "m").code == 0
    masks = read_series("m")
    values = np.stack([each.pixel_array for each in masks])
    assert values.min() < 20 and 240 < values.max() <= 255
    assert (masks[0].WindowCenter, masks[0].WindowWidth) == (127.5, 255)


def test_the_window_of_the_series_is_taken_and_another_one_if_it_is_named(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed(), WindowCenter=[40, 300], WindowWidth=[400, 1500])
    ran = run_stack(capsys, "ct", "--json", *HARD)
    assert ran.objects[-1]["window"] == {"low": -160.0, "high": 240.0, "why": "the file's own window"}
    ran = run_stack(capsys, "ct", "--window", "-600,1500", "-y", "--json", *HARD)
    assert ran.objects[-1]["window"] == {"low": -1350.0, "high": 150.0, "why": "as given"}
    ran = run_stack(capsys, "ct", "--window", "full", "-y", "--json", *HARD)
    assert ran.objects[-1]["window"]["low"] < -250 and ran.objects[-1]["window"]["high"] > 950


def test_pictures_whose_small_values_are_bright_are_turned_over(capsys: Capsys) -> None:
    inside = ellipsoid()
    put_series("xa", 1000 - voxels(inside), right_handed(), PhotometricInterpretation="MONOCHROME1")
    assert run_stack(capsys, "xa", "--mask", "m.nii", *HARD).code == 0
    assert overlap(np.asarray(nibabel.load("m.nii").dataobj) > 0, inside) > 0.93


def test_what_lies_outside_a_round_field_of_view_is_no_value(capsys: Capsys) -> None:
    data = voxels(ellipsoid())
    data[:8] = -1024
    put_series("ct", data, right_handed(), PixelPaddingValue=0)
    ran = run_stack(capsys, "ct", "--window", "full", "--json", *HARD)
    assert ran.objects[-1]["window"]["low"] > -500


def test_several_series_are_listed_and_one_is_taken(capsys: Capsys) -> None:
    inside = ellipsoid()
    Path("ct").mkdir()
    uid = put_series("ct/a", voxels(inside), right_handed(), SeriesNumber=2)
    put_series("ct/b", voxels(inside)[..., :3], right_handed(), SeriesNumber=3, SeriesDescription="scout")
    ran = run_stack(capsys, "ct")
    assert ran.code == 2
    assert "holds 2 series: 2 (CT thorax 12 slices), 3 (CT scout 3 slices) (--series takes one" in ran.lines[-1]
    assert "names none in ct" in run_stack(capsys, "ct", "--series", "9").lines[-1]
    for wanted in ("2", uid):
        assert run_stack(capsys, "ct", "--series", wanted, "--mask", "m.nii", "-y", *HARD).code == 0
        assert nibabel.load("m.nii").shape == SHAPE
    assert run_stack(capsys, "ct", "--series", "3", "--mask", "scout", *HARD).code == 0
    assert len(names(Path("scout"))) == 3


def test_a_missing_slice_is_told_and_no_distance_is_made_up(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    next(path for path in Path("ct").iterdir() if pydicom.dcmread(path).InstanceNumber == 5).unlink()
    ran = run_stack(capsys, "ct", "--mask", "m.nii.gz")
    assert ran.code == 73 and "slices do not have one distance: 6 mm from " in ran.lines[-1]
    ran = run_stack(capsys, "ct", "--mask", "m", *HARD)
    assert ran.code == 0 and any(line.startswith("warning: ct: slices do not have one") for line in ran.lines)
    assert len(names(Path("m"))) == 11
    Path("ct/look.png").write_bytes(b"")
    ran = run_stack(capsys, "ct", "--mask", "m", "-y", "-q", *HARD)
    assert ran.lines[-1] == "warning: ct: look.png and other pictures beside the DICOM are left out"


def test_without_positions_the_numbers_say_the_order(capsys: Capsys) -> None:
    inside = ellipsoid()
    put_series("ct", voxels(inside), right_handed())
    for path in Path("ct").iterdir():
        header = pydicom.dcmread(path)
        del header.ImagePositionPatient
        header.save_as(path)
    ran = run_stack(capsys, "ct", "--mask", "m", *HARD)
    assert ran.code == 0 and "warning: ct: does not say how its slices lie" in "\n".join(ran.lines)
    masks = sorted((pydicom.dcmread(path) for path in Path("m").iterdir()), key=lambda each: each.InstanceNumber)
    assert overlap(np.stack([each.pixel_array.T for each in masks], axis=2) > 0, inside) > 0.93
    assert run_stack(capsys, "ct", "--mask", "m.nii").code == 73
    ran = run_stack(capsys, "ct", "--axis", "coronal")
    assert ran.code == 2 and "does not say how its volume lies (use x, y or z" in ran.lines[-1]


def spoil(name: str, value: Any, which: int = 3) -> None:
    path = sorted(Path("ct").iterdir())[which]
    header = pydicom.dcmread(path)
    setattr(header, name, value)
    header.save_as(path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Columns", 20, "20x32 where 00.dcm is 40x32: no volume"),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1, 0], "lies in another direction than 00.dcm: no volume"),
        ("NumberOfFrames", 7, "holds several slices in one file (enhanced DICOM)"),
    ],
)
def test_what_makes_no_volume_is_refused(name: str, value: Any, words: str, capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    spoil(name, value)
    ran = run_stack(capsys, "ct")
    assert ran.code == 65 and words in ran.lines[-1] and "03.dcm" in ran.lines[-1]
    assert names(Path()) == ["ct"]


def test_two_slices_at_one_place_are_refused(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    one = pydicom.dcmread("ct/00.dcm")
    spoil("ImagePositionPatient", one.ImagePositionPatient)
    ran = run_stack(capsys, "ct")
    assert ran.code == 65 and "00.dcm and 03.dcm lie at one place: several times or echoes" in ran.lines[-1]


def test_what_nothing_here_decodes_is_said_before_any_work(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    for path in Path("ct").iterdir():
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        header.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        header["PixelData"].VR, header["PixelData"].is_undefined_length = "OB", True
        header.save_as(path)
    if pydicom.pixels.get_decoder(JPEGLosslessSV1).is_available:
        pytest.skip("a decoder is installed")
    ran = run_stack(capsys, "ct")
    assert ran.code == 4 and "is compressed as JPEG Lossless" in ran.lines[-1] and "pylibjpeg" in ran.lines[-1]


@pytest.mark.parametrize("left", [200, 420, 1200, -100])
def test_a_file_that_ends_early_is_named_and_leaves_nothing(left: int, capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    path = Path("ct/05.dcm")
    path.write_bytes(path.read_bytes()[:left])
    ran = run_stack(capsys, "ct")
    assert ran.code == 65 and "05.dcm: is damaged" in ran.lines[-1]
    assert names(Path()) == ["ct"]


def test_a_single_file_is_no_series(capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    ran = run_stack(capsys, "ct/00.dcm")
    assert ran.code == 65 and "is a single file of DICOM (name the folder" in ran.lines[-1]
    ran = run_stack(capsys, "ct", "--mask", "m.dcm")
    assert ran.code == 73 and "a series is a folder" in ran.lines[-1]


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    put_series("ct", voxels(ellipsoid()), right_handed())
    monkeypatch.setattr("birefnet_video.stacks.dicom_series.find_spec", lambda name: None)
    ran = run_stack(capsys, "ct")
    assert ran.code == 4 and "DICOM needs pydicom (pip install 'birefnet-video[medical]')" in ran.lines[-1]
