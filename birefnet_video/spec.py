"""A job described as data: everything that can be asked for, validated once, nothing imported that is heavy."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from birefnet_video.defaults import BLUR_RADIUS, GREEN_RGB
from birefnet_video.errors import UsageError
from birefnet_video.types import DEFAULT_LIMITS, Limits

OutputKind = Literal["alpha", "mask", "composite", "foreground"]
Quality = Literal["fast", "standard", "best"]
#: What runs the network; ``auto``: the fastest that is there.
EngineName = Literal["auto", "eager", "compile", "tensorrt", "onnx", "openvino"]
#: ``auto``: half where it is fast and does no harm; ``int8`` is less exact and only taken by name.
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
#: How mattes are made steady over time: ``live`` knows only the past, ``normal`` and ``high`` look ahead.
Smoothing = Literal["off", "live", "normal", "high"]
#: How the subject's colour under soft edges is estimated; ``off``: it stays mixed with the background's.
Decontamination = Literal["off", "fast", "best"]
#: The colour of a screen that the subject was filmed before.
Despill = Literal["off", "green", "blue"]
#: What becomes of alpha that the input has already.
InputAlpha = Literal["multiply", "ignore"]
#: Where frames are composed: ``device`` is the network's; ``auto``: that, if it is a CUDA GPU.
ComposeOn = Literal["auto", "cpu", "device"]
#: What decodes; ``cuda``: an NVIDIA GPU's decoder.
DecodeOn = Literal["cpu", "cuda"]
#: The path that means standard output.
STDOUT = Path("-")
#: Sides of a network's input are multiples of this.
_STRIDE = 32
_LARGEST_SIDE = 4096
_HIGHEST_RATE = 1000
#: By how much a rate may be off that is written with two or three decimals.
_SHORT_RATE = Fraction(1, 200)
_MOST_OFFSET, _MOST_BLUR = 100, 100


#: Colours that have a name; "green" is the one that keyers expect.
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": GREEN_RGB,
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
}
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Colour:
    """A background of one sRGB colour."""

    rgb: tuple[int, int, int] = GREEN_RGB


@dataclass(frozen=True, slots=True)
class Blur:
    """The original picture, blurred, as background."""

    radius: int = BLUR_RADIUS
    """In pixels of a picture of 1080 lines."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as background, enlarged or cropped to fill the frame."""

    path: Path


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video as background, begun anew when it ends; fills the frame."""

    path: Path


Background = Colour | Blur | PictureFile | VideoFile


def parse_background(text: str) -> Background:
    """``green``, ``#rrggbb``, ``blur``, ``blur:40``, or the path of a picture or video.

    Raises:
        UsageError: if it is none of these.
    """
    if text.lower() in COLOURS:
        return Colour(COLOURS[text.lower()])
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return Colour((int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)))
    if re.fullmatch(r"blur(:[1-9][0-9]{0,3})?", text):
        return Blur(int(text[5:]) if ":" in text else BLUR_RADIUS)
    path = Path(text)
    if not path.suffix:
        raise UsageError(
            f"--background: {text!r} is no background",
            hint=f"use {', '.join(COLOURS)}, #rrggbb, blur[:RADIUS], or a picture or video file",
        )
    return PictureFile(path) if path.suffix.lower() in _PICTURE_SUFFIXES else VideoFile(path)


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """
    Raises:
        UsageError: if the option or parameter called ``name`` has a value that is none of its choices.
    """
    if value not in choices:
        raise UsageError(f"{name}: {value!r} is none of {', '.join(choices)}")


@dataclass(frozen=True, slots=True)
class MatteSpec:
    """What becomes of mattes on their way from the network to the outputs, in this order.

    Raises:
        UsageError: if a field is out of its range.
    """

    smooth: Smoothing = "normal"
    """Made steady over time."""
    refine: bool = True
    """Enlarged along the picture's edges instead of linearly."""
    threshold: float | None = None
    """Alpha from which a pixel is all subject; below it is none. ``None``: soft edges stay."""
    offset: int = 0
    """Pixels of the picture by which the subject grows, or shrinks if negative."""
    blur: float = 0.0
    """Standard deviation of a Gaussian blur, in pixels of the picture."""
    invert: bool = False
    """Keep the background and remove the subject."""

    def __post_init__(self) -> None:
        check_choice("--smooth", self.smooth, get_args(Smoothing))
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise UsageError(f"--threshold: {self.threshold:g} is not between 0 and 1")
        if not isinstance(self.offset, int) or abs(self.offset) > _MOST_OFFSET:
            raise UsageError(
                f"--mask-offset: {self.offset} is no whole number between -{_MOST_OFFSET} and {_MOST_OFFSET}"
            )
        if not 0 <= self.blur <= _MOST_BLUR:
            raise UsageError(f"--mask-blur: {self.blur:g} is not between 0 and {_MOST_BLUR}")


