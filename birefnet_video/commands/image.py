"""``birefnet-video image``."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from birefnet_video.commands.image_report import Told, make_teller
from birefnet_video.commands.pulling import require_weights
from birefnet_video.configuration.call_only import CALL_ONLY
from birefnet_video.errors import BirefnetVideoError, DamagedInput, UsageError
from birefnet_video.many.names import filled, values_of
from birefnet_video.options.backgrounds import SolidColour
from birefnet_video.options.group import FLAT, options_of
from birefnet_video.options.input import STDIN, InputSpec, PictureLimitsSpec
from birefnet_video.options.keywords import part_of
from birefnet_video.options.many import ManySpec
from birefnet_video.options.matte import ColourSpec, MatteSpec, PictureMatteSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.outputs import STDOUT, OutputSpec, OutputsSpec
from birefnet_video.options.pictures import PictureFilesSpec, PictureRunSpec, PicturesRequest
from birefnet_video.options.run import RunSpec
from birefnet_video.pictures.finding import Found, find_pictures
from birefnet_video.pictures.formats import SUFFIXES, format_of
from birefnet_video.signals import stop_on_signals

if TYPE_CHECKING:
    from birefnet_video.pipeline.picture_jobs import PictureJob, Result

_OUTPUTS = Group("Outputs", sort_key=1)
_INPUT = Group("Input", sort_key=2)
_NETWORK = Group("Network", sort_key=3)
_MATTE = Group("Matte", sort_key=4)
_RUN = Group("Run", sort_key=5)


def image(
    *sources: Annotated[Path, Parameter(name="INPUT")],
    files: Annotated[PictureFilesSpec, FLAT, Parameter(group=_OUTPUTS)] = PictureFilesSpec(),
    read: Annotated[PictureLimitsSpec, FLAT, Parameter(group=_INPUT)] = PictureLimitsSpec(),
    backend: Annotated[BackendSpec, FLAT, Parameter(group=_NETWORK)] = BackendSpec(),
    matte: Annotated[PictureMatteSpec, FLAT, Parameter(group=_MATTE)] = PictureMatteSpec(),
    colour: Annotated[ColourSpec, FLAT, Parameter(group=_MATTE)] = ColourSpec(),
    run: Annotated[PictureRunSpec, FLAT, Parameter(group=_RUN)] = PictureRunSpec(),
) -> int:
    """Cut the subject out of still pictures: one, many, or folders of them.

    For example:
    birefnet-video image photo.jpg
    birefnet-video image photo.jpg --composite card.jpg --background white --trim 5%
    birefnet-video image photos --out-dir cut --format webp
    birefnet-video image team.jpg --subject point=30%,50%

    Parameters
    ----------
    sources
        Pictures (JPEG, PNG, WebP, TIFF, BMP, DPX, EXR, AVIF, HEIC), folders, names with * in quotes, or - for standard
        input. Without an output, NAME.alpha.png is written beside each.
    """
    return run_pictures(
        PicturesRequest(
            sources=sources, files=files, read=read, backend=backend, matte=matte, colour=colour, run=run.settled
        )
    )


def still_request(
    source: Path,
    outputs: OutputsSpec,
    read: InputSpec,
    backend: BackendSpec,
    matte: MatteSpec,
    colour: ColourSpec,
    run: RunSpec,
    many: ManySpec,
) -> PicturesRequest:
    """A render of a single picture, with the options of a render; those of time and sound have no effect.

    Raises:
        UsageError: if one that is about this call means nothing for a picture.
    """
    own = (PictureFilesSpec, PictureLimitsSpec, PictureRunSpec)
    taken = {option.name for group in own for option in options_of(group)}
    for asked in (outputs, read, run, many):
        for option in options_of(type(asked)):
            # What can be configured may be meant for videos.
            is_of_this_call = option.name in CALL_ONLY or option.name == "codec"
            if is_of_this_call and option.name not in taken and getattr(asked, option.name) != option.default:
                raise UsageError(f"{option.flag}: means nothing for a picture", hint="birefnet-video image --help")
    values = values_of(source, 1)
    names: dict[str, Any] = {
        name: filled(path, name, values)
        for name in ("alpha", "mask", "green", "composite", "foreground")
        if (path := getattr(outputs, name)) is not None
    }
    return PicturesRequest(
        sources=(source,),
        files=PictureFilesSpec(
            **names,
            background=outputs.background,
            overwrite=outputs.overwrite,
            out_dir=many.out_dir,
            skip_existing=many.skip_existing,
        ),
        read=part_of(read, PictureLimitsSpec),
        backend=backend,
        matte=part_of(matte, PictureMatteSpec),
        colour=colour,
        run=PictureRunSpec(json_lines=run.style == "json", quiet=run.quiet or run.style == "none"),
    )


def run_pictures(request: PicturesRequest) -> int:
    """Do what is asked for.

    Returns:
        the exit code.

    Raises:
        BirefnetVideoError: if it cannot begin, or, where that is not said in JSON, its only picture cannot be made.
    """
    to_stdout = any(output.path == STDOUT for output in request.files.named)
    if to_stdout and request.run.json_lines:
        raise UsageError("--json and - as output both want standard output")
    found = find_pictures(request.sources, request.files.out_dir)
    jobs = _jobs(request, found)
    require_weights(request.backend.model, may_ask=not request.run.json_lines and not request.run.quiet)

    from birefnet_video.pipeline.pictures import PictureRun

    teller = make_teller(request.run, total=len(jobs))
    began = time.monotonic()
    try:
        pictures = PictureRun(request, pictures=len(jobs), tell=teller.note)
        received = stop_on_signals(pictures.stop)
        told = _work_through(pictures.results(jobs), teller.result)
    finally:
        teller.close()
    code, error = _ending(told, received, alone=len(jobs) == 1)
    teller.end(told, code, len(jobs), time.monotonic() - began)
    if error is not None and not request.run.json_lines:
        raise error
    return code


def _work_through(results: "Iterator[Result]", tell: "Callable[[Result], None]") -> Told:
    told = Told()
    for result in results:
        if result.standard_output is not None:
            _write_to_stdout(result.standard_output)
        told.add(result)
        tell(result)
    return told


def _write_to_stdout(data: bytes) -> None:
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(data)


def _ending(told: Told, received: list[int], *, alone: bool) -> tuple[int, BirefnetVideoError | None]:
    """The exit code, and the error of the only picture."""
    if received:
        return 128 + received[0], None
    if not told.failed:
        return 0, None
    first = told.failed[0].error
    assert first is not None
    if alone:
        return first.exit_code, first
    return (DamagedInput.exit_code if told.done or told.skipped else first.exit_code), None


def _jobs(request: PicturesRequest, found: list[Found]) -> "list[PictureJob]":
    """
    Raises:
        BirefnetVideoError: if it is not clear what is written where.
    """
    from birefnet_video.pipeline.picture_jobs import PictureJob

    files, named = request.files, request.files.named
    if named and len(found) > 1:
        raise UsageError(
            f"--{'alpha' if files.alpha else named[0].kind} names one output for {len(found)} pictures",
            hint="--out-dir names a folder",
        )
    for output in named:
        if output.path != STDOUT:
            format_of(output.kind, output.path)
    paths = [output.path.resolve() for output in named]
    if len(set(paths)) < len(paths):
        raise UsageError("one path is named for more than one output")
    if any(output.path == STDOUT for output in named):
        suffix = SUFFIXES[files.format][0]
        format_of(next(each.kind for each in named if each.path == STDOUT), Path(f"standard output{suffix}"))
    if named:
        return [PictureJob(found[0], named, _from_stdin(found[0]))]
    if any(each.path == STDIN for each in found) and files.out_dir is None:
        raise UsageError(
            "standard input gives no name for the output", hint="for example --alpha cut.png, or --alpha -"
        )
    places = [_place(each, files, keeps_suffix=False) for each in found]
    doubles = {place for place, count in Counter(places).items() if count > 1}
    behind = files.background or SolidColour()
    made = []
    for each, place in zip(found, places, strict=True):
        path = _place(each, files, keeps_suffix=True) if place in doubles else place
        if each.error is None:
            format_of(files.kind, path)
        made.append(PictureJob(each, (OutputSpec(files.kind, path, behind),), _from_stdin(each)))
    return made


def _place(found: Found, files: PictureFilesSpec, *, keeps_suffix: bool) -> Path:
    """Where a picture's output goes. In a folder of its own it has the picture's name."""
    stem = found.path.name if keeps_suffix else found.path.stem
    suffix = SUFFIXES[files.format][0]
    if files.out_dir is None:
        return found.path.with_name(f"{stem}.{files.kind}{suffix}")
    stem = found.place.name if keeps_suffix else found.place.stem
    return files.out_dir / found.place.with_name(f"{stem}{suffix}")


def _from_stdin(found: Found) -> bytes | None:
    """
    Raises:
        UsageError: if standard input is a terminal.
    """
    if found.path != STDIN:
        return None
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("-: standard input is a terminal", hint="cat photo.jpg | birefnet-video image - --alpha -")
    blocks = []
    while block := os.read(sys.stdin.fileno(), 1 << 20):
        blocks.append(block)
    return b"".join(blocks)
