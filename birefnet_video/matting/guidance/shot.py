"""Figures of a shot carried from frame to frame: which part of a matte belongs to which of them.

What every figure's matte was is brought along the motion to the next frame. There each connected part of the new matte
goes to the figure that claims it; where several do, they have met (see :mod:`birefnet_video.matting.guidance.meeting`).
A part that nobody claims is a subject that was lost, if it looks like one, or somebody new.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.agreement import agreed
from birefnet_video.matting.guidance.claims import Claims, claims_of
from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.look import Look
from birefnet_video.matting.guidance.meeting import only_one, split
from birefnet_video.matting.guidance.parting import Drift, fallen_apart, parted
from birefnet_video.matting.guidance.sight import SEEN, Carried, Sight, at_border, is_figure, parts
from birefnet_video.matting.tiles.joining import enlarged

#: Frames after which a hidden figure without a name is forgotten.
_FORGOTTEN = 50
#: Likeness from which a part is one that was lost, and by how much it must be more alike than others to be sure.
_ALIKE, _MORE_ALIKE = 0.72, 0.05
#: How far from where it would be a figure is seen again in the same shot, as a share of the grid's longer side: at
#: once, and more for each frame.
_RETURNS_AT, _RETURNS_BY = 0.08, 0.01
#: Looks of figures without a name that are remembered, and likeness from which two are the same.
_MOST_KNOWN, _SAME = 12, 0.9
#: Shares below this are nobody's.
_FAINT = 1 / 512
#: Share of a figure that must be left of it after a correction for it to stay.
_LEFT_OVER = 0.3


@dataclass(frozen=True, slots=True)
class Shot:
    """What is known of the figures after a frame."""

    figures: tuple[Figure, ...] = ()
    shares: tuple[np.ndarray, ...] = ()
    """Of each figure, float32 (h, w) in [0, 1]: how much of a pixel's alpha is its."""
    met: bool = False
    """Figures share a part."""
    known: tuple[Look, ...] = ()
    """How figures look that nobody has named, and that are not in the picture now."""
    unclear: frozenset[str] = field(default_factory=frozenset)
    """Names of subjects that were found again and resemble others almost as much."""

    def mirrored(self) -> "Shot":
        """The same where left is right."""
        shares = tuple(np.ascontiguousarray(share[:, ::-1]) for share in self.shares)
        return replace(self, figures=tuple(each.mirrored() for each in self.figures), shares=shares)


def begin(figures: dict[str | None, list[np.ndarray]], sight: Sight) -> Shot:
    """The first frame of which it is known what is whose.

    Args:
        figures: name -> one matte float32 (h, w) for each figure of that name.
        sight: the frame.
    """
    made = [
        Figure.new(name, matte, sight) for name, mattes in figures.items() for matte in mattes if matte.max() > SEEN
    ]
    return _with_shares(tuple(made), sight, met=False)


def carry(shot: Shot, sight: Sight, carried: Carried) -> Shot:
    """The figures in the next frame of a shot."""
    claims = Claims.of(shot.figures, sight, carried)
    figures = claims.figures
    mattes = [np.zeros_like(sight.alpha) for _ in figures]
    met: dict[int, float] = {}
    beside: set[int] = set()
    whole: list[int] = []
    new: list[np.ndarray] = []
    for part in parts(sight.alpha):
        inside = np.where(part, sight.alpha, 0)
        claimants, free = claims_of(claims, inside, part)
        if not claimants:
            new.append(inside)
            continue
        if len(claimants) > 1 and not free and (one := only_one(claims, claimants, inside)) is not None:
            claimants = [one]
        if len(claimants) == 1 and not free:
            mattes[claimants[0]] += inside
            whole += claimants
            continue
        met |= claims.apart(claimants)
        if any(figures[index].name is not None for index in claimants):
            beside.update(claimants)
        shares, rest = split(claims, claimants, part, free=free)
        for index, share in zip(claimants, shares, strict=True):
            mattes[index] += inside * share
        if rest is not None and is_figure(inside * rest):
            new.append(inside * rest)
    seen = [
        figure.seen_again(matte, sight, carried, guess, apart=met.get(index))
        for index, (figure, matte, guess) in enumerate(zip(figures, mattes, claims.guesses, strict=True))
    ]
    seen = [
        one
        for index, each in enumerate(seen)
        for one in _parted(
            each, sight, carried, in_pieces=index not in met and whole.count(index) > 1, is_beside=index in beside
        )
    ]
    unnamed = [each.look for each in seen if each.name is None]
    together, unclear = _with_new(seen, new, sight, [*shot.known, *unnamed], in_shot=True)
    kept = tuple(each for each in together if each.name is not None or each.hidden_for < _FORGOTTEN)
    gone = [each.look for each in together if each.name is None and each.hidden_for >= _FORGOTTEN]
    made = _with_shares(kept, sight, met=bool(met), unclear=unclear)
    return replace(made, known=_remembered(shot.known, gone))


