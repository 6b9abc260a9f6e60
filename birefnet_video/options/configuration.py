"""Which configuration a command takes its settings from."""

from pathlib import Path
from typing import Self

from attrs import converters, evolve, field, frozen

from birefnet_video.options.group import OnceFlag, OptionGroup, option_group


@option_group
@frozen(kw_only=True, slots=False)
class ConfigSpec(OptionGroup):
    """Where options have their values from that the command line does not name."""

    config: Path | None = field(default=None, converter=converters.optional(Path))
    """Take settings from this TOML file, and not from the user's config.toml."""
    profile: str | None = field(default=None)
    """Take the settings below [profiles.NAME] of the file, too."""
    no_config: OnceFlag = field(default=False)
    """Take no settings from files and variables."""

    @property
    def settled(self) -> Self:
        """The same when the file has been read: its values stand in the options."""
        return evolve(self, config=None, profile=None)
