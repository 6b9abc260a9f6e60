"""Whether a figure is clearly seen: whoever is to follow the largest one waits for that."""

from collections.abc import Sequence

import numpy as np

from birefnet_video.matting.guidance.look import Look
from birefnet_video.matting.guidance.sight import SEEN, Sight, at_border

#: Least share of the picture that it fills; the same for one at the border, which may be a limb of whoever comes in.
_LEAST, _LEAST_AT_BORDER = 0.004, 0.04
#: Least mean alpha of what is seen of it.
_SURE = 0.8
#: Share of it that a closer look has to show as well.
_CONFIRMED = 0.5
#: What a pixel counts for of who is cut off by the picture's border.
_CUT_OFF = 1 / 3
#: Of pieces of one body: how alike they look; the largest width of what stands between them, as a share of theirs.
_ALIKE, _POST = 0.8, 0.4
#: Columns in which a piece ends; the least length of that edge, as a share of the piece's height, and of what lies
#: across from each other, as a share of the longer edge.
_EDGE, _LONG, _ACROSS = 3, 0.35, 0.7


def is_clear(matte: np.ndarray) -> bool:
    """Whether a figure float32 (h, w) is large and the network sure of it."""
    seen = matte > SEEN
    least = _LEAST_AT_BORDER if at_border(matte) else _LEAST
    return bool(seen.mean() >= least and matte[seen].mean() >= _SURE)


def largest(parts: Sequence[np.ndarray], sight: Sight) -> np.ndarray:
    """The largest of some parts bool (h, w), with those that a post in front cuts from it.

    Who is cut off by the picture's border counts for less, unless it is the lower one, as of whoever stands in front.

    Returns:
        bool (h, w); empty if there are no parts.
    """
    if not parts:
        return np.zeros(sight.alpha.shape, bool)
    first = max(parts, key=_weight)
    own = _look(first, sight)
    pieces = [
        part
        for part in parts
        if part is not first
        and (_are_cut_apart(first, part) or _are_cut_apart(first.T, part.T))
        and own.likeness(_look(part, sight)) >= _ALIKE
    ]
    whole: np.ndarray = np.logical_or.reduce([first, *pieces])
    return whole


def _are_cut_apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two parts lie side by side as if something narrow stood before what they are both of.

    What was cut ends in a long edge, and that of the other piece lies across from it; bodies touch the column next to
    them in a point.
    """
    (rows, columns), (other_rows, other_columns) = np.nonzero(one), np.nonzero(other)
    if columns.min() > other_columns.max():
        return _are_cut_apart(other, one)
    gap = other_columns.min() - columns.max()
    if not 0 < gap <= _POST * (np.ptp(columns) + np.ptp(other_columns)):
        return False
    ends = rows[columns > columns.max() - _EDGE], other_rows[other_columns < other_columns.min() + _EDGE]
    first, last = max(end.min() for end in ends), min(end.max() for end in ends)
    lengths = [np.ptp(end) + 1 for end in ends]
    is_long = all(
        length >= _LONG * (np.ptp(each) + 1) for length, each in zip(lengths, (rows, other_rows), strict=True)
    )
    return bool(is_long and last - first + 1 >= _ACROSS * max(lengths))


def _weight(part: np.ndarray) -> float:
    is_cut = part[0].any() or part[:, 0].any() or part[:, -1].any()
    return float(part.sum()) * (_CUT_OFF if is_cut else 1)


def _look(part: np.ndarray, sight: Sight) -> Look:
    return Look.of(sight.coded, np.where(part, sight.alpha, 0).astype(np.float32))


def is_confirmed(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a closer look, float32 (h, w), still shows what was seen before it."""
    return bool(np.minimum(before, after).sum() >= _CONFIRMED * before.sum())
