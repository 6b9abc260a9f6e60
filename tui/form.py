"""What a new render is made of, as a form has it: texts that become a request, and what is wrong with them."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Self, TypeVar

from birefnet_video.tui.kinds import ALSO, BESIDE, KINDS, expanded, suffixes_of

from birefnet_video.configuration.fitting import unfit
from birefnet_video.errors import BirefnetVideoError, UsageError
from birefnet_video.many.folders import videos_of
from birefnet_video.options.backgrounds import Background, PictureFile, VideoFile
from birefnet_video.options.group import Option, OptionGroup, options_of, text_of
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.keywords import FormOptions
from birefnet_video.options.matte import ColourSpec, MatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import BackgroundSpec, EncodingSpec, OutputsSpec, WritingSpec
from birefnet_video.options.request import RenderRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.zoo.files import find_weights, weights_path
from birefnet_video.zoo.known import KnownModel, known_models

#: All that a form offers; a new option of theirs is a new row.
_GROUPS: tuple[type[OptionGroup], ...] = (
    *(BackendSpec, BackgroundSpec, EncodingSpec, WritingSpec, MatteSpec, ColourSpec, InputSpec),
)
#: What groups are called above their options, those that are asked for most first.
HEADS: Mapping[str, tuple[type[OptionGroup], ...]] = {
    "matte: edges, smoothing, who is meant": (MatteSpec,),
    "colours at edges": (ColourSpec,),
    "network and machine": (BackendSpec,),
    "input: part, rotation, limits": (InputSpec,),
    "files: codec, sound, checking": (EncodingSpec, WritingSpec, BackgroundSpec),
}
#: What most renders want, in this order; the others are folded away.
FIRST = (
    *("subject", "model", "size", "engine", "background"),
    *("overwrite", "smooth", "quality", "start", "duration", "no_audio"),
)
_G = TypeVar("_G", bound=OptionGroup)


@cache
def form_options() -> Mapping[str, Option]:
    """All options of the form by name, those that most renders want first."""
    found = {option.name: option for group in _GROUPS for option in options_of(group) if option.on_command_line}
    return {name: found[name] for name in (*FIRST, *(name for name in found if name not in FIRST))}


def folded() -> dict[str, tuple[str, ...]]:
    """Options that are folded away, by the heads of their groups; each once."""
    left = dict.fromkeys(name for name in form_options() if name not in FIRST)
    found = {}
    for head, groups in HEADS.items():
        names = [option.name for group in groups for option in options_of(group) if option.name in left]
        found[head] = tuple(name for name in names if left.pop(name, True) is None)
    return found


@dataclass(frozen=True, slots=True)
class FormValues:
    """All fields, as they were typed."""

    source: str = ""
    kind: str = "alpha"
    output: str = ""
    """Empty: beside the input."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Other results, by the option of :data:`ALSO`: a path, or ``+`` for the usual name beside the input."""
    options: Mapping[str, str | bool] = field(default_factory=dict)
    """By name, as of :func:`form_options`; one that is empty or not here has its default."""
    usual: Mapping[str, str | bool] = field(default_factory=dict)
    """Options that the form began with: one that nobody has changed is left out where it has no use."""
    no_config: bool = False
    """What it begins with comes from a configuration, of which its command must take no more."""

    @classmethod
    def beginning(cls, options: FormOptions, *, no_config: bool) -> Self:
        """A form without an input.

        Args:
            options: that it begins with.
            no_config: of :class:`FormValues`.
        """
        values = {option.name: getattr(options, option.name) for option in form_options().values()}
        usual = {
            name: value if isinstance(value, bool) else text_of(value)
            for name, value in values.items()
            if value != form_options()[name].default
        }
        return cls(options=usual, usual=usual, no_config=no_config)

    @property
    def sources(self) -> list[Path]:
        """The input, or all videos of a folder but for results of earlier renders.

        Raises:
            UsageError: if it is no path.
            OSError: if the folder cannot be read.
        """
        path = expanded(self.source)
        return videos_of(path) if path.is_dir() else [path]

    def output_of(self, source: Path) -> Path:
        """Where the result of one input goes."""
        if self.output and not expanded(self.source).is_dir():
            return expanded(self.output)
        return KINDS[self.kind].beside(source)

    def outputs_of(self, source: Path) -> dict[str, Path]:
        """Where all results of one input go, by their options; the first is that of the kind."""
        others = {name: text for name, text in self.also.items() if text and name != KINDS[self.kind].option}
        named = {name: ALSO[name].beside(source) if text == BESIDE else expanded(text) for name, text in others.items()}
        return {KINDS[self.kind].option: self.output_of(source), **named}

    def request(self, source: Path | None = None) -> RenderRequest:
        """What is asked for.

        Args:
            source: one of :attr:`sources`; ``None``: the first.

        Raises:
            UsageError: if a value is wrong.
        """
        source = source or next(iter(self.sources), Path(self.source))
        used = self._useful(source)
        named: dict[str, Any] = self.outputs_of(source)
        behind = used._given(BackgroundSpec) if "composite" in named else {}
        outputs = OutputsSpec(**named, **behind, **used._given(EncodingSpec))
        matte = used.of(MatteSpec)
        spec = JobSpec(
            source,
            outputs.files(source, matte),
            input=used.of(InputSpec),
            backend=used.of(BackendSpec),
            matte=matte,
            colour=used.of(ColourSpec),
            writing=used.of(WritingSpec),
        )
        return RenderRequest(spec, RunSpec(no_config=self.no_config))

    def _useful(self, source: Path) -> "FormValues":
        """The same without what it began with and has no use for."""
        outputs = {name: str(path) for name, path in self.outputs_of(source).items()}
        works_on = {"source": str(source), **outputs}
        given = {name: value for name, value in self.options.items() if value != ""}
        unchanged = [name for name, value in given.items() if self.usual.get(name) == value]
        needs = unfit("render", {**works_on, **given}, unchanged)
        return replace(self, options={name: value for name, value in given.items() if name not in needs})

    @property
    def background(self) -> Background | None:
        """What is chosen to be behind the subject, if anything is; there is none while it is wrong."""
        if self.kind != "composite" and not self.also.get("composite"):
            return None
        try:
            return self.of(BackgroundSpec).background
        except UsageError:
            return None

    def of(self, group: type[_G]) -> _G:
        """The options of one group.

        Raises:
            UsageError: if a value is wrong.
        """
        return group(**self._given(group))

    @property
    def to_fetch(self) -> KnownModel | None:
        """The model, if its weights must be fetched first."""
        row = known_models().get(self._model)
        return row if row is not None and row.can_be_fetched and find_weights(row) is None else None

    @property
    def _model(self) -> str:
        return str(self.options.get("model") or BackendSpec().model)

    def _given(self, group: type[OptionGroup]) -> dict[str, Any]:
        """What is typed for a group's options."""
        return {
            option.name: value if isinstance(value, bool) else option.read(value.strip())
            for option in options_of(group)
            if (value := self.options.get(option.name, "")) != ""
        }

    def problems(self) -> dict[str, str]:
        """What is wrong, by the name of the field; none: it can begin."""
        found: dict[str, str] = {}
        for name, error in self._wrong():
            found.setdefault(name, error)
        return found

    def _wrong(self) -> Iterator[tuple[str, str]]:
        source = list(_complaints("source", self._check_source))
        yield from source
        yield from _complaints("model", lambda: _check_model(self._model))
        for group in _GROUPS:
            for option in options_of(group):
                if (value := self.options.get(option.name, "")) != "":
                    yield from _complaints(option.name, partial(option.alone, value))
        yield from _complaints("background", self._check_background)
        yield from _complaints("subject", self._check_subject)
        # Nothing can be said of it while nobody knows the input.
        if not source:
            kind = KINDS[self.kind]
            yield from _complaints("output", partial(self._check_output, kind.option, kind.suffixes))
            for name in (name for name, text in self.also.items() if text):
                yield from _complaints(name, partial(self._check_also, name))
            yield from _complaints("source", self.request)

    def _check_source(self) -> None:
        if not self.source.strip():
            raise UsageError("which video? type its path, or ^o looks for it")
        path = expanded(self.source)
        if path.is_dir():
            if not self.sources:
                raise UsageError("this folder holds no video")
        elif "%" not in path.name and not path.is_file():
            raise UsageError("no such file")

    def _check_subject(self) -> None:
        if not self.of(MatteSpec).names and self.kind == "id-mask":
            raise UsageError("whose colours? ^t marks the subjects, or for example anna:point=30%,50%")

    def _check_background(self) -> None:
        if self.kind != "composite" and not self.also.get("composite"):
            return
        background = self.of(BackgroundSpec).background
        if isinstance(background, PictureFile | VideoFile) and not background.path.is_file():
            raise UsageError("no such file")

    def _check_output(self, option: str, suffixes: tuple[str, ...]) -> None:
        sources = self.sources
        outputs = [self.outputs_of(source)[option] for source in sources]
        for source, output in zip(sources, outputs, strict=True):
            if outputs.count(output) > 1:
                raise UsageError(f"two inputs would both become {output.name}")
            if list(self.outputs_of(source).values()).count(output) > 1:
                raise UsageError(f"two results would both be {output.name}")
            if output.suffix.lower() not in suffixes:
                raise UsageError(f"must end in {', '.join(suffixes)}")
            if not output.parent.is_dir():
                raise UsageError(f"there is no folder {output.parent}")
            if not os.access(output.parent, os.W_OK):
                raise UsageError(f"{output.parent} is not writable")
            if output.exists() and output.resolve() == source.resolve():
                raise UsageError("this is the input")
            if output.exists() and not self.options.get("overwrite"):
                raise UsageError("exists: tick overwrite, or change the name")

    def _check_also(self, option: str) -> None:
        if option == KINDS[self.kind].option:
            raise UsageError("is the result already: leave it empty")
        self._check_output(option, suffixes_of(option))


