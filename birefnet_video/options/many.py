"""What is asked for of many inputs at once."""

from pathlib import Path

from attrs import converters, field, frozen

from birefnet_video.options.group import OnceFlag, OptionGroup, option_group


@option_group
@frozen(kw_only=True, slots=False)
class ManySpec(OptionGroup):
    """Which inputs are taken, where their outputs go, and when."""

    out_dir: Path | None = field(default=None, converter=converters.optional(Path))
    """Folder in which names of outputs begin, made if need be. Without outputs: {stem}.alpha.mov of each input."""
    recursive: OnceFlag = field(default=False)
    """Take the videos of folders in folders, too; below --out-dir their folders are made again."""
    skip_existing: OnceFlag = field(default=False)
    """Make only outputs that are not there yet, whatever -y says."""
    queue: OnceFlag = field(default=False)
    """Put them into the queue and return at once; birefnet-video jobs lists it, birefnet-video tui shows it."""

    @property
    def is_asked(self) -> bool:
        """Whether anything of it is asked for."""
        return self != type(self)()
