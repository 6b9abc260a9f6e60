"""How a command is run and watched: the command line's own options."""

from typing import Annotated, Literal

from attrs import field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import Flag, OnceFlag, OptionGroup, option_group
from birefnet_video.options.looking import LookSpec

ProgressStyle = Literal["auto", "rich", "plain", "json", "none"]


@option_group
@frozen(kw_only=True, slots=False)
class JsonSpec(OptionGroup):
    """In which words it answers."""

    json_lines: Annotated[OnceFlag, Parameter(name="--json")] = field(default=False)
    """JSON on stdout in place of text, an object a line; the last one is the result."""


@option_group
@frozen(kw_only=True, slots=False)
class QuietSpec(OptionGroup):
    """How much it says."""

    quiet: Annotated[Flag, Parameter(name=["--quiet", "-q"])] = field(default=False)
    """Say nothing but warnings and errors."""


@option_group
@frozen(kw_only=True, slots=False)
class WatchSpec(ConfigSpec, JsonSpec):
    """Who watches it."""

    tui: OnceFlag = field(default=False)
    """Watch and steer it in a terminal interface. A closed terminal leaves it running."""


@option_group
@frozen(kw_only=True, slots=False)
class RunSpec(LookSpec, WatchSpec, QuietSpec):
    """How a render is run and watched."""

    progress: ProgressStyle = field(default="auto")
    """How progress is shown."""
    verbose: Annotated[Flag, Parameter(name=["--verbose", "-v"])] = field(default=False)
    """Show where an unexpected error came from."""
    detach: OnceFlag = field(default=False)
    """Render in a process apart and return at once; birefnet-video attach shows it."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if (self.tui or self.detach) and (self.look is not None or self.estimate):
            raise UsageError("--look and --estimate are done here and at once", hint="leave --tui and --detach out")

    @property
    def style(self) -> ProgressStyle:
        """How progress is shown, ``--json`` counted in."""
        return "json" if self.json_lines else self.progress
