"""What can be said of an output before any work."""

from collections.abc import Collection
from pathlib import Path

from birefnet_video.colour.transfer import needs_mapping
from birefnet_video.errors import OutputRefused
from birefnet_video.inputs.sequence import could_be, list_numbers
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.composite.opencv import even
from birefnet_video.options.backgrounds import PictureFile, VideoFile
from birefnet_video.options.input import is_pattern
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.unfinished import PARTIAL_MARK, key_path
from birefnet_video.types import MediaInfo


def check_output(
    spec: JobSpec, output: OutputSpec, encoding: Encoding, *, to_be_made: Collection[Path] = frozenset()
) -> None:
    """Whether an output may be written where it is to be.

    Args:
        spec: of the render.
        output: one of its outputs.
        encoding: of the output.
        to_be_made: folders that will be there when it begins.

    Raises:
        OutputRefused: if it exists, its folder does not, or it is the input.
    """
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
            raise OutputRefused(f"{path}: exists already", hint="-y overwrites it; in Python overwrite=True")
        if encoding.key and not spec.writing.overwrite and (key := key_path(path)).exists():
            raise OutputRefused(f"{key}: exists already", hint="-y overwrites it; in Python overwrite=True")
        if encoding.container == "image2" and not spec.writing.overwrite and path.parent.is_dir():
            for number in list_numbers(path)[:1]:
                raise OutputRefused(
                    f"{path.parent / (path.name % number)}: exists already",
                    hint="-y overwrites it; in Python overwrite=True",
                )
        if path.exists() and not path.is_file():
            raise OutputRefused(f"{path}: is no regular file")
        # Pictures get a folder of their own, unless even the one around it is missing.
        is_own_folder = encoding.container == "image2" and path.parent.parent.is_dir() and not path.parent.exists()
        if not path.parent.is_dir() and not is_own_folder and path.parent not in to_be_made:
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