def find_again(shot: Shot, sight: Sight) -> Shot:
    """The figures in the first frame of another shot, by their looks alone."""
    waiting = [
        replace(figure, matte=np.zeros_like(sight.alpha), hidden_for=max(figure.hidden_for, 1), has_left=True)
        for figure in shot.figures
        if figure.name is not None
    ]
    # Those without a name are known, so that a subject is not seen in them.
    known = _remembered(shot.known, [figure.look for figure in shot.figures if figure.name is None])
    new = [np.where(part, sight.alpha, 0) for part in parts(sight.alpha)]
    together, unclear = _with_new(waiting, new, sight, known, in_shot=False)
    return replace(_with_shares(tuple(together), sight, met=False, unclear=unclear), known=known)


def corrected(shot: Shot, mattes: dict[str | None, list[np.ndarray]], sight: Sight) -> Shot:
    """The figures of a frame after somebody has said whose some of it is.

    Args:
        shot: as it was carried to this frame.
        mattes: name -> figures float32 (h, w); ``None``: those that nobody has named, which keep the names they had.
        sight: the frame.
    """
    said = {name: group for name, group in mattes.items() if name is not None}
    taken = np.clip(sum((matte for group in said.values() for matte in group), np.zeros_like(sight.alpha)), 0, 1)
    kept = []
    for figure in shot.figures:
        if figure.name in said:
            continue
        matte = np.minimum(figure.matte, 1 - taken)
        # Who was taken for the subject is nobody now, and may be anybody.
        if figure.name is not None or matte.sum() > _LEFT_OVER * figure.size:
            is_cut = matte.sum() < (1 - _LEFT_OVER) * figure.seen
            kept.append(Figure.new(figure.name, matte, sight, figure.look) if is_cut else replace(figure, matte=matte))
    known = np.clip(taken + sum((figure.matte for figure in kept), np.zeros_like(taken)), 0, 1)
    rest = np.clip(sight.alpha - known, 0, 1)
    new = [Figure.new(None, np.where(part, rest, 0).astype(np.float32), sight) for part in parts(rest)]
    chosen = [Figure.new(name, matte, sight) for name, group in said.items() for matte in group]
    return replace(_with_shares((*chosen, *kept, *new), sight, met=shot.met), known=shot.known)


def of_subjects(shot: Shot, alpha: np.ndarray, view: np.ndarray, names: Container[str] | None = None) -> np.ndarray:
    """What of a frame's matte belongs to subjects.

    Args:
        shot: the figures in it.
        alpha: float32 (H, W), all that is seen.
        view: uint8 (H, W, 3).
        names: of the subjects that count; ``None``: all of them.

    Returns:
        float32 (H, W) in [0, 1].
    """
    subjects = [figure.name is not None and (names is None or figure.name in names) for figure in shot.figures]
    if not any(subjects):
        return np.zeros_like(alpha)
    if all(subjects):
        return alpha
    share = np.sum([share for share, own in zip(shot.shares, subjects, strict=True) if own], axis=0)
    return shared(share, alpha, view, met=shot.met)


def shares_of(shot: Shot) -> dict[str, np.ndarray]:
    """Of every pixel's alpha how much is each subject's, float32 (h, w), by name."""
    pairs = zip(shot.figures, shot.shares, strict=True)
    return {figure.name: share for figure, share in pairs if figure.name is not None}


def shared(share: np.ndarray, alpha: np.ndarray, view: np.ndarray, *, met: bool) -> np.ndarray:
    """A share float32 (h, w) of a frame's matte (H, W); see :func:`of_subjects`.

    Args:
        share: in [0, 1], on the grid.
        alpha: of the frame.
        view: its picture.
        met: the share ends where figures touch, along edges of the picture.
    """
    large = enlarged(share, view) if met else resized(share, alpha.shape)
    own: np.ndarray = np.minimum(large, 1) * alpha
    own[large <= _FAINT] = 0
    return own


