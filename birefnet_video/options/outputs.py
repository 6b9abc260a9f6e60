"""What is written."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import Attribute, converters, field, frozen
from cyclopts import Parameter

from birefnet_video.errors import UsageError
from birefnet_video.options.backgrounds import Background, SolidColour, parse_background
from birefnet_video.options.group import WRITTEN, Flag, OptionGroup, Suggested, option_group
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.palette import PALETTE
from birefnet_video.options.resuming import ResumeSpec
from birefnet_video.options.values import check_choice
from birefnet_video.options.workers import WorkersSpec

OutputKind = Literal["alpha", "mask", "composite", "foreground", "id-mask"]
#: The same of pictures.
PictureKind = Literal["alpha", "mask", "composite", "foreground"]
Quality = Literal["fast", "standard", "best"]
Verification = Literal["quick", "full"]
#: Of all outputs but alpha.
CODECS = ("h264", "hevc", "av1", "vp9", "ffv1", "prores-hq", "png", "exr", "h264_nvenc", "hevc_nvenc", "av1_nvenc")
#: Stands in the name of an output of which every subject has its own.
SUBJECT_FIELD = "{subject}"
#: The path that means standard output.
STDOUT = Path("-")


@option_group
@frozen(slots=False)
class OutputSpec(OptionGroup):
    """One file to write."""

    kind: OutputKind = field()
    path: Path = field(converter=Path)
    background: Background = field(default=SolidColour(), converter=parse_background)
    """Of a ``composite``."""
    codec: str | None = field(default=None, kw_only=True)
    """``None``: the usual one of the extension."""
    quality: Quality = field(default="standard", kw_only=True)
    whose: tuple[str, ...] = field(default=(), kw_only=True)
    """Names of whom alone it shows; none: everybody who is meant."""

    @property
    def lanes(self) -> tuple[str | None, ...]:
        """Whose mattes it is made of; ``None``: everybody's together."""
        return self.whose or (None,)


@option_group
@frozen(kw_only=True, slots=False)
class OverwriteSpec(OptionGroup):
    """What becomes of files that are there."""

    overwrite: Annotated[Flag, Parameter(name=["--overwrite", "-y"])] = field(default=False)
    """Replace outputs that exist."""


@option_group
@frozen(kw_only=True, slots=False)
class WritingSpec(WorkersSpec, ResumeSpec, OverwriteSpec):
    """How files are written."""

    no_audio: Annotated[Flag, Parameter(negative="--audio")] = field(default=False)
    """Leave the sound out."""
    verify: Verification = field(default="quick")
    """Look into every output before it gets its name: quick, or full (decode it from end to end)."""


@option_group
@frozen(kw_only=True, slots=False)
class BackgroundSpec(OptionGroup):
    """What lies behind the subject."""

    background: Annotated[Background | None, Suggested("backgrounds", or_file=True), WRITTEN] = field(
        default=None, converter=converters.optional(parse_background)
    )
    """Colour name, #rrggbb, blur, blur:RADIUS, or a picture or video file. Default: green; of a camera: blur."""


@option_group
@frozen(kw_only=True, slots=False)
class AlphaSpec(OptionGroup):
    """What both a render and a camera write."""

    alpha: Annotated[Path | None, Parameter(name=["--alpha", "-o"])] = field(
        default=None, converter=converters.optional(Path)
    )
    """Alpha, straight but in .exr: .mov (ProRes 4444), .webm (VP9), .mkv (FFV1), .apng, a_%05d.png, - (raw RGBA)."""


@option_group
@frozen(kw_only=True, slots=False)
class SubjectSpec(AlphaSpec):
    """The kinds of outputs, any number in one pass."""

    mask: Path | None = field(default=None, converter=converters.optional(Path))
    """Write the matte: .mkv (FFV1, lossless), .mp4 or .mov (H.264, full range), or pictures."""
    green: Path | None = field(default=None, converter=converters.optional(Path))
    """Write the subject over green: .mp4, .mov or .mkv (H.264), .webm (VP9)."""
    composite: Path | None = field(default=None, converter=converters.optional(Path))
    """Write the subject over --background, in the same formats."""
    foreground: Path | None = field(default=None, converter=converters.optional(Path))
    """Write the subject's own colour, freed from the background's under soft edges; opaque, in the same formats."""
    id_mask: Path | None = field(default=None, converter=converters.optional(Path))
    """Write which subject is where, a colour each: .mkv (FFV1, lossless), PNG pictures, or EXR with a channel each."""


