"""Whether a figure is clearly seen: whoever is to follow the largest one waits for that."""

import numpy as np

from birefnet_video.matting.guidance.figure import SEEN, at_border

#: Least share of the picture that it fills; the same for one at the border, which may be a limb of whoever comes in.
_LEAST, _LEAST_AT_BORDER = 0.004, 0.04
#: Least mean alpha of what is seen of it.
_SURE = 0.8
#: Share of it that a closer look has to show as well.
_CONFIRMED = 0.5


def is_clear(matte: np.ndarray) -> bool:
    """Whether a figure float32 (h, w) is large and the network sure of it."""
    seen = matte > SEEN
    least = _LEAST_AT_BORDER if at_border(matte) else _LEAST
    return bool(seen.mean() >= least and matte[seen].mean() >= _SURE)


def is_confirmed(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a closer look, float32 (h, w), still shows what was seen before it."""
    return bool(np.minimum(before, after).sum() >= _CONFIRMED * before.sum())