@dataclass(frozen=True, slots=True)
class ColourSpec:
    """What becomes of the subject's colours in outputs that show it.

    Raises:
        UsageError: if a field is none of its choices.
    """

    method: Decontamination = "fast"
    """How soft edges lose the old background's colour."""
    despill: Despill = "off"
    """A screen whose light is taken out of the subject."""

    def __post_init__(self) -> None:
        check_choice("--decontaminate", self.method, get_args(Decontamination))
        check_choice("--despill", self.despill, get_args(Despill))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One file to write."""

    kind: OutputKind
    path: Path
    background: Background = Colour()
    """Of a ``composite``."""
    codec: str | None = None
    """``None``: the usual one of the extension."""
    quality: Quality = "standard"

    def __post_init__(self) -> None:
        check_choice("--quality", self.quality, get_args(Quality))


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """Which network runs where.

    Raises:
        UsageError: if a field is out of its range.
    """

    model: str = "tiny"
    """Name of a known model, or path of a checkpoint."""
    size: tuple[int, int] | None = None
    """Height and width of the network's input; ``None``: the model's own."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:<i>`` or ``mps``."""
    batch_size: int | None = None
    """Frames at once; ``None``: what is fastest, measured on the first frames."""
    engine: EngineName = "auto"
    precision: Precision = "auto"
    one_at_a_time: bool = False
    """Every batch gets all of the machine: it is done earlier, and fewer of them are done."""
    calibration: Path | None = None
    """For ``int8``: a folder of pictures or a video like what is to come; ``None``: the clip's own frames."""

    def __post_init__(self) -> None:
        check_choice("--engine", self.engine, get_args(EngineName))
        check_choice("--precision", self.precision, get_args(Precision))
        if self.calibration is not None and self.precision != "int8":
            raise UsageError("--calibration: goes with --precision int8")
        if self.size is not None:
            for side in self.size:
                if side % _STRIDE or not _STRIDE <= side <= _LARGEST_SIDE:
                    raise UsageError(
                        f"--size: {side} is no multiple of {_STRIDE} from {_STRIDE} to {_LARGEST_SIDE}",
                        hint=f"the next one is {min(max(_STRIDE, round(side / _STRIDE) * _STRIDE), _LARGEST_SIDE)}",
                    )
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"--batch-size: {self.batch_size} is less than 1")
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]+)?", self.device):
            raise UsageError(f"--device: {self.device!r} is none of auto, cpu, cuda, cuda:<number>, mps")


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One run: an input, its outputs and how they are made.

    Raises:
        UsageError: if there is no output, or one path is named twice.
    """

    source: Path
    outputs: tuple[OutputSpec, ...]
    backend: BackendSpec = field(default_factory=BackendSpec)
    with_sound: bool = True
    overwrite: bool = False
    start_s: Fraction = Fraction(0)
    """Where to begin, in seconds after the input's beginning."""
    duration_s: Fraction | None = None
    """How much to take, in seconds; ``None``: to the end."""
    frame_rate: Fraction | None = None
    """Frames a second of an image sequence; ``None``: 25."""
    video_track: int | None = None
    """Number of the video track to take, from 1; ``None``: the default one."""
    input_alpha: InputAlpha = "multiply"
    matte: MatteSpec = MatteSpec()
    colour: ColourSpec = ColourSpec()
    limits: Limits = DEFAULT_LIMITS
    full_verification: bool = False
    """Decode every output from end to end before it gets its name."""
    compose_on: ComposeOn = "auto"
    decode_on: DecodeOn = "cpu"

    def __post_init__(self) -> None:
        if self.start_s < 0:
            raise UsageError(f"-ss: {float(self.start_s):g} lies before the beginning")
        if self.duration_s is not None and self.duration_s <= 0:
            raise UsageError(f"-t: {float(self.duration_s):g} is no length of time")
        if self.video_track is not None and self.video_track < 1:
            raise UsageError(f"--video-track: {self.video_track} is less than 1")
        check_choice("--input-alpha", self.input_alpha, get_args(InputAlpha))
        check_choice("--compose-on", self.compose_on, get_args(ComposeOn))
        check_choice("--decode-on", self.decode_on, get_args(DecodeOn))
        if self.frame_rate is not None and not 0 < self.frame_rate <= _HIGHEST_RATE:
            raise UsageError(f"--frame-rate: {float(self.frame_rate):g} is not between 0 and {_HIGHEST_RATE}")
        if self.limits.pixels < 1 or self.limits.seconds <= 0:
            raise UsageError("--max-pixels and --max-duration must be above 0")
        if not self.outputs:
            raise UsageError("no output is named", hint="for example --alpha out.mov")
        paths = [output.path.resolve() for output in self.outputs]
        doubles = {str(path) for path in paths if paths.count(path) > 1}
        if doubles:
            raise UsageError(f"{', '.join(sorted(doubles))}: named for more than one output")


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """What is wanted of a camera; ``None``: what it does by itself."""

    width: int | None = None
    height: int | None = None
    rate: Fraction | None = None
    """Pictures a second."""
    pixel_format: str | None = None
    """Such as ``mjpeg`` or ``yuyv422``."""


