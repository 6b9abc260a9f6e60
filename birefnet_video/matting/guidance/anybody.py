"""Somebody of whom nothing is known, among subjects and others who have met.

People come out from behind a subject who have never been seen by themselves, and of others only crumbs were seen. What
fits neither where a subject is nor what it shows there is rather theirs than the subject's.
"""

import cv2
import numpy as np

from birefnet_video.matting.guidance.claims import Claims, square

#: How likely somebody of whom nothing is known is at a place.
_PLACE = 0.3
#: Share of a subject's sure pixels that show its picture. Up to the first, what does not fit says nothing: it has
#: turned, or its light is another one; from the second, it says all.
_KNOWN_FROM, _KNOWN_TO = 0.6, 0.9
#: Pixels at a subject's border that are not sure, and share of its size that must be.
_DEEP, _SURE = 3, 0.3


def place_of_anybody(claims: Claims, subjects: dict[int, np.ndarray], here: tuple[slice, slice]) -> np.ndarray:
    """How likely somebody of whom nothing is known is at each place, float32 (h, w).

    Args:
        claims: of all figures.
        subjects: that claim a part, by index, and how well pixels show what is expected of them, float32 (h, w).
        here: rows and columns of the frame.
    """
    trust = claims.carried.trust[here]
    place = np.full(trust.shape, _PLACE, np.float32)
    for index, shows in subjects.items():
        figure = claims.figures[index]
        hidden = figure.hidden()
        # Where it is not known what a subject shows, anything may be the subject's.
        known = np.ones_like(place) if hidden is None else 1 - hidden[here]
        sure = cv2.erode(claims.priors[index], square(_DEEP))[here] * trust * known
        shown = 0.0 if figure.is_fast else float((sure * shows).sum()) / max(float(sure.sum()), _SURE * figure.size)
        place *= known * np.float32(np.clip((shown - _KNOWN_FROM) / (_KNOWN_TO - _KNOWN_FROM), 0, 1))
    return place


def given_to(others: list[int], shares: np.ndarray, anybody: int) -> np.ndarray:
    """Shares (K, h, w) without one, by number, which is anybody's: it goes to others as theirs are."""
    theirs = shares[others] + np.finfo(np.float32).tiny
    shares[others] += shares[anybody] * theirs / theirs.sum(0)
    return np.delete(shares, anybody, axis=0)