@option_group
@frozen(kw_only=True, slots=False)
class EncodingSpec(OptionGroup):
    """What encodes them."""

    codec: Annotated[str | None, Suggested("codecs")] = field(default=None)
    """Of all outputs but alpha: h264, hevc, av1, vp9, ffv1, prores-hq, or h264_nvenc, hevc_nvenc, av1_nvenc."""
    quality: Quality = field(default="standard")
    """Of all encoders."""

    @codec.validator
    def _check_codec(self, option: "Attribute[Any]", value: str | None) -> None:
        if value is not None:
            check_choice("--codec", value, CODECS)


@option_group
@frozen(kw_only=True, slots=False)
class OutputsSpec(WritingSpec, EncodingSpec, BackgroundSpec, SubjectSpec):
    """The files that a render writes, and how.

    Raises:
        UsageError: if a background or a codec is given to nothing.
    """

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.background is not None and self.composite is None:
            raise UsageError("--background needs --composite FILE")
        others = (self.mask, self.green, self.composite, self.foreground)
        if self.codec is not None and all(path is None for path in others):
            raise UsageError(
                "--codec: the codec of alpha follows from its extension", hint="--quality is for all outputs"
            )

    @property
    def are_named(self) -> bool:
        """Whether there is at least one."""
        named = (self.alpha, self.mask, self.green, self.composite, self.foreground, self.id_mask)
        return any(path is not None for path in named)

    def files(self, source: Path, meant: GuidanceSpec | None = None) -> tuple[OutputSpec, ...]:
        """The outputs that are named, or ``<stem>.alpha.mov`` beside the input.

        Args:
            source: the input.
            meant: says whose outputs there are where ``{subject}`` is in a name.

        Raises:
            UsageError: if it is in one and nobody is meant.
        """
        alpha = self.alpha if self.are_named else _default_output(source)
        named: tuple[tuple[OutputKind, Path | None, Background], ...] = (
            ("alpha", alpha, SolidColour()),
            ("mask", self.mask, SolidColour()),
            ("composite", self.green, SolidColour()),
            ("composite", self.composite, self.background or SolidColour()),
            ("foreground", self.foreground, SolidColour()),
            ("id-mask", self.id_mask, SolidColour()),
        )
        return tuple(
            OutputSpec(
                kind,
                each,
                behind,
                codec=None if kind in ("alpha", "id-mask") else self.codec,
                quality=self.quality,
                whose=names,
            )
            for kind, path, behind in named
            if path is not None
            for names, each in _of_subjects(kind, path, meant)
        )


def _of_subjects(kind: OutputKind, path: Path, meant: GuidanceSpec | None) -> Iterator[tuple[tuple[str, ...], Path]]:
    """A name, or one for each subject."""
    is_for_each, tells_apart = SUBJECT_FIELD in str(path), kind == "id-mask"
    if not is_for_each and not tells_apart:
        yield (), path
        return
    subjects = meant.names if meant is not None else ()
    if not subjects:
        what = "--id-mask" if tells_apart else f"{path}: {SUBJECT_FIELD}"
        raise UsageError(f"{what} needs --subject", hint='for example --subject "anna:point=640,360"')
    if tells_apart:
        if len(subjects) > len(PALETTE) and path.suffix.lower() != ".exr":
            raise UsageError(f"--id-mask: there are {len(PALETTE)} colours, and {len(subjects)} subjects")
        yield subjects, path
        return
    yield from (((name,), Path(str(path).replace(SUBJECT_FIELD, name))) for name in subjects)


def lanes_of(outputs: Iterable[OutputSpec]) -> tuple[str | None, ...]:
    """Whose mattes outputs are made of, each once; see :attr:`OutputSpec.lanes`."""
    return tuple(dict.fromkeys(lane for output in outputs for lane in output.lanes))


def stem_of(source: Path) -> str:
    """An input's name without its extension; a sequence's number is left out."""
    return re.sub(r"[_\-. ]*%(0\d+)?d", "", source.stem) or "sequence"


def _default_output(source: Path) -> Path:
    """``<stem>.alpha.mov`` beside the input."""
    return source.parent / f"{stem_of(source)}.alpha.mov"
