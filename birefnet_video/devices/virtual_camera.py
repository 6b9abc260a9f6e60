"""A camera for other programs, fed by this one."""

import av

from birefnet_video.errors import BackendUnavailable, first_line
from birefnet_video.types import MediaInfo


class VirtualCamera:
    """Pictures for video calls and streams, through v4l2loopback, OBS or UnityCapture. One thread."""

    def __init__(self, info: MediaInfo, name: str | None) -> None:
        """
        Args:
            info: of the pictures.
            name: of the device; ``None``: the first one that is free.

        Raises:
            BackendUnavailable: if the extra is not installed or there is no such device.
        """
        try:
            import pyvirtualcam
        except ImportError:
            raise BackendUnavailable(
                "--virtual-camera: pyvirtualcam is not installed", hint="pip install 'birefnet-video[webcam]'"
            ) from None
        try:
            self._camera = pyvirtualcam.Camera(
                info.width, info.height, float(info.frame_rate), device=name, fmt=pyvirtualcam.PixelFormat.RGB
            )
        except RuntimeError as error:
            raise BackendUnavailable(
                f"--virtual-camera: cannot be opened: {first_line(error)}", hint="docs/webcam.md says how to set one up"
            ) from None
        self.name: str = self._camera.device

    def show(self, picture: av.VideoFrame) -> None:
        """Give it a picture."""
        self._camera.send(picture.to_ndarray(format="rgb24", width=self._camera.width, height=self._camera.height))

    def close(self) -> None:
        """Release it."""
        self._camera.close()