@dataclass(frozen=True, slots=True)
class LiveSpec:
    """One live session.

    Raises:
        UsageError: if a value is out of its range.
    """

    source: str | None
    """Camera, file, ``lavfi:`` and a filter, or the address of a stream; ``None``: the first camera."""
    outputs: tuple[OutputSpec, ...] = ()
    """Recordings, or raw RGBA on standard output."""
    virtual_camera: str | None = None
    """Name of a device, or ``auto``: the first one that is free."""
    background: Background = Colour()
    """Of the virtual camera."""
    backend: BackendSpec = field(default_factory=BackendSpec)
    matte: MatteSpec = MatteSpec(smooth="live")
    colour: ColourSpec = ColourSpec()
    camera: CameraSpec = CameraSpec()
    mirror: bool = False
    overwrite: bool = False
    latency_ms: float | None = None
    """The network's input is made smaller, and another network taken, until pictures come out this fast."""
    duration_s: float | None = None
    stream: str | None = None
    """Address that the composite is sent to: ``rtmp://``, ``rtmps://``, ``srt://``, ``udp://`` or ``tcp://``."""
    only_watched: bool = False
    """The camera is used only while a program uses the virtual camera."""

    def __post_init__(self) -> None:
        check_choice("--smooth", self.matte.smooth, ("off", "live"))
        if self.latency_ms is not None and not self.latency_ms > 0:
            raise UsageError(f"--latency: {self.latency_ms:g} is no time")
        if self.duration_s is not None and not self.duration_s > 0:
            raise UsageError(f"-t: {self.duration_s:g} is no length of time")
        if self.only_watched and (self.virtual_camera is None or self.outputs or self.stream is not None):
            raise UsageError("--only-watched: goes with --virtual-camera and no other output")


def parse_batch_size(text: str) -> int | None:
    """A number of frames, or ``auto``: ``None``.

    Raises:
        UsageError: if it is neither.
    """
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--batch-size: {text!r} is neither a number nor auto")
    return int(text)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``N`` or ``WIDTHxHEIGHT`` -> (height, width).

    Raises:
        UsageError: if it is neither.
    """
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise UsageError(f"--size: {text!r} is neither a number nor WIDTHxHEIGHT")
    return int(sides[-1]), int(sides[0])


def parse_time(text: str, option: str) -> Fraction:
    """``90``, ``1.5``, ``2:30`` or ``1:02:30.25`` -> seconds, exactly.

    Args:
        text: what was given.
        option: its name, for the message.

    Raises:
        UsageError: if it is no time.
    """
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", text.strip())
    if match is None:
        raise UsageError(f"{option}: {text!r} is no time", hint="use seconds, MM:SS or HH:MM:SS")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def parse_rate(text: str) -> Fraction:
    """``24``, ``23.976`` or ``30000/1001`` -> frames a second, exactly.

    Raises:
        UsageError: if it is no rate between 0 and 1000.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _HIGHEST_RATE:
        raise UsageError(f"--frame-rate: {text!r} is no rate", hint="for example 24, 23.976 or 30000/1001")
    return exact_rate(rate)


def exact_rate(rate: Fraction) -> Fraction:
    """The rate that is meant: 23.976, 29.97 and their multiples stand for 24000/1001, 30000/1001 and so on."""
    near = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    is_written_short = rate.denominator > 1 and abs(rate - near) < _SHORT_RATE
    return near if is_written_short and near.denominator > 1 else rate.limit_denominator(100_000)
