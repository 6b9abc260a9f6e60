"""A figure's picture learned among others: what goes with it while others go elsewhere is its own.

Of somebody who has met others before all of him was seen, and of what the network has not seen of him before, the
picture is not known. It is learned as layers of a sequence are (Wang and Adelson, "Representing moving images with
layers", IEEE Transactions on Image Processing, 1994): by what stays the same in a layer's own frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from birefnet_video.matting.guidance.sight import SEEN, Sight
from birefnet_video.matting.guidance.template import Template

#: Room around a picture in which it may grow, and how far others must go against a figure until what has stayed with it
#: is its, as shares of the grid's longer side.
_ROOM, _WAY = 0.05, 0.033
#: Frames that it takes at least.
_FRAMES = 4
#: Levels of 255 by which pixels that show the same differ at most, and the window in which they are compared.
_ALIKE, _WINDOW = 14.0, 3
#: How much of each frame goes into what is shown.
_RATE = 0.2


@dataclass(frozen=True, slots=True)
class Watched:
    """What is seen at the place of a figure's picture and around it."""

    shown: np.ndarray
    """float32 (h, w, 3)."""
    way: np.ndarray
    """float32 (h, w): pixels that others have gone against the figure since it shows that."""

    def mirrored(self) -> "Watched":
        """The same where left is right."""
        return Watched(*(np.ascontiguousarray(plane[:, ::-1]) for plane in (self.shown, self.way)))


def learned(template: Template, watched: Watched | None, sight: Sight, apart: float) -> tuple[Template, Watched]:
    """A picture after a frame in which its figure is among others.

    Args:
        template: where it is in that frame.
        watched: up to the frame before; ``None``: it has just met them.
        sight: the frame.
        apart: pixels by which others move against it.

    Returns:
        the picture, with what now is known to belong to it, and what is watched.
    """
    longer = max(sight.alpha.shape)
    if watched is None:
        template = template.wider(round(_ROOM * longer))
        return template, Watched(template.under(sight.rgb), np.zeros_like(template.mask))
    now, seen = template.under(sight.rgb), template.under(sight.alpha)
    off = cv2.blur(np.square(now - watched.shown).mean(-1), (_WINDOW, _WINDOW))
    stays = (off < _ALIKE**2) & (seen > SEEN)
    way = np.where(stays, watched.way + np.float32(min(apart, _WAY * longer / _FRAMES)), 0)
    shown = np.where(stays[..., None], (1 - _RATE) * watched.shown + _RATE * now, now)
    own = (template.mask > SEEN).astype(np.uint8)
    found = (way > _WAY * longer) & (own == 0)
    if found.any():
        _, labels = cv2.connectedComponents(own | found, connectivity=8)
        found &= np.isin(labels, np.unique(labels[own > 0]))
        template = template.with_more(found, seen, shown)
    return template, Watched(shown, way)
