"""Whether a part of a matte is more than one body, by its outline: heads that stand out of it side by side."""

import cv2
import numpy as np

#: Least height of what stands out, and its least mean width, in square roots of the part's area: heads are wider than
#: arms that are raised.
_HIGH, _WIDE = 0.18, 0.14
#: Lines between two looks at a part.
_STEP = 2


def is_several(part: np.ndarray) -> bool:
    """Whether two things or more stand out upwards of a part bool (h, w), each as high and wide as a head at least.

    The part is flooded from above, line by line; where two tops meet, both have to be large enough. Bodies one above
    the other, or whose heads lie one before the other, are not told apart.
    """
    area = float(part.sum())
    if not area:
        return False
    lines, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    cropped = part[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    unit = np.sqrt(area)
    for line in range(_STEP, len(cropped), _STEP):
        count, _, stats, _ = cv2.connectedComponentsWithStats(cropped[:line], connectivity=8)
        tops, heights, areas = (stats[1:count, at] for at in (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
        reaches = tops + heights == line
        if int((reaches & (heights >= _HIGH * unit) & (areas >= _WIDE * unit * heights)).sum()) > 1:
            return True
    return False
