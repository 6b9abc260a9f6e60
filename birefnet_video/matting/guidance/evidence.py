"""What speaks for each of those who claim a part of a matte, pixel by pixel: place, colours, picture and motion."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from birefnet_video.matting.guidance.claims import NEAR, Claims, square, widened
from birefnet_video.matting.guidance.look import extent
from birefnet_video.matting.guidance.template import OFF, UNKNOWN

#: Weight of colours against places, and the least likelihood.
COLOUR_WEIGHT, LEAST = 2.0, 0.01
#: Weights of going on as before where motion is not to be trusted, and where a figure is missing that is behind others.
_GUESS_WEIGHT, _BEHIND_WEIGHT = 0.6, 0.3
#: Weight of what is expected to be seen of figures at each place.
_PICTURE_WEIGHT = 3.0
#: Weight of motion, pixels by which that of a body is off the body's way, and how well any motion fits at least.
_MOTION_WEIGHT, _MOTION_OFF, _MOTION_LEAST = 1.5, 0.7, 0.1
#: How well any motion fits somebody of whom nothing is known.
_ANY_MOTION = 0.3
#: Frames after which the picture of a hidden figure may be off by one pixel more, and by how many at most.
_OFF_AFTER, _OFF_MOST = 4, 3
#: What a figure that is not seen at all counts for where nobody is expected to be.
_MISSING_WEIGHT = 0.5
#: Pixels at a border of parts in which motion is not the whole truth, and how little colours count further inside.
_DEEP, _INSIDE = 3, 0.1

#: Rows and columns of a frame.
_Here = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How well the pixels of a part fit each of K who claim it."""

    places: np.ndarray
    """float32 (K, h, w): how likely each is there, by motion and by going on as before."""
    colours: np.ndarray
    """float32 (K, h, w): how well the colours of each fit, against those of all."""
    pictures: np.ndarray
    """float32 (K, h, w): how well pixels show what is expected of each."""
    motions: np.ndarray
    """float32 (K, h, w): how well each pixel's motion fits."""
    colour_weight: np.ndarray
    """float32 (h, w)."""
    motion_weight: np.ndarray
    """float32 (h, w)."""

    @classmethod
    def of(cls, claims: Claims, claimants: list[int], here: _Here) -> "Evidence":
        """Of those who claim a part, in rows and columns of the frame."""
        trust = claims.carried.trust[here]
        # Far inside of what motion brings, colours that others have as well say little.
        inner = np.maximum.reduce([cv2.erode(claims.priors[index][here], square(_DEEP)) for index in claimants])
        return cls(
            places=_places(claims, claimants, here),
            colours=_colours(claims, claimants, here),
            pictures=_pictures(claims, claimants, here),
            motions=_motions(claims, claimants, here),
            colour_weight=COLOUR_WEIGHT * (1 - (1 - _INSIDE) * inner * trust),
            motion_weight=_MOTION_WEIGHT * trust,
        )

    def with_anybody(self, place: np.ndarray) -> "Evidence":
        """With one more of whom nothing is known but how likely he is at each place, float32 (h, w)."""
        return replace(
            self,
            places=_and(self.places, place),
            colours=_and(self.colours, np.full_like(place, 1 / len(self.colours))),
            pictures=_and(self.pictures, np.full_like(place, UNKNOWN)),
            motions=_and(self.motions, np.full_like(place, _ANY_MOTION)),
        )

    def logarithms(self) -> np.ndarray:
        """Of how likely each of them is, but for a number that is the same for all, float32 (K, h, w)."""
        known = self.pictures.sum(0) + LEAST
        likely: np.ndarray = np.log(self.places + LEAST) + self.colour_weight * np.log(self.colours + LEAST)
        likely += _PICTURE_WEIGHT * np.log(self.pictures / known + LEAST) + self.motion_weight * np.log(self.motions)
        return likely


def _places(claims: Claims, claimants: list[int], here: _Here) -> np.ndarray:
    """How likely each is at each place, by motion and by going on as before."""
    lost = _GUESS_WEIGHT * (1 - claims.carried.trust[here])
    # Where none of them is expected to be, whoever is missing most may be.
    empty = 1 - np.maximum.reduce([widened(claims.guesses[index], NEAR)[here] for index in claimants])
    return np.stack(
        [
            claims.priors[index][here]
            + (lost + _BEHIND_WEIGHT * claims.missing(index) * claims.figures[index].is_behind)
            * claims.guesses[index][here]
            + _MISSING_WEIGHT * claims.missing(index) * empty * claims.reached(index)[here]
            for index in claimants
        ]
    )


def _colours(claims: Claims, claimants: list[int], here: _Here) -> np.ndarray:
    """How well the colours of each fit, against those of all."""
    fits = [
        claims.figures[index].look.likelihood(claims.sight.coded, extent(claims.guesses[index]), here)
        for index in claimants
    ]
    shares: np.ndarray = np.stack(fits) / np.sum(fits, axis=0)
    return shares


def _pictures(claims: Claims, claimants: list[int], here: _Here) -> np.ndarray:
    """How well pixels show what is expected of each."""
    made = []
    for figure in (claims.figures[index] for index in claimants):
        if figure.template is None:
            made.append(np.full(claims.sight.alpha[here].shape, UNKNOWN, np.float32))
            continue
        off = min(OFF + figure.hidden_for // _OFF_AFTER, _OFF_MOST)
        made.append(figure.template.likelihood(claims.sight.rgb, figure.speed + figure.stray, here, off))
    return np.stack(made)


def _motions(claims: Claims, claimants: list[int], here: _Here) -> np.ndarray:
    """How well each pixel's motion fits that of each; any does to one that moves further than motion is found."""
    moved, made = claims.carried.ways(here), []
    for index in claimants:
        if claims.figures[index].is_fast:
            made.append(np.full(moved.shape[:2], _ANY_MOTION, np.float32))
            continue
        off = np.square(moved - claims.way(index, here, moved)).sum(-1)
        made.append(np.maximum(np.exp(-0.5 / _MOTION_OFF**2 * off), _MOTION_LEAST))
    return np.stack(made)


def _and(planes: np.ndarray, another: np.ndarray) -> np.ndarray:
    return np.concatenate([planes, another[None]])
