"""What can be written as which picture, by the extension of its name."""

from collections.abc import Mapping
from pathlib import Path

from birefnet_video.errors import OutputRefused
from birefnet_video.options.input import is_pattern
from birefnet_video.options.outputs import OutputKind

#: Extensions by the names of formats.
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "jpg": (".jpg", ".jpeg"),
    "exr": (".exr",),
}
#: Formats that hold several pages.
WITH_PAGES = ("tiff",)
_OPAQUE = ("jpg",)


def format_of(kind: OutputKind, path: Path) -> str:
    """The format of an output, by its name.

    Raises:
        OutputRefused: if it is none, or cannot hold what is asked for.
    """
    if is_pattern(path):
        raise OutputRefused(f"{path}: numbers the pictures of a sequence; INPUT is one picture", hint="leave the % out")
    found = next((name for name, suffixes in SUFFIXES.items() if path.suffix.lower() in suffixes), None)
    if found is None or (kind == "alpha" and found in _OPAQUE):
        fitting = [suffixes[0] for name, suffixes in SUFFIXES.items() if kind != "alpha" or name not in _OPAQUE]
        why = "has no alpha" if found else "is no name of a picture"
        others = "; --composite writes .jpg" if found else ""
        raise OutputRefused(
            f"{path}: {path.suffix if found else path.name} {why}", hint=f"use {', '.join(fitting)}{others}"
        )
    return found
