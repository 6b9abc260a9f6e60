"""Figures that have met: whose the pixels of a part are that several claim.

Every pixel asks where it comes from, where the figures would be if they went on as before, and whose colours it has;
then neighbours of one colour agree.
"""

import cv2
import numpy as np

from birefnet_video.matting.guidance.agreement import agreed
from birefnet_video.matting.guidance.claims import NEAR, Claims, square, widened
from birefnet_video.matting.guidance.look import Look, extent
from birefnet_video.matting.guidance.template import OFF, UNKNOWN, box_of

#: Likeness of a part to a figure, by how much it must be more alike than to others, its size in figures from which and
#: up to which it is that figure and nobody else, and the share of it that may lie beside where that is.
_ALIKE, _MORE_ALIKE, _SIZE_FROM, _SIZE_TO, _BESIDE = 0.85, 0.04, 0.85, 1.05, 0.005
#: Pixels around a figure that are not beside it.
_AROUND = 3
#: Weight of colours against places, and least likelihood.
_COLOUR_WEIGHT, _LEAST = 2.0, 0.01
#: Weights of going on as before where motion is not to be trusted, and where a figure is missing that is behind others.
_GUESS_WEIGHT, _BEHIND_WEIGHT = 0.6, 0.3
#: Weight of what is expected to be seen of figures at each place.
_PICTURE_WEIGHT = 3.0
#: Frames after which the picture of a hidden figure may be off by one pixel more, and by how many at most.
_OFF_AFTER, _OFF_MOST = 4, 3
#: What a figure that is not seen at all counts for where nobody is expected to be.
_MISSING_WEIGHT = 0.5
#: Pixels at a border of parts in which motion is not the whole truth, and how little colours count further inside.
_DEEP, _INSIDE = 3, 0.1
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
    places, colours, pictures = (of(claims, claimants, here) for of in (_places, _colours, _pictures))
    coloured, shown = np.sum(colours, axis=0), np.sum(pictures, axis=0) + _LEAST
    # Far inside of what motion brings, colours that others have as well say little.
    inner = np.maximum.reduce([cv2.erode(claims.priors[index][here], square(_DEEP)) for index in claimants])
    colour_weight = _COLOUR_WEIGHT * (1 - (1 - _INSIDE) * inner * claims.carried.trust[here])
    likely = [
        np.log(place + _LEAST)
        + colour_weight * np.log(colour / coloured + _LEAST)
        + _PICTURE_WEIGHT * np.log(picture / shown + _LEAST)
        for place, colour, picture in zip(places, colours, pictures, strict=True)
    ]
    if free:
        known = np.sum([np.maximum(claims.priors[index], claims.guesses[index])[here] for index in claimants], axis=0)
        likely.append(np.log(np.clip(0.9 - known, _LEAST, 1)) - _COLOUR_WEIGHT * np.log(len(claimants) + 1))
    logarithms = np.stack(likely)
    shares = np.exp(logarithms - logarithms.max(0))
    shares /= shares.sum(0)
    whole = np.zeros((len(shares), *sight.alpha.shape), np.float32)
    whole[:, here[0], here[1]] = _without_strays(agreed(shares, sight.rgb[here]), shares, claims, claimants, part, here)
    return (list(whole[:-1]), whole[-1]) if free else (list(whole), None)


def _places(claims: Claims, claimants: list[int], here: _Here) -> list[np.ndarray]:
    """How likely each is at each place, by motion and by going on as before."""
    lost = _GUESS_WEIGHT * (1 - claims.carried.trust[here])
    # Where none of them is expected to be, whoever is missing most may be.
    empty = 1 - np.maximum.reduce([widened(claims.guesses[index], NEAR)[here] for index in claimants])
    return [
        claims.priors[index][here]
        + (lost + _BEHIND_WEIGHT * claims.missing(index) * claims.figures[index].is_behind)
        * claims.guesses[index][here]
        + _MISSING_WEIGHT * claims.missing(index) * empty * claims.reached(index)[here]
        for index in claimants
    ]


def _colours(claims: Claims, claimants: list[int], here: _Here) -> list[np.ndarray]:
    """How well the colours of each fit."""
    return [
        claims.figures[index].look.likelihood(claims.sight.coded, extent(claims.guesses[index]), here)
        for index in claimants
    ]


def _pictures(claims: Claims, claimants: list[int], here: _Here) -> list[np.ndarray]:
    """How well pixels show what is expected of each."""
    made = []
    for figure in (claims.figures[index] for index in claimants):
        if figure.template is None:
            made.append(np.full(claims.sight.alpha[here].shape, UNKNOWN, np.float32))
            continue
        off = min(OFF + figure.hidden_for // _OFF_AFTER, _OFF_MOST)
        made.append(figure.template.likelihood(claims.sight.rgb, figure.speed + figure.stray, here, off))
    return made


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
