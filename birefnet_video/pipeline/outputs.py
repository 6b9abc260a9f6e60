"""Each output of a job: what can be said before any work, the frames it takes, and what they go into."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from birefnet_video.errors import OutputRefused
from birefnet_video.matting.backdrop import Backdrop, Canvas, open_backdrop
from birefnet_video.matting.colour import Retoucher
from birefnet_video.matting.compose import STRAIGHT, even, foreground, grey_matte, over, straight_alpha
from birefnet_video.media.encodings import Encoding, encoding_for
from birefnet_video.media.light import needs_mapping
from birefnet_video.media.partial import PARTIAL_MARK
from birefnet_video.media.pictures import PictureWriter
from birefnet_video.media.raw import RawWriter
from birefnet_video.media.reader import Notify
from birefnet_video.media.sequence import could_be, is_pattern, list_numbers
from birefnet_video.media.sink import Sink
from birefnet_video.media.writer import Writer
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.pipeline.compositor import Composer
from birefnet_video.types import Cut, FrameMeta, MediaInfo


def check_output(spec: JobSpec, output: OutputSpec) -> None:
    """What can be said about an output before anything is opened.

    Raises:
        OutputRefused: if its container cannot carry it, it exists, its folder does not, or it is the input.
    """
    encoding = encoding_for(output)
    path: Path = output.path
    if path == STDOUT:
        return
    if PARTIAL_MARK in path.stem:
        raise OutputRefused(f"{path}: names with {PARTIAL_MARK} are for files that are not finished")
    try:
        if any(_would_replace(path, picture) for picture in _input_files(spec.source)):
            raise OutputRefused(f"{path}: is the input itself")
        for other in spec.outputs:
            behind = other.background
            if isinstance(behind, PictureFile | VideoFile) and _would_replace(path, behind.path):
                raise OutputRefused(f"{path}: is the background itself")
        if path.is_dir():
            raise OutputRefused(f"{path}: is a folder")
        if not spec.writing.overwrite and (path.exists() or path.is_symlink()):
            raise OutputRefused(f"{path}: exists already", hint="-y overwrites it")
        if encoding.container == "image2" and not spec.writing.overwrite and path.parent.is_dir():
            for number in list_numbers(path)[:1]:
                raise OutputRefused(f"{path.parent / (path.name % number)}: exists already", hint="-y overwrites it")
        if path.exists() and not path.is_file():
            raise OutputRefused(f"{path}: is no regular file")
        # Pictures get a folder of their own, unless even the one around it is missing.
        is_own_folder = encoding.container == "image2" and path.parent.parent.is_dir() and not path.parent.exists()
        if not path.parent.is_dir() and not is_own_folder:
            raise OutputRefused(f"{path}: the folder {path.parent} does not exist")
    except OSError as error:
        raise OutputRefused(f"{path}: cannot be written: {error.strerror}") from None


def make_canvas(encoding: Encoding, info: MediaInfo) -> Canvas:
    """Size and format of the frames that an encoding takes."""
    # Eight bits are too few for other colours than sRGB's.
    as_deep = needs_mapping(info.colour) and encoding.container in ("image2", "apng")
    pixel_format = encoding.pixel_format(16 if as_deep else info.bit_depth)
    width, height = info.width, info.height
    if encoding.needs_even_sides:
        width, height = even(width), even(height)
    full_range = encoding.full_range or (encoding.follows_source_range and info.colour.full_range)
    return Canvas(width, height, pixel_format, full_range)


def make_backdrop(output: OutputSpec, canvas: Canvas, info: MediaInfo) -> Backdrop | None:
    """What lies behind the subject in an output, if it shows that.

    Raises:
        InputMissing, NotAVideo: if its background is missing or no picture or video.
    """
    return open_backdrop(output.background, info, canvas) if output.kind == "composite" else None


def make_composer(
    output: OutputSpec, canvas: Canvas, info: MediaInfo, retoucher: Retoucher, backdrop: Backdrop | None
) -> Composer:
    """What makes the frames of an output on the CPU.

    Args:
        output: its kind counts.
        canvas: of its frames.
        info: of the input.
        retoucher: treats colours.
        backdrop: what :func:`make_backdrop` gives.
    """
    if output.kind == "mask":
        return lambda cutout: grey_matte(cutout.alpha, canvas.pixel_format)
    if output.kind == "alpha":
        straight = STRAIGHT.get(canvas.pixel_format, straight_alpha)
        return lambda cutout: straight(cutout.frame.picture, cutout.alpha, info, canvas.pixel_format, retoucher)
    if output.kind == "foreground":
        return lambda cutout: foreground(cutout.frame.picture, cutout.alpha, info, canvas, retoucher)
    assert backdrop is not None  # this output shows one
    return partial(over, info=info, canvas=canvas, backdrop=backdrop, retoucher=retoucher)


def _numbering(info: MediaInfo, cut: Cut | None) -> Callable[[FrameMeta], int]:
    """Pictures keep the numbers of the sequence they come from; those of a video are counted from 1."""
    if info.sequence is None:
        return lambda meta: meta.index + 1
    sequence, first = info.sequence, cut.shift(info.time_base) if cut is not None else 0
    return lambda meta: sequence.number_at(first + meta.pts)


def _input_files(source: Path) -> list[Path]:
    """The file that is read, or the pictures of a sequence."""
    if not is_pattern(source) or source.exists() or not source.parent.is_dir():
        return [source]
    return [source.parent / (source.name % number) for number in list_numbers(source)]


def _would_replace(path: Path, other: Path) -> bool:
    """Whether writing ``path``, the name of a file or of numbered pictures, could replace ``other``."""
    if is_pattern(path) and could_be(path, other):
        return True
    return path.exists() and other.exists() and path.samefile(other)


def open_sink(
    spec: JobSpec,
    output: OutputSpec,
    encoding: Encoding,
    canvas: Canvas,
    info: MediaInfo,
    cut: Cut | None,
    notify: Notify,
) -> Sink:
    """Open what an output's frames go into.

    Raises:
        OutputRefused: if it cannot be created or its container refuses what it should hold.
        BackendUnavailable: if a hardware encoder does not open.
    """
    if output.path == STDOUT:
        return RawWriter(encoding)
    size = (canvas.width, canvas.height)
    if encoding.container == "image2":
        return PictureWriter(
            *(output.path, encoding, info),
            pixel_format=canvas.pixel_format,
            size=size,
            number_of=_numbering(info, cut),
            notify=notify,
        )
    return Writer(
        output.path,
        encoding,
        info,
        pixel_format=canvas.pixel_format,
        size=size,
        with_sound=not spec.writing.no_audio and encoding.holds_sound,
        notify=notify,
        cut=cut,
    )
