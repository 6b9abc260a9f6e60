"""Where every pixel of a picture goes in the next one, and whether the next one belongs to the same shot."""

from collections.abc import Callable

import cv2
import numpy as np

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.types import Motion

#: Longest side of the pictures that flow is found in. Flow, and tolerances here and in `warp`, are in their pixels.
FLOW_SIDE, _LEAST_SIDE = 480, 32
#: Pixels of those pictures from one vector to the next, across and down: flow is not found any finer.
SPACING = 2
#: Disagreement of the ways there and back at which trust falls to exp(-1/2): pixels, and share of the way's length.
TOLERANCE, TOLERANCE_SLOPE = 1.5, 0.04
#: A pixel counts as lost if the way there and back misses it by more: pixels, and share of the way's length.
LOST, LOST_SLOPE = 2.0, 0.05
#: Share of lost pixels from which two pictures belong to two shots. Whip pans lose up to .12, cuts .88 and more.
_CUT_SHARE = 0.5
#: Standard deviation of grey below which a picture is flat and shows no motion, and the step of grey that makes a cut
#: of a change to or from such a picture, or the deviation that does: a fade ends with less.
_FLAT, _FLAT_STEP, _FLAT_CONTRAST = 2.0, 24.0, 12.0
#: Mean step of grey, in pictures of a sixteenth of the size, below which there is no cut, for noise moves nowhere
#: either; in pictures of little contrast this share of their deviation.
_LEAST_STEP, _LEAST_SHARE, COARSE = 4.0, 0.5, 16


class MotionEstimator:
    """Dense inverse search in both directions (Kroeger et al., ECCV 2016)."""

    def __init__(self, width: int, height: int, *, thorough: bool = False, side: int = FLOW_SIDE) -> None:
        """
        Args:
            width: of the pictures as they are shown: their shape matters, not their size.
            height: the same.
            thorough: refine what was found, which takes three times as long.
            side: longest one of the pictures that flow is found in.
        """
        scale = side / max(width, height)
        self._shape = (max(_LEAST_SIDE, round(height * scale)), max(_LEAST_SIDE, round(width * scale)))
        self._thorough = thorough

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what :meth:`look` gives."""
        return self._shape

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the fields that :meth:`between` gives."""
        return grid_of(self._shape)

    def look(self, rgb: np.ndarray) -> np.ndarray:
        """What is needed of a picture uint8 (H, W, 3), whatever its size: grey uint8 (h, w)."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        return resized(grey, self._shape)

    def between(self, earlier: np.ndarray, later: np.ndarray) -> Motion:
        """The motion between two neighbours, as :meth:`look` gives them. From any thread."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        if not self._thorough:
            # Against the preset, half of the time for mattes that are as steady.
            search.setPatchStride(4)
            search.setGradientDescentIterations(16)
            search.setVariationalRefinementIterations(0)
        forward, backward = (
            cv2.resize(search.calc(*pair, None), None, fx=1 / SPACING, fy=1 / SPACING, interpolation=cv2.INTER_AREA)  # type: ignore[call-overload]
            for pair in ((earlier, later), (later, earlier))
        )
        return Motion(forward, backward, *_judge(earlier, later, forward, backward))


def _judge(earlier: np.ndarray, later: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> tuple[bool, bool]:
    size = (max(1, earlier.shape[1] // COARSE), max(1, earlier.shape[0] // COARSE))

    def coarse_step() -> float:
        coarse = [cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32) for each in (earlier, later)]
        return float(np.abs(coarse[0] - coarse[1]).mean())

    return judged(
        (float(earlier.std()), float(later.std())),
        abs(float(earlier.mean()) - float(later.mean())),
        lambda: _lost_share(forward, backward),
        coarse_step,
    )


def grid_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the field of vectors in pictures of ``shape`` (height, width)."""
    return round(shape[0] / SPACING), round(shape[1] / SPACING)


def judged(
    contrasts: tuple[float, float], step: float, lost_share: Callable[[], float], coarse_step: Callable[[], float]
) -> tuple[bool, bool]:
    """Whether there is a cut between two pictures, and whether one continues the other.

    Args:
        contrasts: standard deviation of each one's grey, in levels of 255.
        step: of its mean.
        lost_share: gives the share of pixels that the ways there and back miss, in [0, 1].
        coarse_step: gives the mean difference of the pictures at one ``COARSE``-th of their size.
    """
    if min(contrasts) < _FLAT:
        # Flat pictures match anything, so their flow says nothing.
        is_cut = step > _FLAT_STEP or max(contrasts) > _FLAT_CONTRAST
        return is_cut, max(contrasts) < _FLAT and step < _FLAT
    if lost_share() <= _CUT_SHARE:
        return False, True
    is_cut = coarse_step() > min(_LEAST_STEP, _LEAST_SHARE * min(contrasts))
    return is_cut, not is_cut


def followed(there: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where ways lead, and how far the ways back from there miss their beginnings.

    Args:
        there: float32 (h, w, 2), as of :class:`Motion`.
        back: the same, the other way.

    Returns:
        places float32 (h, w, 2) on the grid of vectors, across and down; the square of what is missed and the length of
        the way, float32 (h, w), in the flow's pixels.
    """
    height, width = there.shape[:2]
    across = there[..., 0] / SPACING + np.arange(width, dtype=np.float32)
    down = there[..., 1] / SPACING + np.arange(height, dtype=np.float32)[:, None]
    found = cv2.remap(back, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.merge((across, down)), _squared(there + found), np.sqrt(_squared(there))


def _squared(ways: np.ndarray) -> np.ndarray:
    """Squares of lengths, float32 (h, w): a sum over the last axis takes three times as long."""
    across, down = ways[..., 0], ways[..., 1]
    return across * across + down * down


def _lost_share(forward: np.ndarray, backward: np.ndarray) -> float:
    _, missed, length = followed(forward, backward)
    return float((missed > np.square(LOST + LOST_SLOPE * length)).mean())
