"""Pictures of a video at any time, as they are seen: an input to be pointed at, an output to be looked at."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

from birefnet_video.colour.convert import to_rgb
from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.probe import probe
from birefnet_video.inputs.read_alpha import matte_of
from birefnet_video.inputs.reader import Reader
from birefnet_video.options.input import InputSpec
from birefnet_video.options.job import JobSpec
from birefnet_video.options.outputs import STDOUT, OutputSpec
from birefnet_video.pipeline.trim import find_cut
from birefnet_video.types import Cut, Frame, MediaInfo

#: Times are written down in these: a frame that begins within the next is meant.
_MILLISECOND = Fraction(1, 1000)


class Showing:
    """Shows one input; remembers the last frame."""

    def __init__(self, source: Path, read: InputSpec, *, matte: bool = False) -> None:
        """
        Args:
            source: the input.
            read: what of it is taken, and how.
            matte: show the alpha of its frames, or their brightness where it has none.

        Raises:
            BirefnetVideoError: if it cannot be read.
        """
        self._matte = matte
        self._info = probe(source, read.frame_rate, read.limits, read.video_track)
        self._part = find_cut(JobSpec(source, (OutputSpec("alpha", STDOUT),), input=read), self._info)
        #: Zero of the clock that prompts have.
        self._zero = self._part.start - read.start if self._part is not None else Fraction(0)
        self._last: tuple[Fraction, Frame, Fraction] | None = None

    def picture(self, time: Fraction, width: int, height: int) -> tuple[np.ndarray, Fraction]:
        """The frame that is shown at a time: the last one before it, or the first of the part.

        Args:
            time: on the input's clock, in seconds.
            width: in which it must fit, in square pixels.
            height: the same.

        Returns:
            uint8 (H, W, 3) with an even number of lines, and when the frame begins, on the same clock.

        Raises:
            NotAVideo: if nothing can be decoded.
        """
        if self._last is None or self._last[0] != time:
            self._last = (time, *self._shown(time))
        _, frame, begins = self._last
        size = fitted(self._info, width, height)
        return (self._grey(frame, size) if self._matte else to_rgb(frame.picture, self._info, size)), begins

    def _grey(self, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        alpha = np.ascontiguousarray(self._info.turn.apply(matte_of(frame.picture)))
        grey = av.VideoFrame.from_ndarray((255 * alpha + 0.5).astype(np.uint8), format="gray")
        small = grey.reformat(width=size[1], height=size[0], interpolation=Interpolation.AREA)
        return np.repeat(small.to_ndarray()[..., None], 3, axis=2)

    def _shown(self, time: Fraction) -> tuple[Frame, Fraction]:
        until = time + min(_MILLISECOND, 1 / self._info.frame_rate / 4)
        first = self._part.start if self._part is not None else self._info.start
        earlier_s = Fraction(3, 2) / self._info.frame_rate
        while True:
            begin = self._zero + time - earlier_s
            is_all = begin <= first
            end = self._part.end if self._part is not None else None
            found = self._read(self._part if is_all else Cut(begin, end), until)
            if found is not None and (is_all or found[1] < until):
                return found
            if is_all:
                raise NotAVideo(f"{self._info.path}: has a video stream, but no frame could be decoded")
            # Frames are far apart, or the time lies behind the last one.
            earlier_s *= 4

    def _read(self, part: Cut | None, until: Fraction) -> tuple[Frame, Fraction] | None:
        """The last frame of a part that begins before a time, or else its first one; ``None``: there is none."""
        shift = part.shift(self._info.time_base) if part is not None else 0
        found: tuple[Frame, Fraction] | None = None
        frames = Reader(self._info, lambda message: None, part, with_alpha=self._matte).frames()
        for frame in frames:
            begins = (frame.meta.pts + shift) * self._info.time_base - self._zero
            if found is not None and begins >= until:
                break
            found = frame, begins
        frames.close()  # type: ignore[attr-defined]  # a generator: its file is closed now, and not some time
        return found


def fitted(info: MediaInfo, width: int, height: int) -> tuple[int, int]:
    """Height, even, and width of a picture with the shape of an input's, in so many square pixels."""
    shape = float(info.width * (info.sample_aspect_ratio or 1) / info.height)
    lines = max(2, 2 * min(height // 2, round(width / shape / 2)))
    return lines, max(1, min(width, round(lines * shape)))
