"""Who renders, where that is more than this process."""

from typing import TYPE_CHECKING, Annotated, Any

from attrs import converters, field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.group import WRITTEN, OptionGroup, option_group
from birefnet_video.options.values import parse_count

if TYPE_CHECKING:
    from attrs import Attribute


@option_group
@frozen(kw_only=True, slots=False)
class WorkersSpec(OptionGroup):
    """Who renders, where that is more than this process."""

    workers: Annotated[int | None, WRITTEN] = field(default=None, converter=converters.optional(parse_count))
    """Processes that render segments side by side. Default: one for each GPU of --device cuda:0,1 or cuda:all."""

    ray: str | None = field(default=None)
    """Have a Ray cluster render the segments: its address, or auto. Files travel where no storage is shared."""

    @workers.validator
    def _check_workers(self, option: "Attribute[Any]", value: int | None) -> None:
        if value is not None and value < 1:
            raise UsageError(f"--workers: {value} is less than 1")