def _complaints(name: str, check: Callable[[], object]) -> Iterator[tuple[str, str]]:
    """What a check has to say, and the field it is of: one that the message names, or else ``name``."""
    try:
        check()
    except BirefnetVideoError as error:
        flag = str(error).partition(":")[0]
        named = next((option.name for option in form_options().values() if flag in option.flags), name)
        yield named, str(error)
    except OSError as error:
        yield name, error.strerror or str(error)


def _check_model(model: str) -> None:
    row = known_models().get(model)
    if row is None or not row.can_be_fetched:
        weights_path(model)


def model_labels() -> list[tuple[str, str]]:
    """Known networks in words, with size, licence and whether they are here; and their names."""
    rows = [row for row in known_models().values() if not row.by_path]
    wide = [
        max(len(cell) for cell in cells) for cells in zip(*((r.name, r.amount, r.terms) for r in rows), strict=True)
    ]
    labels = []
    for row in rows:
        absent = "↓ fetched on start" if row.can_be_fetched else "· not here"
        here = "✔ here" if find_weights(row) is not None else absent
        cells = zip((row.name, row.amount, row.terms), wide, strict=True)
        words = "  ".join(f"{cell:<{width}}" for cell, width in cells)
        labels.append((f"{words}  {here:<18}  {row.use}", row.name))
    return labels
