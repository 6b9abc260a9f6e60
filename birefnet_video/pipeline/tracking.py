"""A tracker beside a follower: it is told who is who, and says where they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.shot import Shot, shares_of
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.matting.guidance.tracker import Pointed, Tracked, Tracker, overruled, share_of
from birefnet_video.options.prompts import Box, MaskPicture, Point, Prompt, box_of_prompt


class Tracking:
    """Tells a tracker of prompts in its own words, and has it overrule what figures were carried to."""

    def __init__(
        self, tracker: Tracker, size: tuple[int, int], masks: Mapping[Path, np.ndarray], margin: float
    ) -> None:
        """
        Args:
            tracker: who follows.
            size: width and height of the upright pictures.
            masks: of prompts by mask, uint8 (H, W).
            margin: see :func:`birefnet_video.matting.guidance.tracker.share_of`.
        """
        self._tracker, self._size, self._masks, self._margin = tracker, size, masks, margin
        self._tracked: Mapping[str, Tracked] = {}
        self._away: dict[str, int] = {}
        self.shares: dict[str, np.ndarray] = {}
        """Of each subject in the latest frame, float32 (h, w)."""

    def follow(self, view: np.ndarray, shot: Shot, sight: Sight) -> Shot:
        """One more frame, uint8 (H, W, 3), that figures were carried to; the figures as the tracker sees them."""
        if self._tracked:
            self._tracked = self._tracker.follow(view)
        return self._ruled(shot, sight, is_next=True)

    def tell(self, names: Sequence[str], due: Sequence[Prompt], view: np.ndarray, shot: Shot, sight: Sight) -> Shot:
        """Who is who in a frame that was followed.

        Args:
            names: of those who were found just now.
            due: prompts about the frame; who is named by none of them is where its figure is.
            view: uint8 (H, W, 3).
            shot: with their figures.
            sight: the frame.
        """
        known = {figure.name: figure for figure in shot.figures}
        told = {name: self._pointed(name, due, known[name].matte) for name in names if name in known}
        if not told:
            return shot
        # The others go on from where they are.
        others = {
            name: Pointed(mask=each.mask) for name, each in self._tracked.items() if name not in told and each.is_there
        }
        self._tracked = self._tracker.begin(view, {**others, **told})
        return self._ruled(shot, sight, is_next=False)

    def _ruled(self, shot: Shot, sight: Sight, *, is_next: bool) -> Shot:
        self._away = {
            name: 0 if each.is_there else self._away.get(name, 0) + is_next for name, each in self._tracked.items()
        }
        shot = overruled(shot, self._tracked, self._away, sight)
        carried, everything = shares_of(shot), np.ones_like(sight.alpha)
        self.shares = {
            name: share_of(name, self._tracked, carried.get(name, everything), sight, self._margin)
            for name in self._tracked
        }
        return shot

    def _pointed(self, name: str, due: Sequence[Prompt], matte: np.ndarray) -> Pointed:
        """What prompts say of a subject, or its figure."""
        own = [prompt for prompt in due if prompt.subject == name and not prompt.excluded]
        mask = next((each for each in own if isinstance(each, MaskPicture)), None)
        if mask is not None:
            return Pointed(mask=resized(self._masks[mask.path], matte.shape).astype(np.float32) / 255)
        points = [
            (*place[:2], prompt in own)
            for prompt in due
            if isinstance(prompt, Point) and (place := box_of_prompt(prompt, self._size)) is not None
        ]
        box = next((box_of_prompt(each, self._size) for each in own if isinstance(each, Box)), None)
        if box is None and not any(is_own for *_, is_own in points):
            return Pointed(mask=matte)
        return Pointed(tuple(points), box)
