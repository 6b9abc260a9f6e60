"""Pictures on their way to a device and back: planes of whole numbers, through pinned memory where there is CUDA."""

from collections.abc import Sequence

import av
import numpy as np
import torch
from torch import Tensor

from birefnet_video.colour.convert import plane_array

_LARGEST = 0xFFFF
_DTYPES = {"uint8": torch.uint8, "int16": torch.int16, "float32": torch.float32}


def upload(samples: np.ndarray, device: torch.device) -> Tensor:
    """Samples uint8, uint16 or float32 (H, W) as float32 (H, W) on ``device``; they may change afterwards."""
    # torch computes in int16, not in uint16.
    return whole_numbers(as_it_is(samples.view(np.int16) if samples.dtype == np.uint16 else samples, device))


def as_it_is(samples: np.ndarray, device: torch.device) -> Tensor:
    """Samples uint8, int16 or float32 on ``device``, as they are; they may change afterwards."""
    staged = torch.empty(samples.shape, dtype=_DTYPES[samples.dtype.name], pin_memory=device.type == "cuda")
    staged.numpy()[:] = samples
    return staged.to(device, non_blocking=device.type == "cuda")


def whole_numbers(samples: Tensor) -> Tensor:
    """Samples uint8, or 16 bits without a sign in int16 or uint16, as float32; float32 as it is."""
    if samples.dtype in (torch.int16, torch.uint16):
        return samples.view(torch.int16).to(torch.int32).bitwise_and_(_LARGEST).float()
    return samples.float()


def download(planes: Sequence[Tensor], depths: Sequence[int], out: av.VideoFrame) -> None:
    """Round planes float32 (H, W) and write them into a frame, once the device has computed them.

    Args:
        planes: of the frame's sizes; values out of range become the least or largest.
        depths: bits of a sample, one a plane.
        out: takes them.
    """
    whole = []
    for plane, bits in zip(planes, depths, strict=True):
        rounded = (plane + 0.5).clamp_(0, (1 << bits) - 1)
        whole.append(rounded.to(torch.uint8) if bits <= 8 else rounded.to(torch.int32).to(torch.int16))
    for index, samples in enumerate(fetched(whole)):
        plane_array(out, index)[:] = samples


def fetched(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    """Tensors in the CPU's memory, once their device has computed them; int16 becomes uint16."""
    on_cuda = tensors[0].device.type == "cuda"
    staged = []
    for each in tensors:
        home = torch.empty(each.shape, dtype=each.dtype, pin_memory=on_cuda)
        staged.append(home.copy_(each, non_blocking=on_cuda))
    if on_cuda:
        # Waited for without keeping a core busy.
        arrived = torch.cuda.Event(blocking=True)
        # Of their device, which need not be the current one.
        arrived.record(torch.cuda.current_stream(tensors[0].device))
        arrived.synchronize()
    arrays = [home.numpy() for home in staged]
    return [samples.view(np.uint16) if samples.dtype == np.int16 else samples for samples in arrays]
