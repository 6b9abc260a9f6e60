"""Figures that have met: whose the pixels of a part are that several claim.

Every pixel asks where it comes from, where the figures would be if they went on as before, and whose colours it has;
then neighbours of one colour agree (cost-volume filtering, Rhemann et al., CVPR 2011).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from birefnet_video.matting.edges.opencv import linear_functions
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.look import Look, extent
from birefnet_video.matting.guidance.sight import SPECK, Carried, Sight
from birefnet_video.matting.guidance.template import box_of

#: Of the claims to a part: the least that counts, and the share of a figure's own size that always does.
_CLAIM, _OWN_CLAIM = 0.12, 0.25
#: Share of a hidden figure that lies in a part in which it may come out.
_COMES_OUT = 0.5
#: Share of a part, and of the smallest figure in it, that nobody claims from which there is somebody new in it.
_NEW, _NEW_OF_LARGEST, _NEW_OF_SMALLEST, _NEW_SPECKS = 0.35, 0.5, 0.25, 8
#: Pixels around what is known that still belong to it.
_NEAR = 5
#: Likeness of a part to a figure, and by how much it must be more alike than to others, and its size in figures from
#: which and up to which it is that figure and nobody else.
_ALIKE, _MORE_ALIKE, _SIZE_FROM, _SIZE_TO = 0.85, 0.04, 0.85, 1.05
#: Weight of colours against places, the same where of one of those who claim a part there is no picture, and least
#: likelihood.
_COLOUR_WEIGHT, _COLOUR_ALONE, _LEAST = 2.0, 2.4, 0.02
#: Weights of going on as before where motion is not to be trusted, and where a figure is missing that is behind others.
_GUESS_WEIGHT, _BEHIND_WEIGHT = 0.6, 0.3
#: Weight of what is expected to be seen of figures at each place, and how well it fits where that is not known.
_PICTURE_WEIGHT, _UNKNOWN = 3.0, 0.2
#: What a figure that is not seen at all counts for where nobody is expected to be.
_MISSING_WEIGHT = 0.5
#: Pixels of the window in which neighbours agree, and the power that makes shares nearly hard.
_WINDOW, _HARD = 9, 5


@dataclass(frozen=True, slots=True)
class Claims:
    """Where all figures of a shot may be in a frame."""

    figures: tuple[Figure, ...]
    """With the speeds that they have now."""
    guesses: list[np.ndarray]
    """See :meth:`Figure.guess`."""
    priors: list[np.ndarray]
    """See :meth:`Figure.prior`."""
    sight: Sight
    carried: Carried

    @classmethod
    def of(cls, before: tuple[Figure, ...], sight: Sight, carried: Carried) -> "Claims":
        """Of the figures of the frame before."""
        figures = tuple(figure.followed(sight, carried) for figure in before)
        guesses = [figure.guess() for figure in figures]
        priors = [figure.prior(guess, carried) for figure, guess in zip(figures, guesses, strict=True)]
        return cls(figures, guesses, priors, sight, carried)


def claims_of(claims: Claims, inside: np.ndarray, part: np.ndarray) -> tuple[list[int], bool]:
    """Whose a part is, and whether somebody new is in it as well.

    Args:
        claims: of all figures.
        inside: float32 (h, w), the part's alpha.
        part: bool (h, w).

    Returns:
        indices of figures, and whether there is somebody new.
    """
    figures = claims.figures
    claimed = np.array([float(prior[part].sum()) for prior in claims.priors])
    total, size, speck = float(claimed.sum()), float(inside.sum()), SPECK * inside.size
    found = [
        index
        for index, figure in enumerate(figures)
        if claimed[index] > max(_CLAIM * total, speck)
        or (claimed[index] > speck and claimed[index] > _OWN_CLAIM * figure.size)
    ]
    # Who is hidden comes out where it would be by now, beside whom it was behind.
    for index, figure in enumerate(figures):
        is_candidate = found and index not in found and figure.is_known_behind
        if is_candidate and float(claims.guesses[index][part].sum()) > _COMES_OUT * figure.size:
            found.append(index)
    if not found:
        return ([], False) if total < speck else ([int(np.argmax(claimed))], False)
    known = np.maximum.reduce([np.maximum(claims.priors[index], claims.guesses[index]) for index in found])
    unknown = float(np.clip(inside - _widened(known), 0, 1).sum())
    sizes = [figures[index].size for index in found]
    large = min(_NEW * size, _NEW_OF_LARGEST * max(sizes))
    least = max(large, _NEW_OF_SMALLEST * min(sizes), _NEW_SPECKS * speck)
    return found, unknown > least


def only_one(claims: Claims, claimants: list[int], inside: np.ndarray) -> int | None:
    """The one of those who claim a part that it is all of: it has its size and looks like it, and like nobody else."""
    size, look = float(inside.sum()), Look.of(claims.sight.coded, inside)
    alike = sorted(((claims.figures[index].look.likeness(look), index) for index in claimants), reverse=True)
    (best, index), (second, _) = alike[:2]
    fits = _SIZE_FROM < size / claims.figures[index].size < _SIZE_TO
    return index if fits and best > _ALIKE and best - second > _MORE_ALIKE else None


def split(
    claims: Claims, claimants: list[int], part: np.ndarray, *, free: bool
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Shares of a part that several figures claim, each float32 (h, w), and that of somebody new, if there is one."""
    sight, here = claims.sight, box_of(part, _WINDOW)
    lost = _GUESS_WEIGHT * (1 - claims.carried.trust[here])
    # Where none of them is expected to be, whoever is missing most may be.
    empty = 1 - np.maximum.reduce([_widened(claims.guesses[index])[here] for index in claimants])
    places = [
        claims.priors[index][here]
        + (lost + _BEHIND_WEIGHT * _missing(claims, index) * claims.figures[index].is_behind)
        * claims.guesses[index][here]
        + _MISSING_WEIGHT * _missing(claims, index) * empty
        for index in claimants
    ]
    colours = [
        claims.figures[index].look.likelihood(sight.coded, extent(claims.guesses[index]), here) for index in claimants
    ]
    total = np.sum(colours, axis=0)
    pictures = [
        figure.template.likelihood(sight.rgb, figure.speed + figure.stray, here)
        if figure.template is not None
        else np.full_like(empty, _UNKNOWN)
        for figure in (claims.figures[index] for index in claimants)
    ]
    shown = np.sum(pictures, axis=0) + _LEAST
    is_pictured = all(claims.figures[index].template is not None for index in claimants)
    colour_weight = _COLOUR_WEIGHT if is_pictured else _COLOUR_ALONE
    likely = [
        np.log(place + _LEAST)
        + colour_weight * np.log(colour / total + _LEAST)
        + _PICTURE_WEIGHT * np.log(picture / shown + _LEAST)
        for place, colour, picture in zip(places, colours, pictures, strict=True)
    ]
    if free:
        known = np.sum([np.maximum(claims.priors[index], claims.guesses[index])[here] for index in claimants], axis=0)
        likely.append(np.log(np.clip(0.9 - known, _LEAST, 1)) - colour_weight * np.log(len(claimants) + 1))
    logarithms = np.stack(likely)
    shares = np.exp(logarithms - logarithms.max(0))
    whole = []
    for share in _agreed(shares / shares.sum(0), sight.rgb[here]):
        plane = np.zeros_like(sight.alpha)
        plane[here] = share
        whole.append(plane)
    return (whole[:-1], whole[-1]) if free else (whole, None)


def _missing(claims: Claims, index: int) -> float:
    """Share of a figure that is not seen by the motion of its pixels."""
    return max(0.0, 1 - float(claims.priors[index].sum()) / claims.figures[index].size)


def _widened(guess: np.ndarray) -> np.ndarray:
    return cv2.dilate(guess, np.ones((_NEAR, _NEAR), np.uint8))


def _agreed(likely: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Shares (K, h, w) made the same among neighbours of one colour, and nearly hard."""
    guide = [plane * np.float32(1 / 255) for plane in cv2.split(rgb)]
    smooth = []
    for share in likely[:-1] if len(likely) == 2 else likely:
        *slopes, offset = linear_functions(share.astype(np.float32), guide, _mean)
        smooth.append(np.clip(sum(s * g for s, g in zip(slopes, guide, strict=True)) + offset, 0, 1))
    if len(likely) == 2:
        smooth.append(1 - smooth[0])
    hard = np.stack(smooth) ** _HARD
    return hard / np.maximum(hard.sum(0), 1e-6)


def _mean(x: np.ndarray) -> np.ndarray:
    return cv2.blur(x, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)
