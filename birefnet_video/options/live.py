"""One live session."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from attrs import Attribute, converters, field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import Background, Blur
from birefnet_video.options.group import WRITTEN, Flag, OptionGroup, option_group
from birefnet_video.options.input import DurationSpec
from birefnet_video.options.matte import ColourSpec, LiveMatteSpec
from birefnet_video.options.network import NetworkSpec
from birefnet_video.options.outputs import SUBJECT_FIELD, AlphaSpec, BackgroundSpec, OutputSpec, OverwriteSpec
from birefnet_video.options.values import parse_rate, parse_size


def _camera_size(value: str | tuple[int, int]) -> tuple[int, int]:
    if isinstance(value, str) and "x" not in value.lower():
        raise UsageError(f"--camera-size: {value!r} is not WIDTHxHEIGHT")
    return parse_size(value, "--camera-size")


def _camera_rate(value: str | float | Fraction) -> Fraction:
    return parse_rate(value, "--rate")


@option_group
@frozen(kw_only=True, slots=False)
class CameraSpec(OptionGroup):
    """What is wanted of a camera; ``None``: what it does by itself."""

    camera_size: Annotated[tuple[int, int] | None, WRITTEN] = field(
        default=None, converter=converters.optional(_camera_size)
    )
    """Of the camera's pictures, WIDTHxHEIGHT."""
    rate: Annotated[Fraction | None, WRITTEN] = field(default=None, converter=converters.optional(_camera_rate))
    """Of the camera, pictures a second."""
    camera_format: str | None = field(default=None)
    """Of the camera, such as mjpeg or yuyv422."""
    mirror: Flag = field(default=False)
    """Show left as right."""


@option_group
@frozen(kw_only=True, slots=False)
class ShownSpec(BackgroundSpec):
    """Where pictures are shown while they are made."""

    virtual_camera: str | None = field(default=None)
    """Be a camera for other programs: auto, or the name of a device (extra: webcam; see docs/webcam.md)."""
    only_watched: Flag = field(default=False)
    """Use the camera only while a program uses the virtual camera (Linux)."""
    stream: str | None = field(default=None)
    """Send the subject over the background to rtmp://, srt://, udp:// or tcp://."""

    @property
    def is_somewhere(self) -> bool:
        """Whether anybody else sees them."""
        return self.virtual_camera is not None or self.stream is not None

    @property
    def behind(self) -> Background:
        """The background, the usual one if none is named."""
        return self.background if self.background is not None else Blur()


@option_group
@frozen(kw_only=True, slots=False)
class LiveOutputsSpec(OverwriteSpec, AlphaSpec, ShownSpec):
    """Where pictures are shown and recorded."""

    record: Path | None = field(default=None, converter=converters.optional(Path))
    """Record the subject over the background: .mp4, .mov, .mkv, .webm."""

    @property
    def files(self) -> tuple[OutputSpec, ...]:
        """Recordings, or raw RGBA on standard output."""
        record = [OutputSpec("composite", self.record, self.behind)] if self.record is not None else []
        alpha = [OutputSpec("alpha", self.alpha)] if self.alpha is not None else []
        return (*record, *alpha)


@option_group
@frozen(kw_only=True, slots=False)
class PaceSpec(DurationSpec):
    """How fast it is to be, and how long."""

    latency: float | None = field(default=None)
    """Milliseconds: make the network's input smaller, then take tiny, until pictures come out this fast."""

    @latency.validator
    def _check_latency(self, option: "Attribute[Any]", value: float | None) -> None:
        if value is not None and not value > 0:
            raise UsageError(f"--latency: {value:g} is no time")


@option_group
@frozen(kw_only=True, slots=False)
class LiveLookSpec(ColourSpec, LiveMatteSpec):
    """What becomes of mattes and colours."""


@option_group
@frozen(slots=False)
class LiveSpec(OptionGroup):
    """One live session.

    Raises:
        UsageError: if a value is out of its range.
    """

    source: str | None = field()
    """Camera, file, ``lavfi:`` and a filter, or the address of a stream; ``None``: the first camera."""
    outputs: tuple[OutputSpec, ...] = field(default=())
    """Recordings, or raw RGBA on standard output."""
    shown: ShownSpec = field(default=ShownSpec(), kw_only=True)
    camera: CameraSpec = field(default=CameraSpec(), kw_only=True)
    pace: PaceSpec = field(default=PaceSpec(), kw_only=True)
    backend: NetworkSpec = field(default=NetworkSpec(), kw_only=True)
    matte: LiveMatteSpec = field(default=LiveMatteSpec(), kw_only=True)
    colour: ColourSpec = field(default=ColourSpec(), kw_only=True)
    writing: OverwriteSpec = field(default=OverwriteSpec(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        shown = self.shown
        if shown.only_watched and (shown.virtual_camera is None or self.outputs or shown.stream is not None):
            raise UsageError("--only-watched: goes with --virtual-camera and no other output")
        for output in self.outputs:
            if SUBJECT_FIELD in str(output.path):
                hint = (
                    "a live session makes one matte of everybody who is named; for one each record it, then render that"
                )
                raise UsageError(f"{output.path}: {SUBJECT_FIELD} is for renders", hint=hint)
