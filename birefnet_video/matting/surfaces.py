"""Pictures whose two components of chroma lie side by side, as GPUs decode them: their planes as tensors."""

import av
import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from birefnet_video.inputs.surfaces import SEMI_PLANAR, is_on_device
from birefnet_video.matting.upload import upload, whole_numbers

#: By format: bits of a sample, and what divides samples that lie in the upper bits.
_SAMPLES = dict(zip(SEMI_PLANAR, ((8, 1), (10, 64), (16, 1)), strict=True))


def bits_of(picture: av.VideoFrame) -> int | None:
    """Bits of the samples that :func:`stored_planes` gives; ``None``: it takes no such picture."""
    found = _SAMPLES.get(_format_of(picture))
    return None if found is None else found[0]


def stored_planes(picture: av.VideoFrame, device: torch.device) -> list[Tensor]:
    """Luma (H, W) and two planes of chroma as they are stored, float32 on ``device``; whole numbers.

    Args:
        picture: NV12, P010 or P016, in the CPU's memory or on that device, where it is read without a way around.
            One on the device must be kept until what is computed of these planes is done.
        device: a torch device.
    """
    divisor = _SAMPLES[_format_of(picture)][1]
    read = _lying if is_on_device(picture) else _uploaded
    luma, chroma = (read(picture, index, device) for index in range(2))
    planes = [luma, chroma[..., 0], chroma[..., 1]]
    return [(plane / divisor if divisor > 1 else plane).contiguous() for plane in planes]


def _format_of(picture: av.VideoFrame) -> str:
    stored = picture.sw_format if is_on_device(picture) else picture.format
    return "" if stored is None else stored.name


def _lying(picture: av.VideoFrame, index: int, device: torch.device) -> Tensor:
    if device.type == "cuda":
        # Decoders write on the default stream; PyAV does not wait for it, and neither does the CPU here.
        torch.cuda.current_stream(device).wait_stream(torch.cuda.default_stream(device))
    # As a capsule: PyAV refuses the stream that torch would name for the object.
    return whole_numbers(from_dlpack(picture.planes[index].__dlpack__()))


def _uploaded(picture: av.VideoFrame, index: int, device: torch.device) -> Tensor:
    plane = picture.planes[index]
    samples = np.frombuffer(memoryview(plane), np.uint8 if _format_of(picture) == "nv12" else "<u2")
    lines = samples[: plane.height * (plane.line_size // samples.itemsize)].reshape(plane.height, -1)
    if index == 0:
        return upload(lines[:, : plane.width], device)
    return upload(lines[:, : 2 * plane.width], device).view(plane.height, plane.width, 2)
