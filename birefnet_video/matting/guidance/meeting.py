"""Figures that have met: whose the pixels of a part are that several claim.

Every pixel asks who fits it, or else somebody of whom nothing is known; then neighbours of one colour agree.
"""

import cv2
import numpy as np

from birefnet_video.matting.guidance.agreement import agreed
from birefnet_video.matting.guidance.anybody import given_to, place_of_anybody
from birefnet_video.matting.guidance.claims import Claims, widened
from birefnet_video.matting.guidance.evidence import COLOUR_WEIGHT, LEAST, Evidence
from birefnet_video.matting.guidance.look import Look
from birefnet_video.matting.guidance.template import box_of

#: Likeness of a part to a figure, by how much it must be more alike than to others, its size in figures from which and
#: up to which it is that figure and nobody else, and the share of it that may lie beside where that is.
_ALIKE, _MORE_ALIKE, _SIZE_FROM, _SIZE_TO, _BESIDE = 0.85, 0.04, 0.85, 1.05, 0.005
#: Pixels around a figure that are not beside it.
_AROUND = 3
#: Pixels around a part that are looked at.
_ROOM = 9
#: What somebody is expected with at least where a piece of a part is his.
_HELD = 0.3

#: Rows and columns of a frame.
_Here = tuple[slice, slice]


def only_one(claims: Claims, claimants: list[int], inside: np.ndarray) -> int | None:
    """The one of those who claim a part that it is all of.

    It has the size of that one and looks like it, and like nobody else; and nothing shows beside where that one is.
    """
    size, look = float(inside.sum()), Look.of(claims.sight.coded, inside)
    alike = sorted(((claims.figures[index].look.likeness(look), index) for index in claimants), reverse=True)
    (best, index), (second, _) = alike[:2]
    if not (
        _SIZE_FROM < size / claims.figures[index].size < _SIZE_TO and best > _ALIKE and best - second > _MORE_ALIKE
    ):
        return None
    around = widened(claims.figures[index].possible(claims.guesses[index]), _AROUND)
    return index if float(np.clip(inside - around, 0, 1).sum()) < _BESIDE * size else None


def split(
    claims: Claims, claimants: list[int], part: np.ndarray, *, free: bool
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Shares of a part that several figures claim, each float32 (h, w), and that of somebody new, if there is one."""
    sight, here = claims.sight, box_of(part, _ROOM)
    shares = _shares(claims, claimants, here, free=free)
    whole = np.zeros((len(shares), *sight.alpha.shape), np.float32)
    whole[:, here[0], here[1]] = _without_strays(agreed(shares, sight.rgb[here]), shares, claims, claimants, part, here)
    return (list(whole[:-1]), whole[-1]) if free else (list(whole), None)


def _shares(claims: Claims, claimants: list[int], here: _Here, *, free: bool) -> np.ndarray:
    """Of those who claim a part, and of somebody new, if there is one: float32 (K, h, w), whose sum is 1."""
    evidence = Evidence.of(claims, claimants, here)
    others = [number for number, index in enumerate(claimants) if claims.figures[index].name is None]
    subjects = {
        claimants[number]: evidence.pictures[number] for number in range(len(claimants)) if number not in others
    }
    is_anybody = bool(others and subjects)
    if is_anybody:
        evidence = evidence.with_anybody(place_of_anybody(claims, subjects, here))
    likely = evidence.logarithms()
    if free:
        known = np.sum([np.maximum(claims.priors[index], claims.guesses[index])[here] for index in claimants], axis=0)
        new = np.log(np.clip(0.9 - known, LEAST, 1)) - COLOUR_WEIGHT * np.log(len(claimants) + 1)
        likely = np.concatenate([likely, new[None]])
    shares = np.exp(likely - likely.max(0))
    shares /= shares.sum(0)
    return given_to(others, shares, anybody=len(claimants)) if is_anybody else shares


def _without_strays(
    shares: np.ndarray, before: np.ndarray, claims: Claims, claimants: list[int], part: np.ndarray, here: _Here
) -> np.ndarray:
    """Shares (K, h, w) without pieces of subjects where nothing of them is expected: those go to who is next likely."""
    for number, index in enumerate(claimants):
        figure = claims.figures[index]
        if figure.name is None or figure.hidden_for:
            continue
        expected = np.maximum(claims.priors[index], claims.guesses[index])[here] > _HELD
        _, labels = cv2.connectedComponents(((shares[number] > 0.5) & part[here]).astype(np.uint8), connectivity=8)
        stray = (labels > 0) & ~np.isin(labels, np.unique(labels[expected]))
        if stray.any():
            next_likely = before.copy()
            next_likely[number] = -1
            shares[:, stray] = np.arange(len(shares))[:, None] == next_likely.argmax(0)[stray]
    return shares
