"""What becomes of mattes and of the subject's colours."""

from typing import Annotated, Any, Literal

from attrs import Attribute, field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.group import Flag, OptionGroup, between, option_group
from birefnet_video.options.guidance import GuidanceSpec, TrackSpec

#: How mattes are made steady over time: ``live`` knows only the past, ``normal`` and ``high`` look ahead.
Smoothing = Literal["off", "live", "normal", "high"]
#: The same where there is no looking ahead.
LiveSmoothing = Literal["off", "live"]
#: How the subject's colour under soft edges is estimated; ``off``: it stays mixed with the background's.
Decontamination = Literal["off", "fast", "best"]
#: The colour of a screen that the subject was filmed before.
Despill = Literal["off", "green", "blue"]
_MOST_OFFSET, _MOST_BLUR = 100, 100


@option_group
@frozen(kw_only=True, slots=False)
class EditSpec(OptionGroup):
    """What becomes of a matte on its way from the network to the outputs, in this order.

    Raises:
        UsageError: if a field is out of its range.
    """

    refine: Annotated[bool, Parameter(negative="--no-refine", show_default=False)] = field(default=True)
    """Enlarge mattes along the picture's edges, and not linearly."""
    threshold: float | None = field(default=None, validator=between(0, 1, open_ended=True))
    """Make mattes hard: all subject from this alpha on, such as 0.5."""
    mask_offset: int = field(default=0)
    """Grow the subject by so many pixels, or shrink it if negative."""
    mask_blur: float = field(default=0.0, validator=between(0, _MOST_BLUR))
    """Blur mattes by so many pixels (standard deviation)."""
    invert: Flag = field(default=False)
    """Keep the background and remove the subject."""

    @mask_offset.validator
    def _check_offset(self, option: "Attribute[int]", value: Any) -> None:
        if not isinstance(value, int) or abs(value) > _MOST_OFFSET:
            raise UsageError(f"--mask-offset: {value} is no whole number between -{_MOST_OFFSET} and {_MOST_OFFSET}")


@option_group
@frozen(kw_only=True, slots=False)
class SmoothSpec(OptionGroup):
    """What the mattes of a video have and those of pictures have not."""

    smooth: Smoothing = field(default="normal")
    """Make mattes steady along the motion: normal and high look ahead, live knows only the past, off leaves them."""


@option_group
@frozen(kw_only=True, slots=False)
class PictureMatteSpec(EditSpec, GuidanceSpec):
    """The mattes of pictures: of whom they are, then as of :class:`EditSpec`."""


@option_group
@frozen(kw_only=True, slots=False)
class MatteSpec(SmoothSpec, EditSpec, TrackSpec):
    """The mattes of a video: of whom they are, then made steady, then as of :class:`EditSpec`."""


@option_group
@frozen(kw_only=True, slots=False)
class LiveMatteSpec(EditSpec, GuidanceSpec):
    """The same of mattes whose future is not known: of whom, then made steady, then as of :class:`EditSpec`."""

    smooth: LiveSmoothing = field(default="live")
    """Make mattes steady along the motion, or leave them."""


@option_group
@frozen(kw_only=True, slots=False)
class ColourSpec(OptionGroup):
    """What becomes of the subject's colours in outputs that show it.

    Raises:
        UsageError: if a field is none of its choices.
    """

    decontaminate: Decontamination = field(default="fast")
    """Free soft edges from the old background's colour: fast, best (PyMatting, slow), or off."""
    despill: Despill = field(default="off")
    """Take the light of a green or blue screen out of the subject."""
