"""A text without what tells who wrote it: for reports that others read."""

import getpass
import re
import socket
from pathlib import Path

#: Where paths say nothing of a person.
_PUBLIC = ("/usr", "/opt", "/bin", "/lib", "/etc", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp")
#: Names that many machines share.
_COMMON = ("root", "user", "localhost")
_PATH = re.compile(r"(?<![\w:/~.>-])(?:[A-Za-z]:\\|/)[^\s'\",;()]*")
_MEDIA = re.compile(r"[^\s'\"/]+\.(?:mov|mp4|mkv|webm|avi|png|jpe?g|exr|tiff?|apng|gif|m4v|mxf)\b", re.IGNORECASE)


def redacted(text: str, *, home: Path | None = None, user: str | None = None, host: str | None = None) -> str:
    """A text whose home folder is ``~``, without names of user and host, files of media and paths of one's own.

    Args:
        text: to be shown.
        home: ``None``: this user's.
        user: ``None``: this one.
        host: ``None``: this one.
    """
    home_text = str(home if home is not None else _home())
    if len(home_text) > 1:
        text = re.sub(re.escape(home_text) + r"(?![\w.-])", "~", text)
    for name, stand_in in (
        (user if user is not None else _user(), "USER"),
        (host if host is not None else _host(), "HOST"),
    ):
        for part in dict.fromkeys((name, name.partition(".")[0])):
            if part and part.lower() not in _COMMON:
                text = re.sub(rf"(?<![\w]){re.escape(part)}(?![\w])", f"<{stand_in}>", text, flags=re.IGNORECASE)
    text = _PATH.sub(lambda found: found[0] if _is_public(found[0]) else "<PATH>", text)
    return _MEDIA.sub("<FILE>", text)


def _is_public(path: str) -> bool:
    return path == "/" or any(path == place or path.startswith(f"{place}/") for place in _PUBLIC)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _host() -> str:
    try:
        return socket.gethostname()
    except OSError:
        return ""
