"""One render."""

from pathlib import Path

from attrs import field, frozen

from birefnet_video.errors import UsageError
from birefnet_video.options.group import OptionGroup, option_group
from birefnet_video.options.input import InputSpec
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import OutputSpec, WritingSpec


@option_group
@frozen(slots=False)
class JobSpec(OptionGroup):
    """One run: an input, its outputs and how they are made.

    Raises:
        UsageError: if there is no output, or one path is named twice.
    """

    source: Path = field(converter=Path)
    outputs: tuple[OutputSpec, ...] = field()
    input: InputSpec = field(default=InputSpec(), kw_only=True)
    backend: BackendSpec = field(default=BackendSpec(), kw_only=True)
    matte: MatteSpec = field(default=MatteSpec(), kw_only=True)
    colour: ColourSpec = field(default=ColourSpec(), kw_only=True)
    writing: WritingSpec = field(default=WritingSpec(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.outputs:
            raise UsageError("no output is named", hint="for example --alpha out.mov")
        paths = [output.path.resolve() for output in self.outputs]
        doubles = {str(path) for path in paths if paths.count(path) > 1}
        if doubles:
            raise UsageError(f"{', '.join(sorted(doubles))}: named for more than one output")
