"""Mattes that stay on the network's device."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from birefnet_video.matting.device_tensor import DeviceTensor, made_now

if TYPE_CHECKING:
    from torch import Tensor


class DevicePlane(DeviceTensor):
    """A plane float32 (H, W)."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self._tensor.shape
        return height, width


def staying(planes: "Sequence[Tensor]") -> list[DevicePlane]:
    """Planes float32 (H, W) of one device, which are there when all is done that the current stream was given."""
    ready = made_now(planes[0].device) if planes else None
    return [DevicePlane(plane, ready) for plane in planes]
