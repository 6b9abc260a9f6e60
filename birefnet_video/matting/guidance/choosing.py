"""Which figures of one frame are meant by points, boxes and masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.bodies import is_several
from birefnet_video.matting.guidance.boxed import likely_in, middle, whole
from birefnet_video.matting.guidance.clear import is_clear, largest
from birefnet_video.matting.guidance.sight import SPECK, Sight, parts
from birefnet_video.options.prompts import Box, Largest, MaskPicture, Point, Prompt, box_of_prompt

#: How far from a figure a point may lie, as a share of the grid's longer side, and how large it is drawn, in pixels.
_MISSED_BY, _DOT = 0.03, 2
#: Share of a part that a box or a mask holds from which all of it is meant.
_WHOLE = 0.8
#: Share of a box or mask that a part fills from which something of it is meant.
_FILLED = 0.12
#: Weight of a distance of colours, in the space of RGB from 0 to 1, against one of places in shares of the longer side.
_COLOUR_WEIGHT = 0.5
#: Rounds of GrabCut.
_ROUNDS = 5
#: Shares of a box's width around its middle in which GrabCut begins to look for its subject, and takes it for sure.
_LIKELY, _CORE = 0.4, 0.2


@dataclass(frozen=True, slots=True)
class Choice:
    """What prompts say of one frame."""

    mattes: dict[str | None, list[np.ndarray]]
    """Name -> figures float32 (h, w); ``None``: everything else."""
    missed: tuple[Prompt, ...]
    """Those at whose place nothing is seen."""
    several: tuple[Prompt, ...] = ()
    """Points that lie on what seems to be more than one body, and nothing else is said of it."""
    refused: tuple[np.ndarray, ...] = ()
    """Figures that are not meant, float32 (h, w); they are among those of nobody, too."""

    def without(self, prompts: Sequence[Prompt]) -> "Choice":
        """As if nothing had been seen of some prompts' subjects."""
        names = {prompt.subject for prompt in prompts}
        free = [matte for name, group in self.mattes.items() if name is None or name in names for matte in group]
        kept: dict[str | None, list[np.ndarray]] = {
            name: group for name, group in self.mattes.items() if name is not None and name not in names
        }
        return replace(self, mattes={**kept, None: free}, missed=(*self.missed, *prompts))


@dataclass(frozen=True, slots=True)
class _Mark:
    """A prompt on the grid."""

    prompt: Prompt
    marked: np.ndarray
    """bool (h, w)."""

    @property
    def whose(self) -> str | None:
        return None if self.prompt.excluded else self.prompt.subject


def choose(
    prompts: Sequence[Prompt],
    sight: Sight,
    size: tuple[int, int],
    masks: Mapping[Path, np.ndarray] | None = None,
    *,
    patient: bool = False,
) -> Choice:
    """Give the parts of a frame's matte to those that prompts name.

    Args:
        prompts: about this frame.
        sight: the frame.
        size: width and height of the upright picture, in pixels.
        masks: of prompts by mask, uint8 (H, W).
        patient: the largest one means none that is not clearly seen.
    """
    found = parts(sight.alpha)
    marks = [
        _Mark(prompt, _marked(prompt, sight.alpha.shape, size, masks or {}, found))
        for prompt in prompts
        if not isinstance(prompt, Largest)
    ]
    # The largest of those of whom nothing else is said.
    free = [part for part in found if not any(_means(mark, part) for mark in marks)]
    if patient:
        free = [part for part in free if is_clear(np.where(part, sight.alpha, 0))]
    marks += [_Mark(prompt, largest(free, sight)) for prompt in prompts if isinstance(prompt, Largest)]
    mattes: dict[str | None, list[np.ndarray]] = {}
    met: set[int] = set()
    several: list[Prompt] = []
    refused: list[np.ndarray] = []
    for part in found:
        inside = np.where(part, sight.alpha, 0).astype(np.float32)
        said = [(index, mark) for index, mark in enumerate(marks) if _means(mark, part)]
        kept: set[str | None] = set()
        if len(said) == 1 and _is_of_point(said[0][1]) and is_several(part):
            several.append(said[0][1].prompt)
        for name, share in _shared([mark for _, mark in said], part, sight).items():
            matte = inside * share
            if matte.sum() >= SPECK * matte.size:
                kept.add(name)
                mattes.setdefault(name, []).append(matte)
                if name is None and any(mark.prompt.excluded for _, mark in said):
                    refused.append(matte)
        # Of a part that is shared, some may get nothing.
        met.update(index for index, mark in said if mark.whose in kept)
    named: dict[str | None, list[np.ndarray]] = {
        name: [np.sum(each, axis=0)] for name, each in mattes.items() if name is not None
    }
    missed = tuple(mark.prompt for index, mark in enumerate(marks) if index not in met and mark.whose is not None)
    return Choice({**named, None: mattes.get(None, [])}, missed, tuple(several), tuple(refused))


def _is_of_point(mark: _Mark) -> bool:
    return isinstance(mark.prompt, Point) and not mark.prompt.excluded


