"""Where to look closer for what a prompt means."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from birefnet_video.matting.guidance.region import Box, Region, box_around, region_around
from birefnet_video.options.prompts import MaskPicture, Point, Prompt, box_of_prompt

#: Sides of the parts of the picture that are looked at around a point, one after another.
_AROUND_POINT = (0.5, 0.25, 0.125)
#: Top and left of the parts in which the largest figure is looked for where none is seen in all of the picture, and
#: their side: from the middle outwards.
_ANYWHERE = tuple((top, left) for top in (0.25, 0.0, 0.5) for left in (0.25, 0.0, 0.5))
_HALF = 0.5


def places_of(prompt: Prompt, size: tuple[int, int], masks: Mapping[Path, np.ndarray]) -> Iterator[Region]:
    """Parts of the picture that may show the subject of a prompt, the likeliest first.

    Args:
        prompt: what was said.
        size: width and height of the picture.
        masks: of prompts by mask, uint8 (H, W).
    """
    if isinstance(prompt, MaskPicture):
        box = box_around(masks[prompt.path].astype(np.float32) / 255)
        if box is not None:
            yield region_around(box)
        return
    place = box_of_prompt(prompt, size)
    if place is None:
        yield from (Region(top, left, _HALF) for top, left in _ANYWHERE)
        return
    left, top, right, bottom = place
    if isinstance(prompt, Point):
        for side in _AROUND_POINT:
            yield Region(min(max(top - side / 2, 0.0), 1 - side), min(max(left - side / 2, 0.0), 1 - side), side)
        return
    inside = Box(max(top, 0.0), max(left, 0.0), min(bottom, 1.0), min(right, 1.0))
    if inside.bottom > inside.top and inside.right > inside.left:
        yield region_around(inside)
