"""A NIfTI volume goes in, and its mask comes back where it lies: by nibabel's word."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from volumes import SHAPE, ellipsoid, names, oblique, overlap, run_stack, use_stub, voxels

from birefnet_video.options.stacks import StackReadSpec
from birefnet_video.stacks.opening import open_stack

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_stub(monkeypatch)


def save(path: str, data: np.ndarray, affine: np.ndarray | None = None, kind: Any = nibabel.Nifti1Image) -> Any:
    image = kind(data, oblique() if affine is None else affine)
    image.set_sform(image.affine, code=2)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    return nibabel.load(path)


def mask_of(path: str) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def same_place(one: Any, other: Any) -> bool:
    """Whether all that says where voxels lie is the same to the bit."""
    keys = ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d")
    keys += ("qoffset_x", "qoffset_y", "qoffset_z", "xyzt_units", "dim")
    return (
        all(np.array_equal(one.header[key], other.header[key]) for key in keys)
        and one.shape == other.shape
        and one.header.get_zooms() == other.header.get_zooms()
        and np.array_equal(one.affine, other.affine)
        and type(one) is type(other)
    )


@pytest.mark.parametrize("axis", ["z", "x", "y", "axial", "coronal", "sagittal"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
def test_a_mask_lies_where_its_volume_lies(axis: str, suffix: str, capsys: Capsys) -> None:
    inside = ellipsoid()
    image = save(f"a{suffix}", voxels(inside))
    ran = run_stack(
        capsys, f"a{suffix}", "--mask", f"m{suffix}", "--threshold", "0.5", "--axis", axis, "--smooth", "off"
    )
    assert ran.code == 0, ran.lines
    mask = nibabel.load(f"m{suffix}")
    assert same_place(image, mask) and mask.get_data_dtype() == np.uint8
    labels = mask_of(f"m{suffix}")
    assert set(np.unique(labels)) == {0, 1}
    assert overlap(labels > 0, inside) > 0.93
    # Voxel for voxel, in the room: the middle of what was masked is the middle of the subject.
    middles = [nibabel.affines.apply_affine(mask.affine, np.argwhere(each)).mean(0) for each in (labels > 0, inside)]
    assert np.abs(middles[0] - middles[1]).max() < 0.15


@pytest.mark.parametrize(
    "codes", ["".join((a, b, c)) for a in "RL" for b in "AP" for c in "SI"] + ["PSR", "SLA", "IRP"]
)
def test_every_way_to_lie_is_masked_in_its_own_way(codes: str, capsys: Capsys) -> None:
    inside = ellipsoid()
    straight = nibabel.Nifti1Image(inside.astype(np.uint8), oblique())
    turned = straight.as_reoriented(
        nibabel.orientations.ornt_transform(
            nibabel.orientations.io_orientation(straight.affine), nibabel.orientations.axcodes2ornt(tuple(codes))
        )
    )
    there = np.asarray(turned.dataobj) > 0
    image = save("a.nii", voxels(there), turned.affine)
    assert run_stack(capsys, "a.nii", "--threshold", "0.5", "--axis", "coronal", "--smooth", "off").code == 0
    assert same_place(image, nibabel.load("a.mask.nii"))
    assert overlap(mask_of("a.mask.nii") > 0, there) > 0.93


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 4), (3, 2)])
def test_the_codes_of_both_transforms_stay_even_if_the_two_disagree(codes: tuple[int, int], capsys: Capsys) -> None:
    other = oblique((1, 1, 1))
    other[:3, 3] += 5
    image = nibabel.Nifti1Image(voxels(ellipsoid()), None)
    image.header.set_qform(other, code=codes[0])
    image.header.set_sform(oblique(), code=codes[1])
    image.header.set_zooms((0.5, 0.75, 2.0))
    image.header.set_xyzt_units("micron", "msec")
    nibabel.save(nibabel.Nifti1Image(image.dataobj, None, image.header), "a.nii.gz")
    source = nibabel.load("a.nii.gz")
    assert (int(source.header["qform_code"]), int(source.header["sform_code"])) == codes
    assert run_stack(capsys, "a.nii.gz").code == 0
    assert same_place(source, nibabel.load("a.mask.nii.gz"))


def test_a_soft_mask_is_read_as_0_to_1(capsys: Capsys) -> None:
    image = save("a.nii.gz", voxels(ellipsoid()))
    assert run_stack(capsys, "a.nii.gz").code == 0
    mask = nibabel.load("a.mask.nii.gz")
    assert same_place(image, mask) and mask.get_data_dtype() == np.uint8
    values = mask.get_fdata()
    assert 0 <= values.min() < 0.1 and 0.9 < values.max() <= 1
    assert mask.dataobj.slope == pytest.approx(1 / 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_voxels_of_all_real_types_are_read(dtype: Any, capsys: Capsys) -> None:
    inside = ellipsoid()
    save("a.nii", np.where(inside, 100, 10).astype(dtype))
    assert run_stack(capsys, "a.nii", "--threshold", "0.5", "--smooth", "off", "--window", "full").code == 0
    assert overlap(mask_of("a.mask.nii") > 0, inside) > 0.93


def test_scaled_values_and_holes_are_what_they_mean(capsys: Capsys) -> None:
    inside = ellipsoid()
    image = nibabel.Nifti1Image(np.where(inside, 1000, 0).astype(np.int16), oblique())
    image.header.set_slope_inter(0.5, -100)
    nibabel.save(image, "a.nii.gz")
    ran = run_stack(capsys, "a.nii.gz", "--window", "150,500", "--threshold", "0.5", "--smooth", "off", "--json")
    assert ran.objects[-1]["window"] == {"low": -100.0, "high": 400.0, "why": "as given"}
    assert overlap(mask_of("a.mask.nii.gz") > 0, inside) > 0.93
    holed = np.where(inside, 1.0, np.nan).astype(np.float32)
    save("b.nii", holed)
    assert run_stack(capsys, "b.nii", "--window", "0.5,1", "--threshold", "0.5", "--smooth", "off").code == 0
    assert overlap(mask_of("b.mask.nii") > 0, inside) > 0.93


@pytest.mark.parametrize("shape", [(40, 32), (40, 32, 1), (40, 32, 12, 1), (40, 32, 12, 1, 1)])
def test_other_numbers_of_dimensions_stay(shape: tuple[int, ...], capsys: Capsys) -> None:
    inside = ellipsoid((*shape, 1)[:3])
    image = save("a.nii.gz", voxels(inside).reshape(shape))
    assert run_stack(capsys, "a.nii.gz").code == 0
    assert nibabel.load("a.mask.nii.gz").shape == image.shape == shape


def test_one_of_several_volumes_is_named(capsys: Capsys) -> None:
    inside = ellipsoid()
    image = save("a.nii.gz", np.stack([np.zeros(SHAPE, np.int16), voxels(inside)], axis=3))
    ran = run_stack(capsys, "a.nii.gz")
    assert ran.code == 2 and "holds 2 volumes (40x32x12x2) (--volume 1 takes one)" in ran.lines[-1]
    assert run_stack(capsys, "a.nii.gz", "--volume", "3").code == 2
    assert run_stack(capsys, "a.nii.gz", "--volume", "2", "--threshold", "0.5", "--smooth", "off").code == 0
    mask = nibabel.load("a.mask.nii.gz")
    assert mask.shape == SHAPE and np.array_equal(mask.affine, image.affine)
    assert overlap(mask_of("a.mask.nii.gz") > 0, inside) > 0.93


def test_the_second_version_of_the_format_stays_the_second(capsys: Capsys) -> None:
    image = save("a.nii.gz", voxels(ellipsoid()), kind=nibabel.Nifti2Image)
    assert run_stack(capsys, "a.nii.gz").code == 0
    assert same_place(image, nibabel.load("a.mask.nii.gz"))


def test_what_is_chosen_is_said_once(capsys: Capsys) -> None:
    save("a.nii.gz", voxels(ellipsoid()))
    ran = run_stack(capsys, "a.nii.gz", "--window", "-100,1500")
    assert ran.lines[0].startswith("no medical claim is made")
    assert ran.lines[1] == "12 slices along z (axial), shown from -850 to 650 (as given)"
    assert ran.lines[-1].startswith("wrote a.mask.nii.gz (12 slices in ")
    assert run_stack(capsys, "a.nii.gz", "-y", "-q").lines == []
    ran = run_stack(capsys, "a.nii.gz", "-y", "--json")
    last = ran.objects[-1]
    assert (last["event"], last["exit_code"], last["output"]) == ("finished", 0, "a.mask.nii.gz")
    assert last["shape"] == [12, 32, 40] and last["axis"] == "z" and last["direction"] == "axial"


def test_what_is_there_is_not_replaced_unasked(capsys: Capsys) -> None:
    save("a.nii.gz", voxels(ellipsoid()))
    Path("m.nii.gz").write_text("mine")
    assert run_stack(capsys, "a.nii.gz", "--mask", "m.nii.gz").code == 73
    assert Path("m.nii.gz").read_text() == "mine"
    ran = run_stack(capsys, "a.nii.gz", "--mask", "a.nii.gz", "-y")
    assert ran.code == 73 and "is the input itself" in ran.lines[-1]
    ran = run_stack(capsys, "a.nii.gz", "--mask", "m.png")
    assert ran.code == 73 and "a mask has its stack's format (use .nii.gz or .nii)" in ran.lines[-1]
    assert run_stack(capsys, "a.nii.gz", "--mask", "m.nii.gz", "-y").code == 0
    assert nibabel.load("m.nii.gz").shape == SHAPE


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
@pytest.mark.parametrize("left", [0, 100, 0.5, 0.98])
def test_a_file_that_ends_early_is_named_and_leaves_nothing(left: float, suffix: str, capsys: Capsys) -> None:
    save(f"a{suffix}", voxels(ellipsoid()))
    data = Path(f"a{suffix}").read_bytes()
    Path(f"a{suffix}").write_bytes(data[: int(left if left > 1 else left * len(data))])
    ran = run_stack(capsys, f"a{suffix}")
    assert ran.code == 65 and f"error: a{suffix}: is" in ran.lines[-1] and len(ran.lines[-1]) < 300
    assert names(Path()) == [f"a{suffix}"]


def test_voxels_that_are_no_real_numbers_are_refused(capsys: Capsys) -> None:
    save("a.nii", np.zeros(SHAPE, np.complex64))
    ran = run_stack(capsys, "a.nii")
    assert ran.code == 65 and "voxels of complex64 are not read" in ran.lines[-1]


def test_a_packed_file_is_read_slice_by_slice() -> None:
    save("a.nii.gz", voxels(ellipsoid()))
    stack = open_stack(Path("a.nii.gz"), StackReadSpec())
    first = next(stack.slices())
    assert first.shape == (32, 40) and first.dtype == np.int16
    for index, plane in enumerate(stack.slices()):
        assert np.array_equal(plane, np.asarray(nibabel.load("a.nii.gz").dataobj)[:, :, index].T)
    stack.close()


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    save("a.nii.gz", voxels(ellipsoid()))
    monkeypatch.setattr("birefnet_video.stacks.nifti.find_spec", lambda name: None)
    ran = run_stack(capsys, "a.nii.gz")
    assert ran.code == 4 and "NIfTI needs nibabel (pip install 'birefnet-video[medical]')" in ran.lines[-1]
