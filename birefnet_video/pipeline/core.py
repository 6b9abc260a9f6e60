"""The one way from a picture to its matte, and from a matte to what is made of it."""

from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np

from birefnet_video.backends.base import BackendInfo, MattingBackend, Pending, check_mattes
from birefnet_video.colour.convert import to_rgb
from birefnet_video.inputs.surfaces import is_on_device
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
    view_there: Callable[[av.VideoFrame, MediaInfo, tuple[int, int]], np.ndarray] | None = None
    """Makes the view of pictures that lie on a device; ``None``: they come to the CPU for it."""

    @property
    def info(self) -> BackendInfo:
        """What runs."""
        return self.backend.info

    def view(self, picture: av.VideoFrame, media: MediaInfo) -> np.ndarray:
        """What the network sees of a picture: upright sRGB of its own size, uint8 (h, w, 3)."""
        if self.view_there is not None and is_on_device(picture):
            return self.view_there(picture, media, self.info.input_size)
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
