"""Findings without what tells who wrote them: for reports that others read. Too much is left out before too little."""

import getpass
import os
import re
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from birefnet_video.doctor.finding import Section
from birefnet_video.errors import BirefnetVideoError
from birefnet_video.folders import cache_folder, config_folder, data_folder, state_folder

#: Names that many machines share.
_COMMON = ("root", "user", "localhost")
#: What ends a path. A blank does not: folders have them in their names.
_END = r"""(?:(?! -> )[^\n'"`,;:()])*"""
_FOLDERS = r"usr/(?:bin|lib|lib64|share)|bin|lib|lib64|etc|proc|sys|dev(?!/shm)"
#: Where paths and addresses say nothing of a person.
_PUBLIC = re.compile(
    rf"(?:https?://(?:[\w-]+\.)*(?:pytorch\.org|nvidia\.com|github\.com|huggingface\.co|pypi\.org)(?![\w.:@-])[^\s'\",;()]*)"
    rf"|(?<![\w/~.>:-])/(?:{_FOLDERS})(?![\w.-])[^\s'\",;:()]*",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`;()]*")
_MEDIA = re.compile(
    r"[^\n'\"`,;:()/\\]*\.(?:mov|mp4|mkv|webm|avi|png|jpe?g|exr|tiff?|apng|gif|webp|m4v|mxf|wav|mp3"
    r"|pth?|ckpt|safetensors|onnx|engine|toml|json|txt|log)\b",
    re.IGNORECASE,
)
_PATH = re.compile(
    # From a drive, a server, a home, from here, from the root. Of what lies here, a blank in its first folder cannot
    # be told from one before it.
    rf"(?<![A-Za-z0-9])[A-Za-z]:[\\/]{_END}"
    rf"|\\\\(?=\S){_END}"
    rf"|(?<![\w<])~(?=[\w/\\]){_END}"
    r"|(?<![\w<])[\w.-]*[A-Za-z.][\w.-]*[\\/](?=[\w.])[^\s'\"`,;:()]*"
    rf"|(?<![\w/])/(?=[^\s/]){_END}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Private:
    """What is known of who writes."""

    home: str = ""
    user: str = ""
    host: str = ""
    folders: tuple[str, ...] = ()
    """That must not be named, whatever letters are in them."""
    models: tuple[str, ...] = ()
    """Names that were given to networks."""


def private_here(environment: Mapping[str, str] = os.environ) -> Private:
    """What is known of this user and this machine."""
    return Private(
        home=_home(),
        user=_user(),
        host=_host(),
        folders=tuple(dict.fromkeys(each for each in _folders(environment) if len(each) > 1)),
        models=_own_models(),
    )


def redacted_sections(sections: Sequence[Section], private: Private) -> list[Section]:
    """Findings each of whose texts is redacted by itself, before it stands beside others."""
    return [
        replace(
            section,
            findings=tuple(
                replace(
                    each,
                    title=redacted(each.title, private),
                    text=redacted(each.text, private),
                    todo=redacted(each.todo, private),
                )
                for each in section.findings
            ),
        )
        for section in sections
    ]


def redacted(text: str, private: Private) -> str:
    """A text without names of user, host and networks of one's own, files, and folders of one's own.

    Args:
        text: to be shown.
        private: what is known.
    """
    kept: list[str] = []

    def keep(found: str) -> str:
        kept.append(found)
        return f"\0{len(kept) - 1}\0"

    # Known folders go first: what stands around them is not part of them, and what they hold is not looked at.
    for folder in sorted({*private.folders, private.home}, key=len, reverse=True):
        if len(folder) > 1 and not _is_public(folder):
            stand_in = "~" if folder == private.home else "<FOLDER>"
            found = re.compile(rf"{re.escape(folder)}(?![\w.-])(?P<rest>[\\/]{_END})?")
            text = found.sub(lambda each, name=stand_in: keep("<PATH>" if each["rest"] else name), text)  # type: ignore[misc]
    for number, model in enumerate(private.models, 1):
        text = _word(model).sub(lambda _, name=f"your own {number}": keep(name), text)  # type: ignore[misc]
    text = _PUBLIC.sub(lambda found: keep(_without_names(found[0], private)), text)
    text = _ADDRESS.sub(lambda _: keep("<ADDRESS>"), text)
    text = _PATH.sub(lambda _: keep("<PATH>"), text)
    text = _MEDIA.sub(lambda _: keep("<FILE>"), text)
    text = _without_names(text, private)
    # What is kept can hold what was kept before.
    while "\0" in text:
        text = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)
    return text


def _without_names(text: str, private: Private) -> str:
    for name, stand_in in ((private.user, "<USER>"), (private.host, "<HOST>")):
        for part in dict.fromkeys((name, name.partition(".")[0])):
            if part and part.lower() not in _COMMON:
                text = _word(part).sub(stand_in, text)
    return text


def _word(name: str) -> "re.Pattern[str]":
    """A name between signs that are neither letters nor digits: also in anna_lee."""
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)


def _is_public(folder: str) -> bool:
    return re.fullmatch(rf"/(?:{_FOLDERS})(?:/.*)?", folder) is not None


def _folders(environment: Mapping[str, str]) -> Iterable[str]:
    """Where this program keeps things, and whatever folder variables name."""
    for find in (cache_folder, state_folder, config_folder, data_folder, Path.cwd):
        try:
            yield str(find())
        except (BirefnetVideoError, OSError):
            continue
    yield tempfile.gettempdir()
    for value in environment.values():
        # A list of folders, and one that has the sign of lists in its name.
        yield from (each.rstrip("/\\") for each in (value, *value.split(os.pathsep)) if Path(each).is_absolute())


def _own_models() -> tuple[str, ...]:
    from birefnet_video.zoo.known import own_names

    return own_names()


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


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
