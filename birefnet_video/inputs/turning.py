"""How a stored picture is turned upright, and pictures of a sequence that are stored in different ways."""

from collections.abc import Mapping
from fractions import Fraction

import av
import av.filter
import numpy as np

from birefnet_video.types import Turn


def read_turn(data: Mapping[str, bytes]) -> Turn:
    """What turns a stored picture upright.

    Args:
        data: side data of a frame, of which the display matrix counts; FFmpeg makes one of EXIF's orientation, too.
    """
    if "DISPLAYMATRIX" not in data:
        return Turn()
    matrix = np.frombuffer(data["DISPLAYMATRIX"], "<i4").reshape(3, 3)[:2, :2]
    a, b, c, d = (round(value / 65536) for value in matrix.ravel())
    # A mirrored matrix has a negative determinant: undo the mirror to find the turn.
    mirror = a * d - b * c < 0
    if mirror:
        a, c = -a, -c
    quarters = {(1, 0): 0, (0, 1): 3, (-1, 0): 2, (0, -1): 1}.get((a, b), 0)
    return Turn(quarters, mirror)


def stored_as(picture: av.VideoFrame, own: Turn, wanted: Turn) -> av.VideoFrame:
    """A picture that ``own`` turns upright, stored so that ``wanted`` does."""
    steps = ["transpose=cclock"] * own.quarters + ["hflip"] * own.mirror
    steps += ["hflip"] * wanted.mirror + ["transpose=clock"] * wanted.quarters
    graph = av.filter.Graph()
    # Its time is put back afterwards.
    last = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
    )
    for step in [*steps, "buffersink"]:
        name, _, arguments = step.partition("=")
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    graph.configure()
    graph.vpush(picture)
    turned = graph.vpull()
    turned.pts = picture.pts
    if picture.time_base is not None:
        turned.time_base = picture.time_base
    if picture.duration:
        turned.duration = picture.duration
    return turned  # type: ignore[return-value]
