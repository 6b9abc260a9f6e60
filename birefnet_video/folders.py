"""Where a user's files of this program lie."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from birefnet_video.errors import OutputRefused, UsageError

_NAME = "birefnet-video"


def cache_folder() -> Path:
    """For what can be made again: ``$XDG_CACHE_HOME/birefnet-video``, or what the system has in its place.

    A user without a home folder, as in some containers, has one among the temporary files.
    """
    from platformdirs import user_cache_path

    try:
        return user_cache_path(_NAME, appauthor=False)
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"


def state_folder() -> Path:
    """For records of renders: ``$XDG_STATE_HOME/birefnet-video``, or what the system has in its place.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    from platformdirs import user_state_path

    return _at_home(user_state_path, "records of renders", "XDG_STATE_HOME")


def data_folder() -> Path:
    """For what a user has added: ``$XDG_DATA_HOME/birefnet-video``, or what the system has in its place.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    from platformdirs import user_data_path

    return _at_home(user_data_path, "added models", "XDG_DATA_HOME")


def config_folder() -> Path:
    """For settings: ``$XDG_CONFIG_HOME/birefnet-video``, or what the system has in its place.

    Raises:
        OutputRefused: if the user has no home folder.
    """
    from platformdirs import user_config_path

    return _at_home(user_config_path, "settings", "XDG_CONFIG_HOME")


def expanded(path: Path, place: str) -> Path:
    """A path whose ``~`` is a home folder.

    Args:
        path: that a user has written.
        place: where, in front of what is wrong with it.

    Raises:
        UsageError: if there is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise UsageError(f"{place}: {path}: there is no such home folder", hint="write the path out") from None


def _at_home(find: Callable[[str], Path], what: str, variable: str) -> Path:
    try:
        return find(_NAME)
    except RuntimeError:
        raise OutputRefused(
            f"{what} have no place: this user has no home folder", hint=f"{variable} names one"
        ) from None
