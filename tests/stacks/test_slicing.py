"""How volumes are cut into upright pictures and shown in eight bits: properties of the arithmetic."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from volumes import ellipsoid, oblique

from birefnet_video.errors import UsageError
from birefnet_video.options.stacks import SliceAxis, StackMatteSpec, StackReadSpec, Window, parse_window
from birefnet_video.pipeline.steady_slices import steady_slices
from birefnet_video.stacks.slicing import Slicing, slicing_along
from birefnet_video.stacks.stack import StackInfo
from birefnet_video.stacks.window import toner_for

SHAPE = (3, 4, 5)
AXES: tuple[SliceAxis, ...] = ("x", "y", "z", "axial", "coronal", "sagittal")


def info(affine: np.ndarray | None = None, **more: object) -> StackInfo:
    about = {"path": Path("a"), "kind": "nifti", "shape": SHAPE, "is_deep": True, "affine": affine, **more}
    return StackInfo(**about)  # type: ignore[arg-type]


slicings = st.builds(Slicing, st.integers(0, 2), st.booleans(), st.booleans(), st.booleans())


@given(slicings)
def test_what_is_turned_upright_is_turned_back(slicing: Slicing) -> None:
    volume = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    made = np.zeros_like(volume)
    for index in range(slicing.count(info())):
        plane = np.moveaxis(volume, 2 - slicing.axis, 0)[index]
        picture = slicing.upright(plane)
        assert picture.shape == slicing.shape(info())
        slicing.place(made, index)[:] = slicing.back(picture)
    assert np.array_equal(made, volume)


@pytest.mark.parametrize("axis", AXES)
def test_pictures_stand_as_bodies_do_however_a_volume_is_stored(axis: SliceAxis) -> None:
    """A landmark far up, in front and to the right is seen above and on the left, in every storing of one volume."""
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = 0
        for voxel_axis, (direction, sign) in enumerate(zip(order, signs, strict=True)):
            affine[direction, voxel_axis] = sign
        slicing = slicing_along(axis, info(affine))
        codes = nibabel.aff2axcodes(affine)
        # The corner that lies furthest to the right, in front and up.
        corner = tuple(size - 1 if code in "RAS" else 0 for code, size in zip(codes, SHAPE[::-1], strict=True))
        volume = np.zeros(SHAPE)
        volume[corner[::-1]] = 1
        seen = slicing.upright(np.moveaxis(volume, 2 - slicing.axis, 0)[corner[slicing.axis]])
        assert seen[0, 0] == 1, (axis, codes)
        names = {"R": "sagittal", "L": "sagittal", "A": "coronal", "P": "coronal", "S": "axial", "I": "axial"}
        assert slicing.name == names[codes[slicing.axis]]
        if axis in ("axial", "coronal", "sagittal"):
            assert slicing.name == axis
        else:
            assert "xyz"[slicing.axis] == axis


def test_the_directions_of_an_oblique_volume_are_the_nearest() -> None:
    assert [slicing_along(axis, info(oblique())).axis for axis in AXES[3:]] == [2, 1, 0]


def test_voxels_that_are_no_cubes_make_pictures_of_their_true_proportions() -> None:
    about = info(oblique(), spacing=(3.0, 1.5, 0.5))
    assert slicing_along("z", about).proportions(about) == (5, 12)
    assert slicing_along("coronal", about).proportions(about) == (5, 18)
    assert Slicing(0).proportions(about) == (4, 6)
    assert Slicing(2).proportions(info()) == (5, 4)


@pytest.mark.parametrize("text", ["40,400", " -600 , 1500.5", "+.5,1."])
def test_a_window_is_read_and_written_the_same(text: str) -> None:
    window = parse_window(text)
    assert window.kind == "given" and parse_window(str(window)) == window
    low, high = window.limits
    assert (low + high) / 2 == window.centre and high - low == window.width


@pytest.mark.parametrize("text", ["", "40", "40,0", "40,-3", "40;400", "wide", "nan,3", "1,2,3"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--window: .* is no window"):
        StackReadSpec(window=text)


def test_options_that_say_different_things_are_refused() -> None:
    with pytest.raises(UsageError, match="--threshold and --mask-blur"):
        StackMatteSpec(threshold=0.5, mask_blur=1)
    with pytest.raises(UsageError, match="--volume: 0 is less than 1"):
        StackReadSpec(volume=0)


def test_automatic_windows_leave_the_outer_values_out() -> None:
    values = np.arange(-1000, 1000, dtype=np.int16).reshape(10, 10, 20)
    values[0, 0, 0] = 32000
    about = info(shape=values.shape)
    shown = toner_for(Window("auto"), about, values).shown
    assert shown is not None and abs(shown.low + 990) < 2 and abs(shown.high - 989) < 2
    shown = toner_for(Window("full"), about, values).shown
    assert shown is not None and shown[:2] == (-999, 32000)
    own = toner_for(Window("auto"), info(own_window=(0.0, 80.0)), []).shown
    assert own is not None and own[:2] == (0, 80)
    assert toner_for(Window("auto"), info(is_deep=False), []).shown is None


def test_volumes_of_one_value_or_none_are_shown_black() -> None:
    for values in (np.full(SHAPE, 7, np.uint16), np.full(SHAPE, np.nan, np.float32), np.full(SHAPE, np.inf)):
        toner = toner_for(Window("auto"), info(), values)
        assert toner.shown is not None and toner.shown.why == "all values are the same"
        assert toner.apply(values[0]).max() in (0, 255)


@given(st.floats(-3000, 3000), st.floats(0.01, 5000), st.booleans())
def test_values_are_shown_in_their_order(centre: float, width: float, is_inverted: bool) -> None:
    values = np.linspace(-4000, 4000, 400, dtype=np.float32).reshape(20, 20)
    shown = toner_for(Window("given", centre, width), info(is_inverted=is_inverted), []).apply(values)
    assert shown.shape == (20, 20, 3) and shown.dtype == np.uint8
    steps = np.diff(shown[..., 0].ravel().astype(int))
    assert (steps <= 0 if is_inverted else steps >= 0).all()


@pytest.mark.parametrize("mode", ["normal", "high"])
def test_neighbours_mend_a_slice_that_lost_its_subject_and_calm_its_edges(mode: str) -> None:
    truth = ellipsoid((64, 64, 20)).transpose(2, 1, 0).astype(np.float32)
    grain = np.random.default_rng(3)
    pictures = [(60 + 120 * each[..., None] + grain.normal(0, 30, (64, 64, 3))).clip(0, 255) for each in truth]
    mattes = [(each + grain.normal(0, 0.3, (64, 64)) * (grain.random((64, 64)) < 0.3)).clip(0, 1) for each in truth]
    mattes[9][:] = 0
    pairs = [
        (picture.astype(np.uint8), matte.astype(np.float32)) for picture, matte in zip(pictures, mattes, strict=True)
    ]
    steady = list(steady_slices(((pair, pair[1]) for pair in pairs), lambda pair: pair[0], mode))  # type: ignore[arg-type]
    assert [pair[0] is other[0] for (pair, _), other in zip(steady, pairs, strict=True)] == [True] * 20
    errors = [np.abs(np.stack(each) - truth).mean(axis=(1, 2)) for each in (mattes, [alpha for _, alpha in steady])]
    assert errors[1].mean() < 0.5 * errors[0].mean() and errors[1][9] < 0.25 * errors[0][9]
