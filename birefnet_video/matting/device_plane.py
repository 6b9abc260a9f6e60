"""Planes that stay on the device that they were made on, from the thread that makes them to those that read them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class DevicePlane:
    """A plane float32 (H, W) on a device, which nobody writes to.

    Threads have streams of their own. What a stream has made is handed over here and nowhere else: whoever made it
    says when it is there (:func:`staying`); whoever reads it (:meth:`here`) lets its own stream wait for that, and
    keeps the memory from others until that stream is done with it.
    """

    __slots__ = ("_plane", "_ready")

    def __init__(self, plane: "Tensor", ready: Any = None) -> None:
        """
        Args:
            plane: float32 (H, W).
            ready: the event of CUDA after which it is there; ``None``: it is there.
        """
        self._plane, self._ready = plane, ready

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self._plane.shape
        return height, width

    def lies_on(self, device: "torch.device") -> bool:
        """Whether that is its device; one without a number is any of its kind."""
        own = self._plane.device
        return own.type == device.type and device.index in (None, own.index)

    def here(self) -> "Tensor":
        """The plane on its device, for what the current thread's stream is given from now on."""
        if self._ready is not None:
            import torch

            now = torch.cuda.current_stream(self._plane.device)
            now.wait_event(self._ready)
            self._plane.record_stream(now)
        return self._plane

    def home(self) -> np.ndarray:
        """The plane float32 (H, W) in the CPU's memory, once it is there."""
        from birefnet_video.matting.upload import fetched

        return fetched([self.here()])[0]


def staying(planes: "Sequence[Tensor]") -> list[DevicePlane]:
    """Planes float32 (H, W) of one device, which are there when all is done that the current stream was given."""
    ready = None
    if planes and planes[0].is_cuda:
        import torch

        ready = torch.cuda.Event()
        ready.record(torch.cuda.current_stream(planes[0].device))
    return [DevicePlane(plane, ready) for plane in planes]


def at_home(plane: np.ndarray | DevicePlane) -> np.ndarray:
    """A plane float32 (H, W) in the CPU's memory, wherever it lies."""
    return plane if isinstance(plane, np.ndarray) else plane.home()


def on_device(plane: np.ndarray | DevicePlane, device: "torch.device") -> "Tensor":
    """A plane float32 (H, W) on a device, for the current thread's stream; it may not be written to."""
    if isinstance(plane, DevicePlane) and plane.lies_on(device):
        return plane.here()
    from birefnet_video.matting.upload import upload

    return upload(at_home(plane), device)
