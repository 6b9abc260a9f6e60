"""What is made of still pictures."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import converters, field, frozen
from cyclopts import Parameter

from birefnet_video.defaults import MAX_MEMORY
from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import PICTURE_SUFFIXES, Background, SolidColour
from birefnet_video.options.configuration import ConfigSpec
from birefnet_video.options.group import WRITTEN, Flag, option_group
from birefnet_video.options.input import PictureLimitsSpec
from birefnet_video.options.matte import ColourSpec, PictureMatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import STDOUT, BackgroundSpec, OutputKind, OutputSpec, OverwriteSpec, PictureKind
from birefnet_video.options.run import JsonSpec, QuietSpec
from birefnet_video.options.values import parse_bytes

PictureFormat = Literal["png", "webp", "tiff", "jpg", "exr"]


@frozen
class Margin:
    """What is left around a subject."""

    amount: float
    is_share: bool = False
    """Of the subject's longer side, in per cent; otherwise pixels."""

    def pixels(self, side: int) -> int:
        """Pixels around a subject whose longer side has so many."""
        return round(self.amount * side / 100 if self.is_share else self.amount)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.is_share else ''}"


def parse_margin(value: "str | int | Margin") -> Margin:
    """``20``, ``5%`` or a number -> a margin.

    Raises:
        UsageError: if it is none.
    """
    if isinstance(value, Margin):
        return value
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)\s*%", str(value).strip())
    if match is None:
        raise UsageError(f"--trim: {value!r} is no margin", hint="for example 0, 20 (pixels) or 5% (of the subject)")
    return Margin(float(match[1] or match[2]), match[1] is None)


@option_group
@frozen(kw_only=True, slots=False)
class PictureFilesSpec(BackgroundSpec, OverwriteSpec):
    """The files that are made of pictures.

    Raises:
        UsageError: if options say different things.
    """

    alpha: Annotated[Path | None, Parameter(name=["--alpha", "-o"])] = field(
        default=None, converter=converters.optional(Path)
    )
    """Of one INPUT: write it with alpha, straight but in .exr: .png, .webp, .tif, .exr, or - (standard output)."""
    mask: Path | None = field(default=None, converter=converters.optional(Path))
    """Of one INPUT: write the matte, grey: .png, .webp, .tif, .jpg, .exr."""
    green: Path | None = field(default=None, converter=converters.optional(Path))
    """Of one INPUT: write the subject over green, in the same formats."""
    composite: Path | None = field(default=None, converter=converters.optional(Path))
    """Of one INPUT: write the subject over --background, in the same formats."""
    foreground: Path | None = field(default=None, converter=converters.optional(Path))
    """Of one INPUT: write the subject's own colour, also under soft edges and beyond; opaque, in the same formats."""
    out_dir: Path | None = field(default=None, converter=converters.optional(Path))
    """Folder for results, in folders like those of INPUT. Default: beside each INPUT, as NAME.alpha.png."""
    kind: PictureKind = field(default="alpha")
    """What is made of each INPUT where no output is named."""
    format: PictureFormat = field(default="png")
    """Of outputs that are not named, and of standard output; jpg has no alpha."""
    trim: Annotated[Margin | None, WRITTEN] = field(default=None, converter=converters.optional(parse_margin))
    """Crop to the subject with a margin: pixels, such as 0 or 20, or 5% of the subject's longer side."""
    skip_existing: Flag = field(default=False)
    """Leave out pictures whose outputs are there."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.out_dir is not None and self.named:
            raise UsageError("--out-dir: goes with --kind and --format, not with outputs that are named")
        if self.named and self.kind != "alpha":
            raise UsageError("--kind: is for outputs without a name", hint=f"--{self.kind} FILE names one")
        if self.named and self.format != "png" and all(output.path != STDOUT for output in self.named):
            raise UsageError("--format: follows from the names of outputs")
        if self.background is not None and self.composite is None and self.kind != "composite":
            raise UsageError("--background needs --composite FILE or --kind composite")

    @property
    def named(self) -> tuple[OutputSpec, ...]:
        """The outputs that are named."""
        behind: Background = self.background or SolidColour()
        paths: tuple[tuple[OutputKind, Path | None, Background], ...] = (
            ("alpha", self.alpha, SolidColour()),
            ("mask", self.mask, SolidColour()),
            ("composite", self.green, SolidColour()),
            ("composite", self.composite, behind),
            ("foreground", self.foreground, SolidColour()),
        )
        return tuple(OutputSpec(kind, path, background) for kind, path, background in paths if path is not None)


@option_group
@frozen(kw_only=True, slots=False)
class PictureRunSpec(ConfigSpec, JsonSpec, QuietSpec):
    """How pictures are worked through."""

    max_memory: Annotated[int, WRITTEN] = field(default=MAX_MEMORY, converter=parse_bytes)
    """For a picture above 67 million pixels: take no more main memory than this, such as 8G. Default: 4G."""


@frozen(kw_only=True, slots=False)
class PicturesRequest:
    """Pictures to work through, and how."""

    sources: tuple[Path, ...] = field()
    files: PictureFilesSpec = field(default=PictureFilesSpec())
    read: PictureLimitsSpec = field(default=PictureLimitsSpec())
    backend: BackendSpec = field(default=BackendSpec())
    matte: PictureMatteSpec = field(default=PictureMatteSpec())
    colour: ColourSpec = field(default=ColourSpec())
    run: PictureRunSpec = field(default=PictureRunSpec())

    @sources.validator
    def _check_sources(self, option: Any, value: tuple[Path, ...]) -> None:
        if not value:
            raise UsageError("INPUT is missing", hint="birefnet-video image photo.jpg; a folder or many files, too")


def is_still(path: Path) -> bool:
    """Whether an input's name is that of a single picture, and stands for no other ones."""
    is_plain = path.exists() or not re.search(r"[%*?\[]|##", path.name)
    return is_plain and path.suffix.lower() in PICTURE_SUFFIXES
