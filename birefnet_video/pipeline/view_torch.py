"""What the network sees of pictures that lie on its device: made there."""

from collections.abc import Callable

import av
import numpy as np
import torch

from birefnet_video.backends.memory import is_memory
from birefnet_video.colour import convert
from birefnet_video.matting import view
from birefnet_video.matting.device_tensor import DeviceTensor, made_now
from birefnet_video.matting.upload import fetched
from birefnet_video.pipeline.torch_threads import ThreadStreams
from birefnet_video.types import MediaInfo


class ViewMaker:
    """Called by several threads at once. What the device has no memory for is made on the CPU, which is said once."""

    def __init__(self, device: str, notify: Callable[[str], None], *, stay: bool) -> None:
        """
        Args:
            device: that the pictures lie on.
            notify: takes what a user should know.
            stay: views stay there, and nobody waits for them here. A picture must be kept as long as its view.
        """
        self._device, self._notify, self._stay = torch.device(device), notify, stay
        self._streams = ThreadStreams(self._device)
        self._told = False

    def __call__(self, picture: av.VideoFrame, info: MediaInfo, size: tuple[int, int]) -> np.ndarray | DeviceTensor:
        """The upright picture at ``size`` (height, width) in sRGB, uint8 (height, width, 3), antialiased."""
        try:
            with torch.inference_mode(), self._streams.own():
                made = view.to_rgb(picture, info, size, self._device)
                return DeviceTensor(made, made_now(self._device)) if self._stay else fetched([made])[0]
        except RuntimeError as error:
            if not is_memory(error):
                raise
        if not self._told:
            self._told = True
            self._notify(f"{self._device}: out of memory for what the network sees: some of it is made on the CPU")
        return convert.to_rgb(picture, info, size)
