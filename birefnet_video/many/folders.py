"""The videos of a folder: what somebody filmed, and not what earlier renders made of it."""

import os
from collections.abc import Iterator
from pathlib import Path

#: What can be read, by extension; anything else can be named.
VIDEO_SUFFIXES = (
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".mts",
    ".ts",
    ".mxf",
    ".gif",
    ".apng",
)
#: What stands before the extension of a result's usual name, or of one that is not finished.
_MADE = {".alpha", ".mask", ".green", ".composite", ".foreground", ".ids", ".partial"}


def is_source(path: Path) -> bool:
    """Whether a name is a video's, and not that of a result or of a hidden file."""
    is_video = path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    return is_video and Path(path.stem).suffix not in _MADE


def videos_of(folder: Path, *, recursive: bool = False, without: Path | None = None) -> list[Path]:
    """All videos of a folder, in the order of their names.

    Args:
        folder: to look into.
        recursive: look into its folders, too; those that links lead to are left out, they may lead back.
        without: a folder that is not looked into.

    Raises:
        OSError: if the folder cannot be read.
    """
    if not recursive:
        return sorted(path for path in folder.iterdir() if is_source(path) and path.is_file())
    return sorted(_below(folder, without.resolve() if without is not None else None))


def _below(folder: Path, without: Path | None) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for name, folders, files in os.walk(folder, onerror=fail):
        here = Path(name)
        folders[:] = [each for each in folders if not each.startswith(".") and (here / each).resolve() != without]
        yield from (path for each in files if is_source(path := here / each) and path.is_file())
