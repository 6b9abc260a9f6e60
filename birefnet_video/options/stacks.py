"""What is made of stacks: slices that are a volume together."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import Attribute, converters, field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import WRITTEN, OptionGroup, option_group
from birefnet_video.options.input import PixelLimitSpec
from birefnet_video.options.matte import EditSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OverwriteSpec
from birefnet_video.options.run import JsonSpec, QuietSpec

#: Along which axis slices follow each other: of the array, or of the body.
SliceAxis = Literal["x", "y", "z", "axial", "coronal", "sagittal"]
#: How masks are made steady from slice to slice; all slices are known, so there is no ``live``.
SliceSmoothing = Literal["off", "normal", "high"]
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"


@frozen
class Window:
    """Which values become black and white, as the network sees them."""

    kind: Literal["auto", "full", "given"] = "auto"
    """``auto``: as the file says, or by its values; ``full``: from the least value to the largest."""
    centre: float = 0.0
    """Of one that is given, in the volume's own unit."""
    width: float = 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """The values of black and of white, of one that is given."""
        return self.centre - self.width / 2, self.centre + self.width / 2

    def __str__(self) -> str:
        return f"{self.centre:g},{self.width:g}" if self.kind == "given" else self.kind


def parse_window(value: "str | Window") -> Window:
    """``auto``, ``full`` or ``CENTRE,WIDTH`` -> a window.

    Raises:
        UsageError: if it is none.
    """
    if isinstance(value, Window):
        return value
    text = str(value).strip()
    if text == "auto":
        return Window("auto")
    if text == "full":
        return Window("full")
    match = re.fullmatch(rf"({_NUMBER})\s*,\s*({_NUMBER})", text)
    if match is None or float(match[2]) <= 0:
        raise UsageError(
            f"--window: {value!r} is no window", hint="CENTRE,WIDTH with a width above 0, such as 40,400; auto or full"
        )
    return Window("given", float(match[1]), float(match[2]))


@option_group
@frozen(kw_only=True, slots=False)
class StackFilesSpec(OverwriteSpec):
    """What is made of a stack."""

    mask: Annotated[Path | None, Parameter(name=["--mask", "-o"])] = field(
        default=None, converter=converters.optional(Path)
    )
    """Mask in INPUT's own format; of DICOM also .nii.gz. Default: beside INPUT, as NAME.mask."""


@option_group
@frozen(kw_only=True, slots=False)
class StackReadSpec(PixelLimitSpec):
    """What is read of a stack.

    Raises:
        UsageError: if a field is out of its range.
    """

    axis: SliceAxis = field(default="z")
    """Axis along which slices follow each other: of the array, or of the body where the file says how it lies."""
    window: Annotated[Window, WRITTEN, Parameter(allow_leading_hyphen=True)] = field(
        default=Window(), converter=parse_window
    )
    """Values shown to the network: CENTRE,WIDTH, full, or auto: DICOM's own, else without the outer 0.5%."""
    series: str | None = field(default=None, converter=converters.optional(str))
    """Of several DICOM series in a folder: number or UID of the one to take."""
    volume: int | None = field(default=None)
    """Of several volumes in a NIfTI file (4D): number of the one to take, from 1."""

    @volume.validator
    def _check_volume(self, option: "Attribute[Any]", value: int | None) -> None:
        if value is not None and value < 1:
            raise UsageError(f"--volume: {value} is less than 1")


@option_group
@frozen(kw_only=True, slots=False)
class StackMatteSpec(EditSpec):
    """What becomes of masks of slices: made steady along the axis first, then as of :class:`EditSpec`.

    Raises:
        UsageError: if options say different things.
    """

    smooth: SliceSmoothing = field(default="normal")
    """Make masks steady from slice to slice: normal and high look at neighbours on both sides, off leaves them."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.threshold is not None and self.mask_blur:
            raise UsageError("--threshold and --mask-blur: a mask of two labels is not soft", hint="leave one out")


@option_group
@frozen(kw_only=True, slots=False)
class StackRunSpec(ConfigSpec, JsonSpec, QuietSpec):
    """How a stack is worked through."""


@frozen(kw_only=True, slots=False)
class StackRequest(OptionGroup):
    """A stack to work through, and how."""

    source: Path = field(converter=Path)
    files: StackFilesSpec = field(default=StackFilesSpec())
    read: StackReadSpec = field(default=StackReadSpec())
    backend: BackendSpec = field(default=BackendSpec())
    matte: StackMatteSpec = field(default=StackMatteSpec())
    run: StackRunSpec = field(default=StackRunSpec())
