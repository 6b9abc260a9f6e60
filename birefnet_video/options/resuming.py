"""How a render that was cut off is gone on with."""

from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.group import OptionGroup, option_group

if TYPE_CHECKING:
    from attrs import Attribute

Resuming = Literal["auto", "never", "require"]


@option_group
@frozen(kw_only=True, slots=False)
class ResumeSpec(OptionGroup):
    """How a render that was cut off is gone on with."""

    resume: Resuming = field(default="auto")
    """Go on where a render was cut off: auto (keeps what a long one has done), never, or require."""
    segment: float | None = field(default=None)
    """Seconds of video that are kept at a time, for a render that is cut off. Default: 30; less where workers share."""

    @segment.validator
    def _check_segment(self, option: "Attribute[Any]", value: float | None) -> None:
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"--segment: {value:g} is no length in seconds")
