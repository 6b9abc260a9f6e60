"""The one way from a picture to its matte, and from a matte to what is made of it."""

from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np

from birefnet_video.backends.base import (
    BackendInfo,
    Mattes,
    MattingBackend,
    Pending,
    Views,
    begun_home,
    begun_there,
    check_mattes,
)
from birefnet_video.colour.convert import to_rgb
from birefnet_video.inputs.surfaces import is_on_device
from birefnet_video.matting.device_tensor import DeviceTensor, gathered
from birefnet_video.options.matte import EditSpec
from birefnet_video.pipeline.compositor import Compositor, CpuCompositor, Made
from birefnet_video.types import Frame, Matte, MediaInfo

#: Makes what the network sees, of its own size, of a picture that lies on a device.
ViewThere = Callable[[av.VideoFrame, MediaInfo, tuple[int, int]], np.ndarray | DeviceTensor]


@dataclass(frozen=True, slots=True)
class Matting:
    """A network that is open and a compositor: makes mattes and composes them, for files, cameras and stills alike.

    Mattes are made by one thread at a time; what composes says how many may.
    """

    backend: MattingBackend
    compositor: Compositor
    view_there: ViewThere | None = None
    """Makes the view of pictures that lie on a device; ``None``: they come to the CPU for it."""

    @property
    def info(self) -> BackendInfo:
        """What runs."""
        return self.backend.info

    @property
    def stays(self) -> bool:
        """Whether mattes that are on the network's device stay there: nobody but the compositor wants them at home."""
        return not isinstance(self.compositor, CpuCompositor)

    def view(self, picture: av.VideoFrame, media: MediaInfo) -> np.ndarray | DeviceTensor:
        """What the network sees of a picture: upright sRGB of its own size, uint8 (h, w, 3)."""
        if self.view_there is not None and is_on_device(picture):
            return self.view_there(picture, media, self.info.input_size)
        return to_rgb(picture, media, self.info.input_size)

    def begin(self, views: Views) -> Pending:
        """Begin the mattes of views, uint8 (N, h, w, 3); see :meth:`MattingBackend.begin`.

        Raises:
            NoNumbers: when they are collected, if they are none.
        """
        pending = begun_home(self.backend, views)
        if self.info.device.startswith("cuda"):
            # Seen to there, where it costs no core's time.
            return pending
        return lambda: check_mattes(pending(), self.info)

    def begin_for_compositor(self, views: Views) -> Callable[[], Mattes]:
        """Like :meth:`begin`, but mattes may stay on the device; see :attr:`stays`."""
        if not self.stays:
            return self.begin(views)
        pending, is_looked_at = begun_there(self.backend, views), self.info.device.startswith("cuda")

        def collect() -> Mattes:
            mattes = pending()
            # What stays was looked at there.
            return check_mattes(mattes, self.info) if isinstance(mattes, np.ndarray) and not is_looked_at else mattes

        return collect

    def matte(self, frame: Frame, media: MediaInfo) -> Matte:
        """The matte of one picture, at the network's size."""
        view = self.view(frame.picture, media)
        return Matte(frame, self.begin(gathered([view]))()[0], view)

    def compose(self, matte: Matte, edit: EditSpec) -> Made:
        """See :meth:`Compositor.compose`."""
        return self.compositor.compose(matte, edit)

    def close(self) -> None:
        """Free the device. May be called twice."""
        self.backend.close()
