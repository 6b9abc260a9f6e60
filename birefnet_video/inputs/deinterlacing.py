"""Interlaced frames made whole, one for each."""

from collections.abc import Iterator
from fractions import Fraction

import av
import av.error
import av.filter


class Deinterlacer:
    """bwdif on the frames that are marked interlaced; keeps number and time of the frames."""

    def __init__(self, time_base: Fraction, picture: av.VideoFrame) -> None:
        self._time_base = time_base
        self._graph = av.filter.Graph()
        # Of the picture: a hardware decoder's own format is no picture's.
        source = self._graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=self._time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def push(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Put one picture in (``None``: no more) and take out what is ready."""
        self._graph.vpush(picture)
        while True:
            try:
                ready = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if ready.pts is not None and ready.time_base:
                # The filter counts twice as fast.
                scale = ready.time_base / self._time_base
                ready.pts, ready.duration = round(ready.pts * scale), round(ready.duration * scale)
                ready.time_base = self._time_base
            yield ready  # type: ignore[misc]
