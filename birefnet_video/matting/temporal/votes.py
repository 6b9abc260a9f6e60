"""What neighbouring frames say about a frame's matte, and how much each is to be believed."""

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.device_plane import DevicePlane
from birefnet_video.matting.device_tensor import DeviceTensor, at_home
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.temporal.warp import Warp

#: Values that differ by less count as the same: a step of eight bits.
_SAME = 1 / 256
#: A frame's own matte is nearly left out where all its neighbours differ from it by more, in the mean of a square of
#: three cells: it is missing there, not moving.
_MISSING, _MISSING_WEIGHT = 0.5, 0.1
#: Longest side of a matte in cells.
_CELLS = 60


@dataclass(frozen=True, slots=True)
class View:
    """A frame as smoothing sees it."""

    alpha: Tensor
    """float32 (1, 1, H, W) in [0, 1]."""
    colour: Tensor
    """float32 (1, 3, H, W) in [0, 1], without its grain."""


def make_view(rgb: np.ndarray | DeviceTensor, alpha: np.ndarray | DevicePlane, device: torch.device) -> View:
    """
    Args:
        rgb: uint8 (h, w, 3), of the matte's field of view and any size.
        alpha: float32 (H, W) in [0, 1].
        device: where smoothing happens.
    """
    if isinstance(alpha, DevicePlane) and alpha.lies_on(device):
        own = alpha.here()
    else:
        # A copy: whoever it comes from may write over it before it is needed for the last time.
        own = torch.from_numpy(np.array(at_home(alpha))).to(device)
    return View(own[None, None], make_colour(rgb, (alpha.shape[0], alpha.shape[1]), device))


def make_colour(rgb: np.ndarray | DeviceTensor, size: tuple[int, int], device: torch.device) -> Tensor:
    """:attr:`View.colour` of ``size`` (height, width)."""
    if isinstance(rgb, DeviceTensor) and rgb.lies_on(device) and rgb.shape[:2] == size:
        # The same to the last bit: a ninth of a whole number is never halfway between two.
        mirrored = F.pad(rgb.here().permute(2, 0, 1)[None].float(), (1, 1, 1, 1), mode="reflect")
        return F.avg_pool2d(mirrored, 3, stride=1).add_(0.5).floor_().mul_(1 / 255)
    channels = np.stack(cv2.split(cv2.blur(resized(at_home(rgb), size), (3, 3))))
    return torch.from_numpy(channels).to(device)[None].float().mul_(1 / 255)


class Neighbour(NamedTuple):
    """Another frame, and how to look at it."""

    alpha: Tensor
    colour: Tensor
    warp: Warp


class Opinions(NamedTuple):
    """Values for the pixels on which frames disagree, the frame's own ones first."""

    where: Tensor
    """(N,): indices of H x W."""
    values: Tensor
    """float32 (K, N) in [0, 1]."""
    weights: Tensor
    """float32 (K, N): 1 for the frame's own."""


def ask(view: View, neighbours: list[Neighbour], sigma: float, *, finds_missing: bool = False) -> Opinions | None:
    """What a frame and its neighbours say of its matte.

    Args:
        view: the frame.
        neighbours: at most a handful.
        sigma: distance of colours, in the space of RGB from 0 to 1, at which a neighbour's weight falls to 1 / e.
        finds_missing: believe neighbours where the subject is missing from the frame's own matte alone.

    Returns:
        ``None`` if all of them say the same.
    """
    warped = [neighbour.warp.apply(neighbour.alpha) for neighbour in neighbours]
    if not warped:
        return None
    most, least = reduce(torch.maximum, warped), reduce(torch.minimum, warped)
    spread = torch.maximum(most, view.alpha) - torch.minimum(least, view.alpha)
    where = (spread > _SAME).flatten().nonzero()[:, 0]
    if not len(where):
        return None
    values = torch.stack([alpha.flatten().index_select(0, where) for alpha in (view.alpha, *warped)])
    own_colour = view.colour.flatten(2)[0].index_select(1, where)
    own = torch.ones(len(where), device=where.device)
    if finds_missing:
        # How far all of them are on one side of it.
        beyond = torch.maximum(least - view.alpha, view.alpha - most)
        own.masked_fill_(_is_wide(beyond).index_select(0, where), _MISSING_WEIGHT)
    weights = [own]
    for neighbour in neighbours:
        distance = (neighbour.warp.apply_at(neighbour.colour, where) - own_colour).square().sum(0)
        weights.append(neighbour.warp.trust_at(where) * torch.exp(-distance / sigma**2))
    return Opinions(where, values, torch.stack(weights))


def replaced(alpha: Tensor, opinions: Opinions | None, values: Tensor | None) -> Tensor:
    """``alpha`` with new values (N,) where opinions differed."""
    if opinions is None or values is None:
        return alpha
    flat = alpha.flatten().clone()
    flat[opinions.where] = values
    return flat.view_as(alpha)


def weighted_median(opinions: Opinions) -> Tensor:
    """The least value of each column at which half of the weight is reached, (N,)."""
    half = opinions.weights.sum(0) / 2
    found, below = torch.full_like(half, torch.inf), torch.empty_like(opinions.values)
    # Sorting so few values takes twice as long.
    for value in opinions.values:
        torch.le(opinions.values, value, out=below)
        reached = below.mul_(opinions.weights).sum(0)
        found = torch.minimum(found, value.where(reached >= half, torch.inf))
    return found


def weighted_mean(opinions: Opinions) -> Tensor:
    """(N,)."""
    return (opinions.values * opinions.weights).sum(0) / opinions.weights.sum(0)


def _is_wide(beyond: Tensor) -> Tensor:
    """Where a difference (1, 1, H, W) is large in the mean of a whole neighbourhood: bool (H x W,)."""
    height, width = beyond.shape[2:]
    cell = max(1, round(max(height, width) / _CELLS))
    cells = F.avg_pool2d(beyond.clamp(min=0), cell, ceil_mode=True, count_include_pad=False)
    around = F.avg_pool2d(F.pad(cells, (1, 1, 1, 1), mode="replicate"), 3, stride=1) > _MISSING
    return around.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[..., :height, :width].flatten()
