"""Whose the pixels of a part are that a box marks only some of: others stand in the box, or before it.

A box is drawn around somebody, who therefore is in the middle of it and not beside it. From there his colours are
learned, and those of the rest, in turns; neighbours of one colour agree.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from birefnet_video.matting.guidance.agreement import agreed
from birefnet_video.matting.guidance.look import Look, extent
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.matting.guidance.template import box_of

#: How far from the middle of a box its subject reaches, as a share of its width: one standard deviation.
_REACHES = 0.25
#: Least likelihood of a place in a box, and of one outside of it.
_LEAST = 0.03
#: Share of a box around its middle in which colours are learned first, rounds, and least pixels to learn from.
_FIRST, _ROUNDS, _FEW = 0.5, 5, 8
#: What keeps logarithms from being too sure.
_SURE = 0.02
#: Share of a box's width within which others may reach into it from outside.
_NEAR = 0.25
#: Size of a connected part that counts, as a share of the largest.
_CRUMB = 0.15


def middle(box: np.ndarray, share: float) -> np.ndarray:
    """The middle columns of a box, bool (h, w): so much of its width."""
    columns = np.flatnonzero(box.any(0))
    held = np.zeros_like(box)
    if len(columns):
        by = (1 - share) / 2 * len(columns)
        held[:, columns[int(by)] : columns[min(round(len(columns) - by), len(columns) - 1)] + 1] = True
    return held & box


def likely_in(boxes: Sequence[np.ndarray], rivals: Sequence[np.ndarray], part: np.ndarray, sight: Sight) -> np.ndarray:
    """What of a part belongs to the subject of boxes, by places and colours, bool (h, w).

    Args:
        boxes: bool (h, w) each, around the subject.
        rivals: those around others, who stand in the middle of them.
        part: bool (h, w).
        sight: the frame.
    """
    inside = np.where(part, sight.alpha, 0).astype(np.float32)
    area = np.logical_or.reduce(boxes)
    place = np.maximum.reduce([_places(box) for box in boxes])
    for rival in rivals:
        place *= 1 - _places(rival)
    place = np.where(area, np.clip(place, _LEAST, 1 - _LEAST), 0)
    here = box_of(part, 4)
    odds = np.log((place[here] + _SURE) / (1 - place[here] + _SURE))
    share = np.logical_or.reduce([middle(box, _FIRST) for box in boxes]).astype(np.float32)
    for _ in range(_ROUNDS):
        own, rest = inside * share, inside * (1 - share)
        if min(own.sum(), rest.sum()) < _FEW:
            break
        seen = [Look.of(sight.coded, matte).likelihood(sight.coded, extent(matte), here) for matte in (own, rest)]
        total = seen[0] + seen[1]
        likely = 1 / (1 + np.exp(-odds - np.log(seen[0] / total + _SURE) + np.log(seen[1] / total + _SURE)))
        likely[~area[here]] = 0
        share = np.zeros_like(share)
        share[here] = agreed(np.stack([likely, 1 - likely]).astype(np.float32), sight.rgb[here])[0]
        share[~area] = 0
    return (share > 0.5) & part


def whole(chosen: np.ndarray, boxes: Sequence[np.ndarray], part: np.ndarray) -> np.ndarray:
    """What is chosen of a part, bool (h, w), with what nobody else can be, and without crumbs.

    Whoever else is in a box comes from outside of it: what is left over far from there is the subject's.
    """
    area = np.logical_or.reduce(boxes)
    beyond = part & ~area
    if beyond.any():
        away = cv2.distanceTransform((~beyond).astype(np.uint8), cv2.DIST_L2, 3)
        _, labels = cv2.connectedComponents((part & ~chosen).astype(np.uint8), connectivity=8)
        theirs = np.unique(labels[away <= _NEAR * int(area.any(0).sum())])
        chosen = chosen | (part & ~np.isin(labels, theirs))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(chosen.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept: np.ndarray = np.isin(labels, 1 + np.flatnonzero(areas >= _CRUMB * areas.max(initial=0)))
    return kept


def _places(box: np.ndarray) -> np.ndarray:
    """How likely the subject of a box is at each place by the columns, float32 (h, w)."""
    columns = np.flatnonzero(box.any(0))
    if not len(columns):
        return np.zeros(box.shape, np.float32)
    away = (np.arange(box.shape[1]) - (columns[0] + columns[-1]) / 2) / (_REACHES * len(columns))
    return (np.exp(-0.5 * away**2) * box).astype(np.float32)
