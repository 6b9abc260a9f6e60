"""A camera's pictures as frames of one session: of one size, upright, at the time at which they were taken."""

import time
from dataclasses import replace
from fractions import Fraction

from birefnet_video.devices.camera import Taken
from birefnet_video.live.camera_thread import Caught
from birefnet_video.types import Frame, FrameMeta, MediaInfo

#: The clock of recordings.
_TICK = Fraction(1, 90_000)
#: Ticks from one picture to the next at least: a millisecond, the tick of Matroska.
_LEAST_STEP = 90


class Framing:
    """Of one session, whatever cameras it opens. One thread."""

    def __init__(self, info: MediaInfo) -> None:
        """
        Args:
            info: of the first camera.
        """
        self.info = replace(info, time_base=_TICK, subtitle_tracks=0, audio_tracks=0, chapters=(), start=Fraction(0))
        """Of all frames."""
        self._own_mirror = info.turn.mirror
        self._first_at: float | None = None
        self._camera = 0
        self._last_pts = -_LEAST_STEP

    def mirror(self, *, wanted: bool) -> bool:
        """Show left as right, or not; whether that is otherwise than before."""
        before = self.info
        self.info = replace(before, turn=replace(before.turn, mirror=self._own_mirror ^ wanted))
        return self.info.turn != before.turn

    def left_s(self, duration: Fraction | None) -> float | None:
        """Seconds until a session of so many is to end; ``None``: it goes on, or has not begun."""
        if duration is None or self._first_at is None:
            return None
        return max(0.0, self._first_at + float(duration) - time.monotonic())

    def since_first_s(self, taken: Taken) -> float:
        """Seconds at which a picture was taken; the first one that is asked for begins the session."""
        if self._first_at is None:
            self._first_at = taken.at
        return taken.at - self._first_at

    def is_other_camera(self, caught: Caught) -> bool:
        """Whether the camera was opened again between the picture before and this one."""
        before, self._camera = self._camera, caught.camera
        return self._camera != before

    def frame(self, caught: Caught) -> Frame:
        """The next picture."""
        taken = caught.taken
        self._last_pts = max(self._last_pts + _LEAST_STEP, round(self.since_first_s(taken) / _TICK))
        picture, info = taken.picture, self.info
        if (picture.width, picture.height) != (info.coded_width, info.coded_height):
            # A camera that has come back otherwise than it went.
            picture = picture.reformat(info.coded_width, info.coded_height)
        return Frame(FrameMeta(caught.index, self._last_pts, _TICK), picture)
