"""Window and level: which values a network sees as black and as white."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from birefnet_video.options.stacks import Window
from birefnet_video.stacks.stack import StackInfo

#: Per cent of the voxels on either side that ``auto`` leaves out: metal, air, defects.
_OUTER = 0.5
#: Voxels by which values are judged, at most: 16 MB of them.
_MOST_JUDGED = 1 << 22


class Shown(NamedTuple):
    """What a window came to."""

    low: float
    """Of black, in the volume's own unit."""
    high: float
    """Of white."""
    why: str
    """Where it comes from, in words."""


@dataclass(frozen=True, slots=True)
class Toner:
    """Makes pictures of eight bits of slices."""

    shown: Shown | None
    """None: they have eight bits already."""
    is_inverted: bool = False

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """A slice (H, W) or (H, W, 3) as uint8 RGB (H, W, 3); what is no number is black."""
        if self.shown is None:
            grey = plane.astype(np.uint8, copy=False)
        else:
            low, high, _ = self.shown
            scaled = (plane.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
            grey = np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255).round().astype(np.uint8)
        if self.is_inverted:
            grey = 255 - grey
        return np.ascontiguousarray(grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2))


def toner_for(window: Window, info: StackInfo, slices: Iterable[np.ndarray]) -> Toner:
    """What shows a stack.

    Args:
        window: as it was asked for.
        info: of the stack.
        slices: all of them; read only if the window depends on their values.
    """
    if window.kind == "given":
        return Toner(Shown(*window.limits, "as given"), info.is_inverted)
    if window.kind == "auto" and info.own_window is not None:
        return Toner(Shown(*info.own_window, "the file's own window"), info.is_inverted)
    if window.kind == "auto" and not info.is_deep:
        return Toner(None, info.is_inverted)
    return Toner(_by_values(window, info, slices), info.is_inverted)


def _by_values(window: Window, info: StackInfo, slices: Iterable[np.ndarray]) -> Shown:
    step = max(1, -(-int(np.prod(info.shape)) // _MOST_JUDGED))
    judged, low, high = [], np.inf, -np.inf
    for plane in slices:
        values = plane.ravel()
        finite = values[np.isfinite(values)] if plane.dtype.kind == "f" else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            judged.append(finite[::step].astype(np.float32))
    why = "from the least value to the largest"
    if window.kind == "auto" and judged:
        inner = np.percentile(np.concatenate(judged), (_OUTER, 100 - _OUTER))
        if inner[1] > inner[0]:
            (low, high), why = (float(each) for each in inner), f"without the outer {_OUTER:g}% of the values"
    if not high > low:
        low = low if np.isfinite(low) else 0.0
        return Shown(low, low + 1, "all values are the same")
    return Shown(low, high, why)
