"""Options as a TOML file has them, and the file that a user begins with."""

import json
from collections.abc import Iterable
from typing import Any

from birefnet_video.options.group import Option, text_of

_HEAD = """\
# Settings of birefnet-video: docs/configuration.md tells more. Take away the # of what you want,
# and say a value where there is none. What stands here holds for every command that has such an option. Variables
# of the environment, such as BIREFNET_VIDEO_MODEL, win over it, and the command line wins over both.
"""
_TAIL = """
# For one command alone:
#[webcam]
#mirror = true

# Under a name: birefnet-video in.mp4 --profile final
#[profiles.final]
#quality = "best"
"""


def template(options: Iterable[Option]) -> str:
    """A file in which everything is named and nothing is set.

    Args:
        options: that it names.
    """
    entries = (f"\n# {option.help}\n#{in_toml(option, option.default)}\n" for option in options)
    return _HEAD + "".join(entries) + _TAIL


def plain(option: Option, value: Any) -> bool | int | float | str | None:
    """A value as TOML and JSON can have it.

    Args:
        option: that has it.
        value: as it is typed, or as its group has it.
    """
    meant = option.alone(value) if isinstance(value, str) else value
    return meant if meant is None or isinstance(meant, int | float) else text_of(meant)


def in_toml(option: Option, value: Any) -> str:
    """The line of a file that says so; it lacks a value where there is none."""
    simple = plain(option, value)
    # A text of JSON is one of TOML, but for a sign that no keyboard has.
    text = "" if simple is None else json.dumps(simple, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"{option.name} = {text}".rstrip()
