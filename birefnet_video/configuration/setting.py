"""One value that a user has written down, and where."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from birefnet_video.configuration.toml_file import TomlFile
from birefnet_video.errors import UsageError
from birefnet_video.folders import expanded
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.options.group import Option

#: Of the names of variables.
PREFIX = "BIREFNET_VIDEO_"
#: What variables of the environment say for yes and no.
_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
#: TOML's own numbers have 64 bits.
_LARGEST = 2**63
_MODEL_SUFFIXES = (".safetensors", ".pth")


@frozen(kw_only=True)
class Setting:
    """A key and its value."""

    keys: tuple[str, ...]
    """The names of its tables and its own, as they are written; of a variable, its name."""
    value: Any
    """As TOML gives it; text of a variable."""
    command: str | None = None
    """Whose table it stands in; ``None``: it is for all commands that have such an option."""
    profile: str | None = None
    """That it is part of."""
    file: TomlFile | None = None
    """``None``: it is a variable of the environment."""

    @property
    def key(self) -> str:
        """Its own name, in the words of Python."""
        name = self.keys[-1] if self.file is not None else self.keys[-1].removeprefix(PREFIX).lower()
        return name.replace("-", "_")

    @property
    def place(self) -> str:
        """Where it stands, in front of what is wrong with it."""
        return f"{self.file.at(self.keys)}: {self.keys[-1]}" if self.file is not None else self.keys[-1]

    @property
    def origin(self) -> str:
        """Where it stands, beside its value."""
        if self.file is None:
            return self.keys[-1]
        at = self.file.at(self.keys)
        return f"profile {self.profile} ({at})" if self.profile is not None else at

    def for_option(self, option: Option) -> str | bool:
        """The value as it would be typed, or whether a flag is given.

        Raises:
            UsageError: if it is of another type or out of the option's range; says where it stands.
        """
        typed = self._typed(option)
        try:
            option.alone(typed)
        except UsageError as error:
            flag, _, reason = error.message.partition(": ")
            raise UsageError(
                f"{self.place}: {reason if flag in option.flags else error.message}", hint=error.hint
            ) from None
        return typed

    def fits(self, option: Option) -> bool:
        """Whether it is a value of an option."""
        try:
            self.for_option(option)
        except UsageError:
            return False
        return True

    def _typed(self, option: Option) -> str | bool:
        value = self.value
        if self.file is None:
            return self._flag(str(value)) if bool in option.kinds else str(value)
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise UsageError(f"{self.place}: is a number of more digits than any option takes")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if bool in option.kinds:
            fits, wanted = isinstance(value, bool), "true or false"
        elif option.is_written:
            fits, wanted = isinstance(value, str) or is_number, "a text in quotes or a number"
        elif float in option.kinds:
            fits, wanted = is_number, "a number"
        elif int in option.kinds:
            fits, wanted = is_number and isinstance(value, int), "a whole number"
        else:
            fits, wanted = isinstance(value, str), "a text in quotes"
        if not fits:
            raise UsageError(f"{self.place}: {_shown(value)} is not {wanted}")
        if isinstance(value, bool) or not _is_path(option, str(value)):
            return value if isinstance(value, bool) else str(value)
        # It lies beside the file, wherever the program is started.
        return str(self.file.path.parent.absolute() / expanded(Path(value), self.place))

    def _flag(self, text: str) -> bool:
        if (found := _WORDS.get(text.strip().lower())) is None:
            raise UsageError(f"{self.place}: {text!r} is neither yes nor no", hint=f"use {', '.join(_WORDS)}")
        return found


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)


def _is_path(option: Option, text: str) -> bool:
    """Whether a text is a path of a file, and no other word."""
    if option.name == "background":
        return isinstance(_background(option, text), PictureFile | VideoFile)
    if option.name == "model":
        return text.endswith(_MODEL_SUFFIXES) or "/" in text
    return Path in option.kinds and bool(text)


def _background(option: Option, text: str) -> Any:
    try:
        return option.alone(text)
    except UsageError:
        # Said when the value is checked.
        return None
