"""Whoever follows subjects by other means than mattes: where it sees them decides where the mattes' alpha counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from birefnet_video.matting.guidance.shot import Shot, corrected
from birefnet_video.matting.guidance.sight import SEEN, SPECK, Sight, parts

#: A mask's value, and the chance that a subject is in the picture, from which it is there.
_ON, _THERE = 0.5, 0.5
#: Share of a part of a matte that lies where a subject is from which all of the part is its.
_WHOLE = 0.9
#: Share of such a part that was carried to the subject from which nobody else is in it.
_ALONE = 0.98
#: Overlap of a figure with where its subject is seen below which it is another one.
_AGREE = 0.7


@dataclass(frozen=True, slots=True)
class Pointed:
    """What says who a subject is, in one frame: points and a box, or a mask. Places are shares of the sides."""

    points: tuple[tuple[float, float, bool], ...] = ()
    """Across, down, and whether the subject is there; otherwise somebody else is."""
    box: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom."""
    mask: np.ndarray | None = None
    """float32 (h, w) in [0, 1]; points and box do not count beside it."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a subject is seen in one frame."""

    mask: np.ndarray
    """float32 (h, w) in [0, 1], of the grid that figures are carried on."""
    score: float
    """The chance that it is in the picture, in [0, 1]."""

    @property
    def is_there(self) -> bool:
        """Whether it is seen at all."""
        return self.score >= _THERE and float((self.mask > _ON).mean()) >= SPECK


class Tracker(Protocol):
    """Follows subjects from frame to frame. What it keeps does not grow with the frames. One thread at a time."""

    def begin(self, rgb: np.ndarray, subjects: Mapping[str, Pointed]) -> Mapping[str, Tracked]:
        """Forget all, and follow these from a frame on.

        Args:
            rgb: the frame, uint8 (H, W, 3).
            subjects: what says who they are, by name; at least one.

        Returns:
            where they are in it.
        """
        ...

    def follow(self, rgb: np.ndarray) -> Mapping[str, Tracked]:
        """Where they are in the next frame, uint8 (H, W, 3)."""
        ...


def share_of(name: str, tracked: Mapping[str, Tracked], carried: np.ndarray, sight: Sight, margin: float) -> np.ndarray:
    """Of every pixel's alpha how much is a subject's, float32 (h, w) in [0, 1].

    A part of the matte that lies where the subject is seen, and in which nobody else is known, is its, whole: a
    tracker's edges are coarse. Of other parts it is what lies in the mask, and around it as much as was carried there.

    Args:
        name: of the subject, one of ``tracked``.
        tracked: where each is seen.
        carried: the share by what figures were before, float32 (h, w).
        sight: the frame.
        margin: how far around the mask alpha counts, as a share of the picture's diagonal.
    """
    if not tracked[name].is_there:
        return np.zeros_like(sight.alpha)
    inside = tracked[name].mask > _ON
    others = [each.mask > _ON for key, each in tracked.items() if key != name and each.is_there]
    taken = np.logical_or.reduce(others) & ~inside if others else np.zeros_like(inside)
    reach = max(1, round(margin * float(np.hypot(*sight.alpha.shape))))
    around = _widened(inside, reach)
    share = np.where(inside, 1.0, np.where(around & ~taken, carried, 0.0)).astype(np.float32)
    for part in parts(sight.alpha):
        here = part & around & ~taken
        if here.sum() >= _WHOLE * part.sum() and (carried[here] > _ON).mean() >= _ALONE:
            share[_widened(part, reach) & ~taken] = 1
    return share


def overruled(shot: Shot, tracked: Mapping[str, Tracked], away: Mapping[str, int], sight: Sight) -> Shot:
    """The figures of a frame where a tracker says which of them is whose.

    Args:
        shot: as it was carried to this frame.
        tracked: where each subject is seen.
        away: for how many frames, this one too, each was not seen.
        sight: the frame.
    """
    known = {figure.name: figure for figure in shot.figures if figure.name is not None}
    wrong: dict[str | None, list[np.ndarray]] = {}
    for name, each in tracked.items():
        own = np.where((sight.alpha > SEEN) & (each.mask > _ON), sight.alpha, 0).astype(np.float32)
        is_seen = each.is_there and own.sum() >= SPECK * own.size
        if is_seen and not (name in known and _agree(known[name].matte, own)):
            wrong[name] = [own]
    if wrong:
        shot = corrected(shot, wrong, sight)
    # Who is not in the picture is hidden, whoever was taken for it.
    figures = tuple(
        replace(figure, matte=np.zeros_like(figure.matte), hidden_for=away[figure.name])
        if figure.name is not None and away.get(figure.name)
        else figure
        for figure in shot.figures
    )
    return replace(shot, figures=figures, unclear=shot.unclear - tracked.keys())


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.minimum(one, other).sum() >= _AGREE * np.maximum(one, other).sum())


def _widened(mask: np.ndarray, by: int) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0
