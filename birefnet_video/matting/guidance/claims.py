"""Who claims a part of a matte: where every figure of a shot may be in a frame."""

from dataclasses import dataclass

import cv2
import numpy as np

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.sight import SEEN, SPECK, Carried, Sight

#: Of the claims to a part: the least that counts, and the share of a figure's own size that always does.
_CLAIM, _OWN_CLAIM = 0.12, 0.25
#: Share of what is known of a hidden figure that lies in a part in which it may come out, and least share of its size
#: that is known.
_COMES_OUT, _LEAST_KNOWN = 0.5, 0.2
#: Share of a part, and of the smallest figure in it, that nobody claims from which there is somebody new in it.
_NEW, _NEW_OF_LARGEST, _NEW_OF_SMALLEST, _NEW_SPECKS = 0.35, 0.5, 0.25, 8
#: Pixels around what is known that still belong to it.
NEAR = 5
#: How far from where it would be a figure can be, as a share of the grid's longer side: at once, and more for each
#: frame in which it is hidden.
_REACHES, _REACHES_BY = 0.1, 0.01
#: Share of a figure's size that must be seen to know how it moves in a frame.
_MOVES = 0.15
#: Share of a figure's size from which somebody else shows by his motion what is not the figure's.
_COUNTS = 0.3


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

    def expected(self, index: int) -> float:
        """Pixels that there are of a figure by what is known of it: less than its size where others were before it."""
        size = self.figures[index].size
        return min(size, max(float(self.guesses[index].sum()), _LEAST_KNOWN * size))

    def missing(self, index: int) -> float:
        """Share of a figure that is not seen by the motion of its pixels."""
        return max(0.0, 1 - float(self.priors[index].sum()) / self.figures[index].size)

    def way(self, index: int, here: tuple[slice, slice], moved: np.ndarray) -> np.ndarray:
        """Pixels by which a figure moves in this frame, across and down, float32 (2,).

        By what is surely its in some rows and columns, or as it has moved up to now if that is little; ``moved`` are
        the ways of all pixels there, float32 (h, w, 2).
        """
        figure = self.figures[index]
        sure = self.priors[index][here] * self.carried.trust[here]
        weight = float(sure.sum())
        if weight <= _MOVES * figure.size:
            return figure.speed + figure.stray
        way: np.ndarray = (moved * sure[..., None]).sum((0, 1)) / weight
        return way

    def apart(self, claimants: list[int]) -> dict[int, float]:
        """Pixels by which the others of those who have met move against each of them: those of who moves least."""
        return {index: self._apart(index, [other for other in claimants if other != index]) for index in claimants}

    def _apart(self, index: int, others: list[int]) -> float:
        own, seen = self.figures[index], [self.figures[other] for other in others]
        counting = [other for other in seen if not other.hidden_for and other.size > _COUNTS * own.size]
        return min((float(np.hypot(*(other.speed - own.speed))) for other in counting), default=0.0)

    def reached(self, index: int) -> np.ndarray:
        """Where a figure can be by now, bool (h, w)."""
        guess = self.guesses[index]
        away = cv2.distanceTransform((guess <= SEEN).astype(np.uint8), cv2.DIST_L2, 3)
        near: np.ndarray = away <= (_REACHES + _REACHES_BY * self.figures[index].hidden_for) * max(guess.shape)
        return near


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
        if is_candidate and float(claims.guesses[index][part].sum()) > _COMES_OUT * claims.expected(index):
            found.append(index)
    if not found:
        return ([], False) if total < speck else ([int(np.argmax(claimed))], False)
    known = np.maximum.reduce([np.maximum(claims.priors[index], claims.guesses[index]) for index in found])
    unknown = float(np.clip(inside - widened(known, NEAR), 0, 1).sum())
    sizes = [figures[index].size for index in found]
    large = min(_NEW * size, _NEW_OF_LARGEST * max(sizes))
    least = max(large, _NEW_OF_SMALLEST * min(sizes), _NEW_SPECKS * speck)
    return found, unknown > least


def widened(guess: np.ndarray, by: int) -> np.ndarray:
    """A plane in which everything reaches further, by half of so many pixels to each side."""
    return cv2.dilate(guess, square(by))


def square(side: int) -> np.ndarray:
    """What widens and narrows by so many pixels."""
    return np.ones((side, side), np.uint8)
