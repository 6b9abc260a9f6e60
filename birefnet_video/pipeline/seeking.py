"""Who was said to be at a place where nothing is seen: the place is carried along, and looked at again for a while."""

from dataclasses import dataclass, replace

import numpy as np

from birefnet_video.matting.guidance.region import Box
from birefnet_video.matting.guidance.sight import Carried
from birefnet_video.options.prompts import Box as BoxPrompt
from birefnet_video.options.prompts import Length, Point, Prompt

#: Seconds after which somebody who comes there is no longer taken for who was meant.
_SOUGHT_S = 2.0
#: From the number of frames up to one look to that up to the next one: every look is several of the network.
_RARER = 1.25
#: Mean trust in motion below which a place stays where it is.
_TRUSTED = 0.3


@dataclass(frozen=True, slots=True)
class Sought:
    """One of them."""

    subject: str
    box: Box
    """Where it would be by now; a point is a box without sides."""
    frames: int = 0
    """Frames since that was said."""
    next_look: int = 1
    """Of how many frames after."""

    def carried(self, carried: Carried) -> "Sought":
        """In the next frame of a shot, by where its pixels come from."""
        down, across = self._way(carried)
        box = self.box
        return replace(self, box=Box(box.top + down, box.left + across, box.bottom + down, box.right + across))

    def later(self, rate: float) -> "Sought | None":
        """A frame later; ``None``: it was looked for long enough, or its place has left the picture.

        Args:
            rate: frames a second.
        """
        middle = ((self.box.top + self.box.bottom) / 2, (self.box.left + self.box.right) / 2)
        if self.frames + 1 > _SOUGHT_S * rate or not all(0 <= each < 1 for each in middle):
            return None
        return replace(self, frames=self.frames + 1)

    @property
    def is_due(self) -> bool:
        """Whether its place is to be looked at in this frame."""
        return self.frames >= self.next_look

    def looked(self) -> "Sought":
        """After a look that has shown nothing."""
        return replace(self, next_look=max(self.frames + 1, round(_RARER * self.frames)))

    @property
    def prompt(self) -> Prompt:
        """What says the same of this frame."""
        box = self.box
        left, top, width, height = (
            Length(100 * share, is_share=True)
            for share in (box.left, box.top, box.right - box.left, box.bottom - box.top)
        )
        if not (width.amount or height.amount):
            return Point(at=(left, top), subject=self.subject)
        return BoxPrompt(box=(left, top, width, height), subject=self.subject)

    def mirrored(self) -> "Sought":
        """The same where left is right."""
        box = self.box
        return replace(self, box=Box(box.top, 1 - box.right, box.bottom, 1 - box.left))

    def _way(self, carried: Carried) -> tuple[float, float]:
        """Down and across, in shares of the sides, that what lies there has moved by."""
        height, width = carried.trust.shape
        rows, columns = (
            slice(max(0, int(first * side)), max(0, int(last * side)) + 1)
            for first, last, side in ((self.box.top, self.box.bottom, height), (self.box.left, self.box.right, width))
        )
        trust = carried.trust[rows, columns]
        if not trust.size or trust.mean() < _TRUSTED:
            return 0.0, 0.0
        lines, positions = np.mgrid[rows, columns][:, : trust.shape[0], : trust.shape[1]]
        from_there = carried.places[rows, columns]
        across = float(((positions - from_there[..., 0]) * trust).sum() / trust.sum())
        down = float(((lines - from_there[..., 1]) * trust).sum() / trust.sum())
        return down / height, across / width
