"""Cameras whose pictures carry their own number, and that go away when told."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from clips import make_clip

from birefnet_video.devices.camera import Taken
from birefnet_video.inputs.probe import probe
from birefnet_video.types import MediaInfo

#: Bits of a number, each painted as a square.
_BITS, _SIDE = 16, 16


def painted(number: int, size: tuple[int, int] = (256, 96)) -> av.VideoFrame:
    """A grey picture with ``number`` as black and white squares in its upper left; width and height in ``size``."""
    width, height = size
    luma = np.full((height, width), 128, np.uint8)
    for bit in range(_BITS):
        luma[:_SIDE, bit * _SIDE : (bit + 1) * _SIDE] = 220 if number >> bit & 1 else 30
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, (luma, 128, 128), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[arg-type]
        rows[:, : plane.width] = values
    return frame


def read_number(luma: np.ndarray) -> int:
    """The number painted in a picture uint8 (H, W)."""
    centres = luma[_SIDE // 2, _SIDE // 2 : _BITS * _SIDE : _SIDE]
    return sum(int(value > 128) << bit for bit, value in enumerate(centres))


def camera_info(folder: Path, size: tuple[int, int] = (256, 96)) -> MediaInfo:
    """Of the pictures that :func:`painted` makes."""
    return probe(make_clip(folder / "shape.mp4", frames=2, size=size))


class PaintedCamera:
    """See :class:`birefnet_video.devices.camera.Camera`."""

    def __init__(
        self,
        info: MediaInfo,
        *,
        count: int,
        rate: float,
        first: int = 0,
        lost: bool = False,
        picture: Callable[[int], av.VideoFrame] = painted,
    ) -> None:
        """
        Args:
            info: of the pictures.
            count: of pictures.
            rate: pictures a second.
            first: number of the first.
            lost: at the end the device goes away, rather than that a file ends.
            picture: makes one of its number.
        """
        self.info = replace(info, frame_rate=Fraction(rate).limit_denominator(1000))
        self.is_device = lost
        self.taken_at: dict[int, float] = {}
        self.closed = 0
        self._count, self._rate, self._first, self._picture = count, rate, first, picture

    def pictures(self, stop: threading.Event) -> Iterator[Taken]:
        started = time.monotonic()
        for index in range(self._count):
            due = started + index / self._rate
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            at = time.monotonic()
            self.taken_at[self._first + index] = at
            yield Taken(self._picture(self._first + index), at)
        if self.is_device:
            raise OSError("unplugged")

    def close(self) -> None:
        self.closed += 1
