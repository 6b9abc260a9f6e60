"""See :func:`birefnet_video.colour.transfer.to_sdr`: the same by torch operators, on any device."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from birefnet_video.colour.transfer import KNEE, NARROW, WIDE_PRIMARIES, is_hdr, light_table, srgb_table
from birefnet_video.types import ColourTags

#: Tables that are kept on devices; one of light is 0.3 MB.
_KEPT = 8


def to_sdr(coded: Tensor, colour: ColourTags) -> Tensor:
    """Coded RGB of 16 bits -> sRGB uint8, both (3, H, W).

    Args:
        coded: int32 in [0, 65535].
        colour: what the values mean.
    """
    of_light, of_srgb = (_table(name, colour.transfer, coded.device) for name in ("light", "srgb"))
    light = of_light[coded]
    if colour.primaries == WIDE_PRIMARIES:
        # Sums by hand: in float32, whatever a library may take for matrices.
        red, green, blue = light
        light = torch.stack([r * red + g * green + b * blue for r, g, b in NARROW.tolist()]).clamp_(min=0)
    if is_hdr(colour):
        brightest = light.amax(0).clamp_(min=1e-6)
        rolled = KNEE + (1 - KNEE) * (1 - torch.exp(-(brightest - KNEE) / (1 - KNEE)))
        light = light * torch.where(brightest > KNEE, rolled / brightest, 1)
    steps = len(of_srgb) - 1
    return of_srgb[(light.clamp(0, 1).sqrt_() * steps + 0.5).to(torch.int32)]


def _table(name: str, transfer: int, device: torch.device) -> Tensor:
    """A table of light by coded values, float32, or of sRGB by light's square root, uint8."""
    kept = _kept_table(name, transfer if name == "light" else 0, device)
    if kept.is_cuda:
        # Its memory must not be given away while this thread's stream may still read it.
        kept.record_stream(torch.cuda.current_stream(device))
    return kept


@lru_cache(_KEPT)
def _kept_table(name: str, transfer: int, device: torch.device) -> Tensor:
    table = light_table(transfer) if name == "light" else srgb_table()
    # An ordinary tensor, although it is made while gradients are off: it outlives the call.
    with torch.inference_mode(mode=False):
        return torch.from_numpy(np.array(table)).to(device)