def _with_new(
    figures: list[Figure], new: list[np.ndarray], sight: Sight, others: Sequence[Look], *, in_shot: bool
) -> tuple[list[Figure], frozenset[str]]:
    """Figures and parts that none of them claimed: those of them that were lost, or new ones.

    Args:
        figures: after this frame.
        new: float32 (h, w) each.
        sight: the frame.
        others: looks of figures that nobody has named.
        in_shot: figures are seen again where they can be by now.
    """
    looks = [Look.of(sight.coded, matte) for matte in new]
    lost = {index for index, figure in enumerate(figures) if figure.hidden_for}
    alike = {(index, number): figures[index].look.likeness(look) for index in lost for number, look in enumerate(looks)}
    unclear: set[str] = set()
    taken: set[int] = set()
    for (index, number), likeness in sorted(alike.items(), key=lambda each: -each[1]):
        against = max((other.likeness(looks[number]) for other in others), default=0.0)
        if index not in lost or number in taken or likeness < max(_ALIKE, against):
            continue
        if in_shot and not _can_be(figures[index], new[number]):
            continue
        name = figures[index].name
        rivals = [alike[index, other] for other in range(len(new)) if other != number]
        if name is not None and likeness - max((*rivals, against)) < _MORE_ALIKE:
            unclear.add(name)
        figures = [*figures]
        figures[index] = figures[index].found_again(new[number], sight)
        lost.discard(index)
        taken.add(number)
    free = [matte for number, matte in enumerate(new) if number not in taken]
    return [*figures, *(Figure.new(None, matte, sight) for matte in free)], frozenset(unclear)


def _parted(figure: Figure, sight: Sight, carried: Carried, *, in_pieces: bool, is_beside: bool) -> list[Figure]:
    """A figure after a frame, or the two that it turns out to be; it is one while it is among subjects."""
    if figure.name is not None or is_beside:
        return [figure]
    if figure.hidden_for:
        return [replace(figure, drift=None)]
    second = fallen_apart(figure.matte) if in_pieces else None
    if second is not None:
        shares = np.stack([~second, second]).astype(np.float32)
    else:
        drift = Drift.begun(sight) if figure.drift is None else figure.drift.after(figure.matte, carried)
        second = parted(drift, figure.matte, sight.rgb)
        if second is None:
            return [replace(figure, drift=drift)]
        shares = agreed(np.stack([~second, second]).astype(np.float32), sight.rgb)
    return [Figure.of_two(figure.matte * share, sight, carried) for share in shares]


def _can_be(figure: Figure, matte: np.ndarray) -> bool:
    """Whether a figure that is hidden can be seen in a matte by now."""
    if figure.has_left:
        return at_border(matte)
    seen, expected = matte > SEEN, figure.shape > SEEN
    if not expected.any():
        return True
    away = cv2.distanceTransform((~expected).astype(np.uint8), cv2.DIST_L2, 3)
    return float(away[seen].min()) <= (_RETURNS_AT + _RETURNS_BY * figure.hidden_for) * max(matte.shape)


def _remembered(known: tuple[Look, ...], gone: Sequence[Look]) -> tuple[Look, ...]:
    """The latest of different looks."""
    kept = list(known)
    for look in gone:
        kept = [each for each in kept if each.likeness(look) < _SAME] + [look]
    return tuple(kept[-_MOST_KNOWN:])


def _with_shares(
    figures: tuple[Figure, ...], sight: Sight, *, met: bool, unclear: frozenset[str] = frozenset()
) -> Shot:
    """With the shares of all pixels: those outside of figures go to the nearest."""
    if not figures:
        return Shot()
    total = np.sum([figure.matte for figure in figures], axis=0)
    known = total > 0.5 * SEEN
    if not known.any():
        return Shot(figures, tuple(np.zeros_like(sight.alpha) for _ in figures), met=met, unclear=unclear)
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(nearest.max()) + 1, np.intp)
    lookup[nearest[known]] = np.flatnonzero(known)
    free = ~known
    source, whole = lookup[nearest[free]], np.maximum(total, 1e-6)
    shares = []
    for figure in figures:
        share = figure.matte / whole
        share[free] = share.ravel()[source]
        shares.append(share)
    return Shot(figures, tuple(shares), met=met, unclear=unclear)