def _marked(
    prompt: Prompt,
    shape: tuple[int, ...],
    size: tuple[int, int],
    masks: Mapping[Path, np.ndarray],
    found: list[np.ndarray],
) -> np.ndarray:
    """What a prompt marks, bool (h, w)."""
    height, width = shape[0], shape[1]
    marked = np.zeros((height, width), np.uint8)
    if isinstance(prompt, MaskPicture):
        return resized(masks[prompt.path], (height, width)) > 127
    place = box_of_prompt(prompt, size)
    assert place is not None  # points and boxes have one
    if isinstance(prompt, Box):
        left, top, right, bottom = (side * share for side, share in zip((width, height) * 2, place, strict=True))
        marked[max(0, round(top)) : max(0, round(bottom)), max(0, round(left)) : max(0, round(right))] = 1
        return marked > 0
    x, y = min(int(place[0] * width), width - 1), min(int(place[1] * height), height - 1)
    if found and not any(part[y, x] for part in found):
        x, y = _nearest(x, y, np.logical_or.reduce(found))
    cv2.circle(marked, (x, y), _DOT, 1, -1)
    return marked > 0


def _nearest(x: int, y: int, seen: np.ndarray) -> tuple[int, int]:
    """The next place of a figure, if it is near."""
    rows, columns = np.nonzero(seen)
    distances = np.hypot(columns - x, rows - y)
    nearest = int(np.argmin(distances))
    near = distances[nearest] <= _MISSED_BY * max(seen.shape)
    return (int(columns[nearest]), int(rows[nearest])) if near else (x, y)


def _means(mark: _Mark, part: np.ndarray) -> bool:
    """Whether a prompt means a part, or something of it."""
    common = float((mark.marked & part).sum())
    if isinstance(mark.prompt, Point):
        return common > 0
    return common > 0 and (common >= _WHOLE * part.sum() or common >= _FILLED * mark.marked.sum())


def _shared(said: list[_Mark], part: np.ndarray, sight: Sight) -> dict[str | None, np.ndarray]:
    """Shares of a part, float32 (h, w), for each that prompts name in it, and for the rest."""
    everything = np.ones(part.shape, np.float32)
    names = list(dict.fromkeys(mark.whose for mark in said))
    partial = [mark for mark in said if not isinstance(mark.prompt, Point) and not _is_whole(mark, part)]
    if not names:
        return {None: everything}
    if len(names) == 1 and (names[0] is None or not partial):
        return {names[0]: everything}
    shares: dict[str | None, np.ndarray] = {}
    rest = everything
    for name in names:
        if name is not None:
            own = [mark for mark in said if mark.whose == name]
            others = [mark for mark in said if mark.whose != name]
            shares[name] = rest * _cut(own, others, part, sight)
            rest = rest - shares[name]
    return {**shares, None: rest}


def _is_whole(mark: _Mark, part: np.ndarray) -> bool:
    return bool((mark.marked & part).sum() >= _WHOLE * part.sum())


def _cut(own: list[_Mark], others: list[_Mark], part: np.ndarray, sight: Sight) -> np.ndarray:
    """What belongs to a subject of a part that it shares, by colours and edges (GrabCut), float32 (h, w)."""
    labels = np.full(part.shape, cv2.GC_BGD, np.uint8)
    wide = [mark.marked for mark in own if not isinstance(mark.prompt, Point)]
    area = np.logical_or.reduce(wide) if wide else part
    labels[part] = cv2.GC_PR_BGD
    labels[part & area if wide else part & _nearer(own, others, sight)] = cv2.GC_PR_FGD
    boxes = [mark.marked for mark in own if isinstance(mark.prompt, Box)]
    if boxes:
        labels[part & ~area] = cv2.GC_BGD
        likely, core = (np.logical_or.reduce([middle(box, share) for box in boxes]) for share in (_LIKELY, _CORE))
        labels[part & area & ~likely] = cv2.GC_PR_BGD
        labels[part & core] = cv2.GC_FGD
    for marks, sure in ((own, cv2.GC_FGD), (others, cv2.GC_BGD)):
        for mark in marks:
            core = mark.marked.astype(np.uint8)
            if isinstance(mark.prompt, MaskPicture):
                core = cv2.erode(core, np.ones((5, 5), np.uint8))
            if not isinstance(mark.prompt, Box):
                labels[(core > 0) & part] = sure
    is_fore = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    is_split = (is_fore & part).any() and (~is_fore & part).any()
    if not is_split and not others:
        return (part & area).astype(np.float32)
    # Beside a figure that is not meant the background is nobody's.
    models = np.zeros((1, 65)), np.zeros((1, 65))
    seen = np.where(part[..., None], sight.rgb, 0)
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(seen[..., ::-1]), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    chosen = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)) & part
    if boxes:
        rivals = [mark.marked for mark in others if isinstance(mark.prompt, Box)]
        said = np.logical_or.reduce([mark.marked for mark in own if not isinstance(mark.prompt, Box)] or [~part])
        chosen = whole(chosen & (likely_in(boxes, rivals, part, sight) | said), boxes, part)
    return chosen.astype(np.float32)


def _nearer(own: list[_Mark], others: list[_Mark], sight: Sight) -> np.ndarray:
    """Pixels that lie nearer to a subject's points, in place and colour, than to those of others; bool (h, w)."""
    if not others:
        return np.ones(sight.alpha.shape, bool)
    smooth = cv2.blur(sight.rgb, (5, 5)).astype(np.float32) / 255

    def away(marks: list[_Mark]) -> np.ndarray:
        found = []
        for mark in marks:
            place = cv2.distanceTransform((~mark.marked).astype(np.uint8), cv2.DIST_L2, 3) / max(sight.alpha.shape)
            colour = np.linalg.norm(smooth - smooth[mark.marked].mean(0), axis=2)
            found.append(place + _COLOUR_WEIGHT * colour)
        return np.minimum.reduce(found)

    return away(own) < away(others)
