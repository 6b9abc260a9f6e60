"""PyTorch as it is: runs everywhere, and is what every other engine is compared with."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from birefnet_video.backends.base import BackendInfo, check_input
from birefnet_video.errors import BackendUnavailable
from birefnet_video.model.preprocess import normalise


class EagerBackend:
    """A network on a torch device, in float32."""

    def __init__(self, net: nn.Module, info: BackendInfo) -> None:
        """
        Args:
            net: normalised float32 (N, 3, h, w) -> raw logits (N, 1, h, w).
            info: what to run on; ``info.device`` is a torch device.

        Raises:
            BackendUnavailable: if the device is not there.
        """
        self._device = torch.device(info.device)
        try:
            self._net: nn.Module | None = net.eval().to(self._device).to(memory_format=torch.channels_last)
        except (RuntimeError, AssertionError) as error:
            raise BackendUnavailable(f"{info.device}: {str(error).splitlines()[0]}") from None
        self.info = replace(info, name="eager", precision="fp32")

    @torch.inference_mode()
    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        check_input(rgb, self.info)
        if self._net is None:
            raise ValueError("the backend is closed")
        pixels = torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device).permute(0, 3, 1, 2)
        try:
            alpha = torch.sigmoid(self._net(normalise(pixels)).float())
        except torch.OutOfMemoryError:
            raise BackendUnavailable(
                f"{self._device}: out of memory with {len(rgb)} frames of {self.info.input_size}",
                hint="use a smaller --batch-size or --size",
            ) from None
        return alpha[:, 0].cpu().numpy()

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        self._net = None
