"""Where on Earth a picture's pixels lie, as GeoTIFF says it (OGC 19-008r4)."""

from dataclasses import replace

from birefnet_video.pictures.metadata import read_exif
from birefnet_video.pictures.picture import Kept

_TIE_POINTS, _TRANSFORMATION = 33922, 34264
#: Numbers of a tie point: column, line and height in the picture, and a place.
_OF_POINT = 6


def moved(kept: Kept, top: int, left: int) -> Kept:
    """What is kept of a picture for a part of it that begins so many lines and columns further in."""
    if kept.exif is None or not (top or left):
        return kept
    tags = read_exif(kept.exif)
    points, matrix = tags.get(_TIE_POINTS), tags.get(_TRANSFORMATION)
    if points is None and matrix is None:
        return kept
    if points is not None:
        shift = (float(left), float(top), 0.0, 0.0, 0.0, 0.0)
        tags[_TIE_POINTS] = tuple(float(value) - shift[index % _OF_POINT] for index, value in enumerate(points))
    if matrix is not None and len(matrix) == 16:
        rows = [list(map(float, matrix[begin : begin + 4])) for begin in range(0, 16, 4)]
        for row in rows[:3]:
            row[3] += row[0] * left + row[1] * top
        tags[_TRANSFORMATION] = tuple(value for row in rows for value in row)
    return replace(kept, exif=tags.tobytes()[6:])
