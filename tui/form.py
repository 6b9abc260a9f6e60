"""What a new render is made of, as a form has it: text that becomes a command line, and what is wrong with it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from birefnet_video.tui.dialogs import VIDEO_SUFFIXES

from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.models import MODELS, weights_path
from birefnet_video.spec import BackendSpec, PictureFile, VideoFile, parse_background, parse_size, parse_time


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to write the result."""

    label: str
    option: str
    ending: str
    """Replaces the input's extension."""
    suffixes: tuple[str, ...]
    """Others that the option takes."""


_FILMS = (".mp4", ".mov", ".mkv", ".webm")
KINDS = {
    "alpha": Kind("alpha, ProRes 4444", "--alpha", ".alpha.mov", (".mov", ".mkv", ".apng")),
    "webm": Kind("alpha, VP9 for browsers", "--alpha", ".alpha.webm", (".webm",)),
    "pictures": Kind("alpha, PNG pictures", "--alpha", "_%05d.png", (".png", ".exr")),
    "green": Kind("over green", "--green", ".green.mp4", _FILMS),
    "composite": Kind("over a background", "--composite", ".composite.mp4", _FILMS),
    "mask": Kind("the matte alone", "--mask", ".mask.mp4", (".mp4", ".mov", ".mkv", ".png")),
}


@dataclass(frozen=True, slots=True)
class FormValues:
    """All fields, as they were typed."""

    source: str = ""
    model: str = "tiny"
    size: str = ""
    engine: str = "auto"
    kind: str = "alpha"
    output: str = ""
    """Empty: beside the input."""
    background: str = "blur"
    smooth: str = "normal"
    quality: str = "standard"
    start: str = ""
    duration: str = ""
    with_sound: bool = True
    overwrite: bool = False

    @property
    def sources(self) -> list[Path]:
        """The input, or all videos of a folder but for results of earlier renders.

        Raises:
            UsageError: if it is no path.
            OSError: if the folder cannot be read.
        """
        path = expanded(self.source)
        if not path.is_dir():
            return [path]
        return sorted(each for each in path.iterdir() if _is_source(each))

    def output_of(self, source: Path) -> Path:
        """Where the result of one input goes."""
        kind = KINDS[self.kind]
        if self.output and not expanded(self.source).is_dir():
            return expanded(self.output)
        stem = source.stem.partition("%")[0].rstrip("_-. ") or "pictures"
        return source.parent / (stem + kind.ending)

    def arguments(self, source: Path | None = None) -> tuple[str, ...]:
        """The command line, without the program's name.

        Args:
            source: one of :attr:`sources`; ``None``: the first.
        """
        source = source or next(iter(self.sources), Path(self.source))
        usual = FormValues()
        output = self.output_of(source)
        made = [_shielded(source), KINDS[self.kind].option, _shielded(output)]
        if self.kind == "composite":
            made += ["--background", self.background]
        for option, value, default in (
            ("-m", self.model, usual.model),
            ("--size", self.size, ""),
            ("--engine", self.engine, usual.engine),
            ("--smooth", self.smooth, usual.smooth),
            ("--quality", self.quality, usual.quality),
            ("-ss", self.start, ""),
            ("-t", self.duration, ""),
        ):
            if value.strip() != default:
                made += [option, value.strip()]
        made += [] if self.with_sound else ["--no-audio"]
        return tuple(made + (["--overwrite"] if self.overwrite else []))

    def problems(self) -> dict[str, str]:
        """What is wrong, by the name of the field; none: it can begin."""
        found: dict[str, str] = {}
        checks: dict[str, Callable[[], object]] = {
            "source": self._check_source,
            "model": lambda: _check_model(self.model),
            "size": lambda: BackendSpec(size=parse_size(self.size.strip() or None)),
            "start": lambda: self.start.strip() and parse_time(self.start, "from"),
            "duration": lambda: _check_length(self.duration.strip()),
            "background": self._check_background,
            "output": self._check_output,
        }
        for field, check in checks.items():
            if field == "output" and "source" in found:
                # Nothing can be said of it then.
                continue
            try:
                check()
            except BirefnetVideoError as error:
                found[field] = str(error)
            except OSError as error:
                found[field] = error.strerror or str(error)
        return found

    def _check_source(self) -> None:
        if not self.source.strip():
            raise UsageError("which video? type its path, or ^o")
        path = expanded(self.source)
        if path.is_dir():
            if not self.sources:
                raise UsageError("this folder holds no video")
        elif "%" not in path.name and not path.is_file():
            raise UsageError("no such file")

    def _check_background(self) -> None:
        if self.kind != "composite":
            return
        background = parse_background(self.background.strip())
        if isinstance(background, PictureFile | VideoFile) and not background.path.is_file():
            raise UsageError("no such file")

    def _check_output(self) -> None:
        kind = KINDS[self.kind]
        sources = self.sources
        outputs = [self.output_of(source) for source in sources]
        for source, output in zip(sources, outputs, strict=True):
            if outputs.count(output) > 1:
                raise UsageError(f"two inputs would both become {output.name}")
            if output.suffix.lower() not in kind.suffixes:
                raise UsageError(f"must end in {', '.join(kind.suffixes)}")
            if not output.parent.is_dir():
                raise UsageError(f"there is no folder {output.parent}")
            if not os.access(output.parent, os.W_OK):
                raise UsageError(f"{output.parent} is not writable")
            if output.exists() and output.resolve() == source.resolve():
                raise UsageError("this is the input")
            if output.exists() and not self.overwrite:
                raise UsageError("exists: tick overwrite, or change the name")


def expanded(text: str) -> Path:
    """A path as it was typed.

    Raises:
        UsageError: if it is none.
    """
    try:
        path = Path(text).expanduser()
        # A name that no file system takes is noticed here.
        path.exists()
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"no path: {error}") from None
    return path


def _is_source(path: Path) -> bool:
    """Whether it is a video, and not what an earlier render has made of one."""
    made = {kind.ending.rpartition(".")[0] for kind in KINDS.values()} | {".partial"}
    return path.suffix.lower() in VIDEO_SUFFIXES and Path(path.stem).suffix not in made and path.is_file()


def _check_length(text: str) -> None:
    if text and parse_time(text, "for") <= 0:
        raise UsageError("no length of time")


@lru_cache
def _check_model(model: str) -> None:
    weights_path(model)


def model_labels() -> list[tuple[str, str]]:
    """Known networks in words, with size, licence and whether they are here; and their names."""
    labels = []
    for row in MODELS.values():
        try:
            weights_path(row.name)
            here = "✔ here"
        except BirefnetVideoError:
            here = "· not here"
        labels.append((f"{row.name}  {row.megabytes} MB  {row.licence}  {here}  {row.use}", row.name))
    return labels


def _shielded(path: Path) -> str:
    """A path that is no option and no command."""
    text = str(path)
    return text if path.is_absolute() or "/" in text or "\\" in text else f"./{text}"
