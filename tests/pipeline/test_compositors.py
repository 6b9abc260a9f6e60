"""Both compositors against arithmetic by hand: a picture of two colours, a matte of four steps, each kind of output."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import make_clip
from stubs import PLAIN_COLOUR, PLAIN_MATTE

from birefnet_video.colour.convert import plane_array
from birefnet_video.errors import BackendUnavailable
from birefnet_video.inputs.probe import probe
from birefnet_video.options.backgrounds import SolidColour as Plain
from birefnet_video.options.matte import EditSpec, MatteSpec
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.outputs.encodings import encoding_for
from birefnet_video.pipeline.checks import make_canvas
from birefnet_video.pipeline.composing import Composing, Look
from birefnet_video.pipeline.compositor import Compositor, CpuCompositor, Made
from birefnet_video.pipeline.compositor_torch import DeviceCompositor
from birefnet_video.types import ColourTags, Frame, FrameMeta, Matte, MediaInfo

HEIGHT, WIDTH = 8, 32
#: Of the left half, which is the old background, and of the right half, which is the subject.
LEFT, RIGHT = (60, 100, 150), (180, 140, 90)
#: In columns of eight, so that samples of chroma have one alpha each.
STEPS = (0.0, 0.25, 0.5, 1.0)
BT601 = ColourTags(6, 6, 6)
META = FrameMeta(3, 12, Fraction(1, 25), 4)


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    clip = make_clip(tmp_path_factory.mktemp("clip") / "in.mkv", frames=2, size=(WIDTH, HEIGHT), codec="ffv1")
    return replace(probe(clip), colour=BT601)


def picture(pixel_format: str = "yuv420p", alpha: int = 255) -> av.VideoFrame:
    made = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
    for index in range(3):
        plane = plane_array(made, index)
        half = plane.shape[1] // 2
        plane[:, :half], plane[:, half:] = LEFT[index], RIGHT[index]
    if pixel_format == "yuva420p":
        plane_array(made, 3)[:] = alpha
    return made


def steps(values: Sequence[float] = STEPS, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.tile(np.repeat(np.float32(values), width // len(values)), (height, 1))


def compositor(
    on: str, info: MediaInfo, *outputs: OutputSpec, told: list[str] | None = None, **options: object
) -> Compositor:
    """On the CPU, or by torch, whose device is the CPU here."""
    look = Look(**{"colour": PLAIN_COLOUR, "input_alpha": "multiply", "compose_on": on, **options})  # type: ignore[arg-type]
    shown = [(output, make_canvas(encoding_for(output), info)) for output in outputs]
    made = Composing(look, shown, info, told.append if told is not None else lambda line: None).on("cpu")
    assert isinstance(made, DeviceCompositor if on == "device" else CpuCompositor)
    return made


def compose(
    on: str,
    info: MediaInfo,
    *outputs: OutputSpec,
    alpha: np.ndarray | None = None,
    filmed: av.VideoFrame | None = None,
    matte: EditSpec = PLAIN_MATTE,
    **options: object,
) -> Made:
    alpha = steps() if alpha is None else alpha
    view = np.zeros((*alpha.shape, 3), np.uint8)
    small = Matte(Frame(META, filmed or picture()), alpha, view)
    return compositor(on, info, *outputs, **options).compose(small, matte)


def by_steps(frame: av.VideoFrame, plane: int) -> list[int]:
    """The sample of each step, after a look that a step has one only."""
    samples = plane_array(frame, plane)
    wide = samples.shape[1] // 4
    found = [np.unique(samples[:, index * wide : (index + 1) * wide]) for index in range(4)]
    assert [len(values) for values in found] == [1] * 4, found
    return [int(values[0]) for values in found]


BOTH = pytest.mark.parametrize("on", ["cpu", "device"])
MASK = OutputSpec("mask", Path("m.mkv"))


@BOTH
@pytest.mark.parametrize(("name", "bits"), [("m.mkv", 8), ("m.mp4", 8), ("m.mov", 10)])
def test_a_mask_is_alpha_in_grey(on: str, name: str, bits: int, info: MediaInfo) -> None:
    made = compose(on, info, OutputSpec("mask", Path(name)))
    (frame,) = made.pictures
    top = (1 << frame.format.components[0].bits) - 1
    # Half is rounded up: 127.5 is 128.
    assert by_steps(frame, 0) == [int(step * top + 0.5) for step in STEPS]
    assert made.meta == META


@BOTH
def test_the_extent_is_that_of_the_matte_at_full_size(on: str, info: MediaInfo) -> None:
    made = compose(on, info, MASK, alpha=steps((0.25, 0.25, 0.5, 0.75), 2, 8))
    assert (made.extent.low, made.extent.high) == (0.25, 0.75)
    assert made.extent.mean == pytest.approx(0.4375, abs=1e-6)


@BOTH
def test_straight_alpha_keeps_colours_and_is_exact(on: str, info: MediaInfo) -> None:
    (frame,) = compose(on, info, OutputSpec("alpha", Path("a.mov"))).pictures
    bits = frame.format.components[0].bits
    assert frame.format.name.startswith("yuva444p") and bits > 8
    assert by_steps(frame, 3) == [int(step * ((1 << bits) - 1) + 0.5) for step in STEPS]
    # More bits are zeros at the end; chroma has the luma's size, and its edge is soft.
    assert by_steps(frame, 0) == [value << (bits - 8) for value in (LEFT[0], LEFT[0], RIGHT[0], RIGHT[0])]
    for index in (1, 2):
        samples = plane_array(frame, index)
        ends = [int(samples[0, column]) for column in (0, 8, 24, 31)]
        assert ends == [value << (bits - 8) for value in (LEFT[index], LEFT[index], RIGHT[index], RIGHT[index])]


@BOTH
def test_a_composite_is_a_mean_weighed_by_alpha(on: str, info: MediaInfo) -> None:
    (frame,) = compose(on, info, OutputSpec("composite", Path("c.mp4"), Plain((255, 0, 0)))).pictures
    assert frame.format.name == "yuv420p"
    # Red of BT.601 in the narrow range: luma 0.299, Cb -0.5 * 0.299 / 0.886, Cr the largest there is.
    red = (16 + 219 * 0.299, 128 - 224 * 0.5 * 0.299 / 0.886, 128 + 224 * 0.5)
    for index, behind in enumerate(red):
        colours = (LEFT[index], LEFT[index], RIGHT[index], RIGHT[index])
        expected = [step * own + (1 - step) * behind for step, own in zip(STEPS, colours, strict=True)]
        found = by_steps(frame, index)
        assert found == [pytest.approx(value, abs=0.51) for value in expected], index
        # Where the subject is whole it is what was filmed.
        assert found[3] == RIGHT[index]


@BOTH
def test_a_composite_grows_to_even_sides_by_its_last_line(on: str, info: MediaInfo) -> None:
    odd = replace(info, width=WIDTH - 1, height=HEIGHT - 1, coded_width=WIDTH - 1, coded_height=HEIGHT - 1)
    filmed = av.VideoFrame(WIDTH - 1, HEIGHT - 1, "yuv420p")
    for index in range(3):
        plane_array(filmed, index)[:] = RIGHT[index]
    plane_array(filmed, 0)[-1] = 200
    alpha = np.ones((HEIGHT - 1, WIDTH - 1), np.float32)
    (frame,) = compose(on, odd, OutputSpec("composite", Path("c.mp4")), alpha=alpha, filmed=filmed).pictures
    assert (frame.width, frame.height) == (WIDTH, HEIGHT)
    luma = plane_array(frame, 0)
    assert (luma[:-2] == RIGHT[0]).all() and (luma[-2:] == 200).all()
    assert (plane_array(frame, 1) == RIGHT[1]).all() and (plane_array(frame, 2) == RIGHT[2]).all()


@BOTH
@pytest.mark.parametrize(
    ("matte", "expected"),
    [
        (MatteSpec(smooth="off", refine=False, threshold=0.5), (0, 0, 255, 255)),
        (MatteSpec(smooth="off", refine=False, threshold=0.51), (0, 0, 0, 255)),
        (MatteSpec(smooth="off", refine=False, invert=True), (255, 191, 128, 0)),
        (MatteSpec(smooth="off", refine=False, threshold=0.25, invert=True), (255, 0, 0, 0)),
    ],
    ids=["half", "above half", "inverted", "both"],
)
def test_what_is_asked_of_mattes_is_done_at_full_size(
    on: str, matte: MatteSpec, expected: tuple[int, ...], info: MediaInfo
) -> None:
    (frame,) = compose(on, info, MASK, matte=matte).pictures
    assert by_steps(frame, 0) == list(expected)


@BOTH
@pytest.mark.parametrize(("offset", "first"), [(2, 22), (-3, 27)])
def test_an_offset_moves_edges_by_so_many_pixels(on: str, offset: int, first: int, info: MediaInfo) -> None:
    matte = MatteSpec(smooth="off", refine=False, mask_offset=offset)
    (frame,) = compose(on, info, MASK, matte=matte, alpha=steps((0, 0, 0, 1))).pictures
    expected = np.where(np.arange(WIDTH) >= first, 255, 0)
    assert (plane_array(frame, 0) == expected).all()


@BOTH
def test_a_smaller_matte_is_enlarged_linearly(on: str, info: MediaInfo) -> None:
    (frame,) = compose(on, info, MASK, alpha=np.float32([[0.0, 1.0]])).pictures
    # Pixel centres: the left one lies at 7.5, the right one at 23.5, beyond them nothing changes.
    expected = np.clip((np.arange(WIDTH) - 7.5) / 16, 0, 1) * 255
    assert np.abs(plane_array(frame, 0) - expected).max() <= 0.51


@BOTH
def test_alpha_of_the_inputs_own_is_multiplied_and_told_once(on: str, info: MediaInfo) -> None:
    told: list[str] = []
    both = compositor(on, info, MASK, told=told)
    for _ in range(2):
        matte = Matte(Frame(META, picture("yuva420p", alpha=51)), steps(), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        (frame,) = both.compose(matte, PLAIN_MATTE).pictures
        assert by_steps(frame, 0) == [int(step * 51 + 0.5) for step in STEPS]
    assert len(told) == 1 and "the input has alpha of its own" in told[0]


@BOTH
def test_alpha_of_the_inputs_own_is_left_out_if_that_is_asked(on: str, info: MediaInfo) -> None:
    made = compose(on, info, MASK, filmed=picture("yuva420p", alpha=51), input_alpha="ignore")
    assert by_steps(made.pictures[0], 0) == [0, 64, 128, 255]


@BOTH
def test_outputs_come_in_the_order_of_the_job(on: str, info: MediaInfo) -> None:
    outputs = [OutputSpec("composite", Path("c.mp4")), MASK, OutputSpec("alpha", Path("a.mov"))]
    for order in ((0, 1, 2), (2, 0, 1)):
        made = compose(on, info, *(outputs[index] for index in order))
        names = ["yuv420p", "gray", "yuva444p"]
        assert all(
            frame.format.name.startswith(names[index]) for index, frame in zip(order, made.pictures, strict=True)
        )


@BOTH
def test_pictures_of_rgb_have_straight_colours(on: str, info: MediaInfo) -> None:
    """They are made on the CPU, whatever else is made elsewhere."""
    told: list[str] = []
    made = compose(on, info, MASK, OutputSpec("alpha", Path("a_%02d.png")), told=told)
    frame = made.pictures[1]
    assert frame.format.name == "rgba"
    rgba = frame.to_ndarray()
    assert [int(value) for value in rgba[0, 4::8, 3]] == [0, 64, 128, 255]
    for column, (luma, blue, red) in ((0, LEFT), (31, RIGHT)):
        # The inverse of BT.601 in the narrow range.
        y, b, r = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
        rgb = (y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b)
        assert np.abs(rgba[0, column, :3] - 255 * np.clip(rgb, 0, 1)).max() <= 1
    assert len(told) == (on == "device") and all("pictures of RGB" in line for line in told)


def test_a_foreground_is_the_subjects_colour_and_goes_on_beyond_it(info: MediaInfo) -> None:
    alpha = steps((0, 0, 1, 1))
    (frame,) = compose("cpu", info, OutputSpec("foreground", Path("f.mkv")), alpha=alpha).pictures
    for index in range(3):
        shift = frame.format.components[0].bits - 8
        samples = plane_array(frame, index) / (1 << shift)
        half = samples.shape[1] // 2
        # Chroma of the picture is soft across its edge.
        assert np.abs(samples[:, half + 2 :] - RIGHT[index]).max() <= 1.5
        assert np.abs(samples[:, half - 2 : half] - RIGHT[index]).max() < np.abs(LEFT[index] - RIGHT[index]) / 2


def test_what_no_device_can_make_is_refused_if_it_must(info: MediaInfo) -> None:
    with pytest.raises(BackendUnavailable, match="a foreground can be made on the CPU only"):
        compositor("device", info, OutputSpec("foreground", Path("f.mkv")))
