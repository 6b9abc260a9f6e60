"""The one way from a picture to its matte, and from a matte to what is made of it."""

from dataclasses import dataclass

import av
import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending, check_mattes
from birefnet_video.colour.convert import to_rgb
from birefnet_video.options.matte import EditSpec
from birefnet_video.pipeline.compositor import Compositor, Made
from birefnet_video.types import Frame, Matte, MediaInfo


@dataclass(frozen=True, slots=True)
class Matting:
    """A network that is open and a compositor: makes mattes and composes them, for files, cameras and stills alike.

    Mattes are made by one thread at a time; what composes says how many may.
    """

    backend: MattingBackend
    compositor: Compositor

    @property
    def info(self) -> BackendInfo:
        """What runs."""
        return self.backend.info

    def view(self, picture: av.VideoFrame, media: MediaInfo) -> np.ndarray:
        """What the network sees of a picture: upright sRGB of its own size, uint8 (h, w, 3)."""
        return to_rgb(picture, media, self.info.input_size)

    def begin(self, views: np.ndarray) -> Pending:
        """Begin the mattes of views, uint8 (N, h, w, 3); see :meth:`MattingBackend.begin`.

        Raises:
            NoNumbers: when they are collected, if they are none.
        """
        pending = self.backend.begin(views)
        if self.info.device.startswith("cuda"):
            # Seen to there, where it costs no core's time.
            return pending
        return lambda: check_mattes(pending(), self.info)

    def matte(self, frame: Frame, media: MediaInfo) -> Matte:
        """The matte of one picture, at the network's size."""
        view = self.view(frame.picture, media)
        return Matte(frame, self.begin(view[None])()[0], view)

    def compose(self, matte: Matte, edit: EditSpec) -> Made:
        """See :meth:`Compositor.compose`."""
        return self.compositor.compose(matte, edit)

    def close(self) -> None:
        """Free the device. May be called twice."""
        self.backend.close()
