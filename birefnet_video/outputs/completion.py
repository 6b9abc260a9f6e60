"""What FFmpeg does not write into a file, written when it is closed."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from birefnet_video.inputs.boxes import write_languages, write_picture_end
from birefnet_video.inputs.matroska import write_pixel_shape
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.types import MediaInfo


def complete(
    path: Path, encoding: Encoding, info: MediaInfo, shown_until: Fraction | None, languages: Mapping[int, str]
) -> Iterator[str]:
    """Write the last picture's end, languages of three letters and the shape of pixels where they have a place.

    Args:
        path: of the closed file.
        encoding: of it.
        info: of the input.
        shown_until: when the last picture goes away, in seconds.
        languages: of sound and subtitles, by index of the track.

    Yields:
        what the file does not say now.

    Raises:
        OSError: if it cannot be written.
    """
    shape, container = info.sample_aspect_ratio, encoding.container
    if container in ("mov", "mp4") and shown_until is not None:
        write_picture_end(path, shown_until)
    if container == "mov" and languages:
        write_languages(path, dict(languages))
    if container in ("matroska", "webm") and shape != 1 and not write_pixel_shape(path, shape):
        yield f"does not say that pixels are {shape.numerator}:{shape.denominator}"
