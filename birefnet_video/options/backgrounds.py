"""What lies behind the subject, as data."""

import re
from dataclasses import dataclass
from pathlib import Path

from birefnet_video.defaults import BLUR_RADIUS, GREEN_RGB
from birefnet_video.errors import UsageError
from birefnet_video.words import meant

#: Colours that have a name; "green" is the one that keyers expect.
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": GREEN_RGB,
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
}
#: Extensions of pictures that are read.
PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff"),
        *(".bmp", ".dib", ".dpx", ".exr", ".heic", ".heif", ".hif", ".avif"),
    )
)


@dataclass(frozen=True, slots=True)
class SolidColour:
    """A background of one sRGB colour."""

    rgb: tuple[int, int, int] = GREEN_RGB

    def __str__(self) -> str:
        return "#" + "".join(f"{part:02x}" for part in self.rgb)


@dataclass(frozen=True, slots=True)
class Blur:
    """The original picture, blurred, as background."""

    radius: int = BLUR_RADIUS
    """In pixels of a picture of 1080 lines."""

    def __str__(self) -> str:
        return f"blur:{self.radius}"


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as background, enlarged or cropped to fill the frame."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video as background, begun anew when it ends; fills the frame."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Background = SolidColour | Blur | PictureFile | VideoFile


def parse_background(value: str | Background) -> Background:
    """``green``, ``#rrggbb``, ``blur``, ``blur:40``, or the path of a picture or video.

    Raises:
        UsageError: if it is none of these.
    """
    if not isinstance(value, str):
        return value
    if value.lower() in COLOURS:
        return SolidColour(COLOURS[value.lower()])
    if re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return SolidColour((int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)))
    if re.fullmatch(r"blur(:[1-9][0-9]{0,3})?", value):
        return Blur(int(value[5:]) if ":" in value else BLUR_RADIUS)
    path = Path(value)
    if not path.suffix:
        names = [*COLOURS, "blur"]
        raise UsageError(
            f"--background: {value!r} is no background",
            hint=f"{meant(value, names)}use {', '.join(COLOURS)}, #rrggbb, blur[:RADIUS], or a picture or video file",
        )
    return PictureFile(path) if path.suffix.lower() in PICTURE_SUFFIXES else VideoFile(path)
