"""Pictures and mattes brought along motion: torch operators, on whatever device holds them."""

from dataclasses import dataclass

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from birefnet_video.matting.temporal.motion import SPACING, TOLERANCE, TOLERANCE_SLOPE
from birefnet_video.types import Motion


@dataclass(frozen=True, slots=True)
class Flow:
    """Ways from the points of one picture to those of another, and from there back."""

    there: Tensor
    """float32 (1, 2, h, w): see :attr:`Motion.forward`."""
    back: Tensor
    """The same, from the points of the other picture."""

    def then(self, other: "Flow") -> "Flow":
        """This way, and on by ``other`` from where it leads."""
        return Flow(self.there + _follow(self.there, other.there), other.back + _follow(other.back, self.back))

    def missed(self) -> tuple[Tensor, Tensor]:
        """By how much the ways back miss the beginnings, squared, and how long the ways are: float32 (1, 1, h, w)."""
        missed = (self.there + _follow(self.there, self.back)).square().sum(1, keepdim=True)
        return missed, self.there.square().sum(1, keepdim=True).sqrt()

    def trust(self) -> Tensor:
        """float32 (1, 1, h, w) in [0, 1]: whether the ways agree, which they do not where something comes or goes."""
        missed, length = self.missed()
        return torch.exp(-0.5 * missed / (TOLERANCE + TOLERANCE_SLOPE * length).square())


@dataclass(frozen=True, slots=True)
class Warp:
    """A :class:`Flow` for pictures of the mattes' size."""

    places: Tensor
    """float32 (1, 2, H, W): where to look in the other picture, across and down, from -1 to 1."""
    trust: Tensor
    """float32 (1, 1, H, W) in [0, 1]."""

    def apply(self, x: Tensor) -> Tensor:
        """The other picture, float32 (1, C, H, W), as it would look from here."""
        return _sample(x, self.places)

    def apply_at(self, x: Tensor, where: Tensor) -> Tensor:
        """The same at some pixels: (1, C, H, W) and indices (N,) of H x W -> (C, N)."""
        # Of two dimensions: torch takes many times as long to choose from three.
        return _sample(x, self.places[0].flatten(1).index_select(1, where)[None, :, None])[0, :, 0]

    def trust_at(self, where: Tensor) -> Tensor:
        """float32 (N,) in [0, 1]."""
        return self.trust.flatten().index_select(0, where)


def make_warp(path: Flow, size: tuple[int, int]) -> Warp:
    """The warp of mattes of ``size`` (height, width) along ``path``."""
    return _warp(path, size, path.trust())


@dataclass(frozen=True, slots=True)
class Step:
    """From a picture to the next one of the same shot, and back."""

    forward: Flow
    backward: Flow
    to_next: Warp
    """The next picture as seen from this one."""
    to_previous: Warp
    """This picture as seen from the next one."""
    trust: Tensor
    """Of the way back, float32 (1, 1, h, w) in [0, 1]."""

    def coarse(self) -> Warp:
        """:attr:`to_previous` for mattes of the size that flow was found in."""
        way = self.backward.there
        return Warp(_places(way.clone(), way.shape[2:]), self.trust)


@dataclass(frozen=True, slots=True)
class DeviceMotion:
    """A :class:`birefnet_video.types.Motion` that lies on a device."""

    forward: Flow
    """From the earlier picture to the later one, and back."""
    is_cut: bool
    """See :class:`birefnet_video.types.Motion`."""
    continues: bool
    """The same."""


def make_step(motion: Motion | DeviceMotion, size: tuple[int, int], device: torch.device) -> Step:
    """A step along ``motion`` for mattes of ``size`` (height, width) on ``device``."""
    if isinstance(motion, DeviceMotion):
        there, back = (flow.to(device) for flow in (motion.forward.there, motion.forward.back))
    else:
        there, back = (
            torch.from_numpy(flow).to(device).permute(2, 0, 1)[None].contiguous()
            for flow in (motion.forward, motion.backward)
        )
    forward, backward = Flow(there, back), Flow(back, there)
    trust = backward.trust()
    return Step(forward, backward, make_warp(forward, size), _warp(backward, size, trust), trust)


def _warp(path: Flow, size: tuple[int, int], trust: Tensor) -> Warp:
    return Warp(_places(_enlarged(path.there, size), path.there.shape[2:]), _enlarged(trust, size))


def _follow(flow: Tensor, x: Tensor) -> Tensor:
    """``x`` (1, C, h, w) at the ends of ``flow`` (1, 2, h, w)."""
    return _sample(x, _places(flow.clone(), flow.shape[2:]))


def _places(flow: Tensor, found_at: torch.Size) -> Tensor:
    """Where ``flow`` (1, 2, H, W) leads, from -1 to 1, in its own memory.

    Args:
        flow: of any size.
        found_at: height and width of the field that it was found in, which its unit follows from.
    """
    flow[:, 0].mul_(2 / (SPACING * found_at[1])).add_(_centres(flow.shape[3], flow.device))
    flow[:, 1].mul_(2 / (SPACING * found_at[0])).add_(_centres(flow.shape[2], flow.device)[:, None])
    return flow


def _centres(side: int, device: torch.device) -> Tensor:
    """Where the centres of ``side`` pixels lie, from -1 to 1."""
    return (torch.arange(side, device=device) + 0.5) * (2 / side) - 1


def _enlarged(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """``x`` (1, C, h, w) at another size, linearly; in memory of its own."""
    if x.device.type != "cpu":
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    # The same numbers in a quarter of torch's time.
    out = torch.empty(1, x.shape[1], *size)
    for plane, large in zip(x[0].numpy(), out[0].numpy(), strict=True):
        cv2.resize(plane, (size[1], size[0]), dst=large, interpolation=cv2.INTER_LINEAR)
    return out


def _sample(x: Tensor, places: Tensor) -> Tensor:
    grid = places.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
