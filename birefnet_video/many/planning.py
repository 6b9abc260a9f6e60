"""All that can be said of many renders before one of them begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attrs import evolve

from birefnet_video.errors import InputMissing, OutputRefused, UsageError
from birefnet_video.inputs.missing import missing_input, pictures_in
from birefnet_video.inputs.sequence import is_there
from birefnet_video.many.folders import videos_of
from birefnet_video.many.request import ManyRequest
from birefnet_video.options.backgrounds import PICTURE_SUFFIXES
from birefnet_video.options.request import RenderRequest
from birefnet_video.outputs.encodings import encoding_for, fit_codecs
from birefnet_video.pipeline.checks import check_output


@dataclass(frozen=True, slots=True)
class Planned:
    """Renders whose inputs are there and whose outputs can be written, as far as that can be seen from outside."""

    requests: tuple[RenderRequest, ...]
    skipped: tuple[Path, ...]
    """Inputs whose outputs are all there."""
    folders: frozenset[Path]
    """To be made for the outputs."""

    def make_folders(self) -> None:
        """Make the folders of the outputs.

        Raises:
            OutputRefused: if one cannot be made.
        """
        for folder in sorted(self.folders):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputRefused(f"{folder}: cannot be made: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class _Found:
    """An input."""

    source: Path
    below: Path
    """Where it lay in the folder that was named."""
    is_named: bool
    """By itself, and not only its folder."""


def plan_all(request: ManyRequest) -> Planned:
    """The renders that are asked for, one for each input.

    Raises:
        InputMissing: if an input is missing, or a folder holds no video.
        UsageError: if two inputs would have one output, or a name is none.
        OutputRefused: if an output exists or cannot be written.
    """
    found = list(_find_all(request))
    pairs = [(each, request.of(each.source, index, each.below)) for index, each in enumerate(found, 1)]
    pairs = _without_results(pairs)
    inputs = {each.source.resolve(): each.source for each, _ in pairs}
    takers: dict[Path, Path] = {}
    for each, render in pairs:
        for output in render.spec.outputs:
            path = output.path.resolve()
            if (other := inputs.get(path)) is not None and other != each.source:
                raise OutputRefused(f"{output.path}: is an input, and the output of {each.source}")
            if path in takers:
                raise UsageError(
                    f"{output.path}: is the output of {takers[path]} and of {each.source}",
                    hint='fields make names differ: --alpha "{parent}_{stem}.mov", or {suffix}, {index}',
                )
            takers[path] = each.source
    renders = [render for _, render in pairs]
    skipped: tuple[Path, ...] = ()
    if request.many.skip_existing:
        fewer = [_without_existing(render) for render in renders]
        skipped = tuple(old.spec.source for old, new in zip(renders, fewer, strict=True) if new is None)
        renders = [each for each in fewer if each is not None]
    folders = frozenset(_folders(request, renders))
    for render in renders:
        for output in fit_codecs(render.spec.outputs):
            check_output(render.spec, output, encoding_for(output), to_be_made=folders)
    return Planned(tuple(renders), skipped, folders)


def _find_all(request: ManyRequest) -> Iterator[_Found]:
    known: set[Path] = set()
    for named in request.sources:
        for found in _find(named, request):
            # A folder may hold what is named beside it.
            if (path := found.source.absolute()) not in known:
                known.add(path)
                yield found


def _find(named: Path, request: ManyRequest) -> Iterator[_Found]:
    if not named.is_dir():
        if not ("%" in named.name or named.exists()):
            raise missing_input(named)
        yield _Found(named, Path(), is_named=True)
        return
    try:
        videos = videos_of(named, recursive=request.many.recursive, without=request.many.out_dir)
    except OSError as error:
        raise InputMissing(f"{error.filename or named}: cannot be read: {error.strerror}") from None
    if not videos:
        raise InputMissing(f"{named}: is a folder without a video", hint=_in_place_of_videos(named))
    for video in videos:
        yield _Found(video, video.parent.relative_to(named), is_named=False)


def _in_place_of_videos(folder: Path) -> str:
    """What to do with a folder that holds none."""
    if numbered := pictures_in(folder):
        return f"its pictures are {folder / numbered}"
    if any(each.suffix.lower() in PICTURE_SUFFIXES for each in folder.iterdir()):
        return f"birefnet-video image {folder} takes its pictures"
    return "--recursive looks into its folders, too"


def _without_results(pairs: list[tuple[_Found, RenderRequest]]) -> list[tuple[_Found, RenderRequest]]:
    """Without what an earlier call of the same kind has made of a folder's videos, whatever it is called."""
    makers: dict[Path, set[Path]] = {}
    for each, render in pairs:
        for output in render.spec.outputs:
            makers.setdefault(output.path.resolve(), set()).add(each.source)
    return [
        (each, render)
        for each, render in pairs
        if each.is_named or not makers.get(each.source.resolve(), set()) - {each.source}
    ]


def _without_existing(render: RenderRequest) -> RenderRequest | None:
    outputs = tuple(output for output in render.spec.outputs if not is_there(output.path))
    return evolve(render, spec=evolve(render.spec, outputs=outputs)) if outputs else None


def _folders(request: ManyRequest, renders: list[RenderRequest]) -> Iterator[Path]:
    """Folders that outputs need, below the one that may be made."""
    if request.many.out_dir is None:
        return
    for render in renders:
        for output in render.spec.outputs:
            if output.path.is_relative_to(request.many.out_dir) and not output.path.parent.is_dir():
                yield output.path.parent
