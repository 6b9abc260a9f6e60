"""Where to look closer for what a prompt means."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from birefnet_video.matting.guidance.region import Box, Region, box_around, region_around
from birefnet_video.options.prompts import Largest, MaskPicture, Point, Prompt, box_of_prompt

#: Sides of the parts of the picture that are looked at around a point, one after another.
_AROUND_POINT = (0.5, 0.25, 0.125)
#: Room around a box or a mask, in its longer sides, in parts that are looked at after the nearest: what is cut out of
#: its surroundings may mean nothing to a network.
_WIDER = (1.0, 3.0)
#: Top and left of the parts in which the largest figure is looked for where none is seen in all of the picture, and
#: their side: from the middle outwards.
_ANYWHERE = tuple((top, left) for top in (0.25, 0.0, 0.5) for left in (0.25, 0.0, 0.5))
_HALF = 0.5


def places_of(
    prompt: Prompt, size: tuple[int, int], masks: Mapping[Path, np.ndarray], least: float
) -> Iterator[Region]:
    """Parts of the picture that may show the subject of a prompt, the likeliest first.

    Args:
        prompt: what was said.
        size: width and height of the picture.
        masks: of prompts by mask, uint8 (H, W).
        least: side of a part; see :func:`least_side`.
    """
    place = place_of(prompt, size, masks)
    if isinstance(prompt, Largest):
        yield from (Region(top, left, _HALF) for top, left in _ANYWHERE)
    elif place is None:
        return
    elif isinstance(prompt, Point):
        for side in dict.fromkeys(max(each, least) for each in _AROUND_POINT):
            yield Region.moved_in(place.top - side / 2, place.left - side / 2, side)
    else:
        for wide in (place, *map(place.grown, _WIDER)):
            yield region_around(wide, least=least)


def place_of(prompt: Prompt, size: tuple[int, int], masks: Mapping[Path, np.ndarray]) -> Box | None:
    """What a prompt marks of the picture, for a point without sides; ``None``: it says no place in it.

    Args:
        prompt: what was said.
        size: width and height of the picture.
        masks: of prompts by mask, uint8 (H, W).
    """
    if isinstance(prompt, MaskPicture):
        return box_around(masks[prompt.path].astype(np.float32) / 255)
    place = box_of_prompt(prompt, size)
    if place is None:
        return None
    left, top, right, bottom = place
    if isinstance(prompt, Point):
        return Box(top, left, bottom, right)
    inside = Box(max(top, 0.0), max(left, 0.0), min(bottom, 1.0), min(right, 1.0))
    return inside if inside.bottom > inside.top and inside.right > inside.left else None
