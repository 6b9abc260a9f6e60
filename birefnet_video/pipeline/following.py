"""Mattes of chosen subjects: the network looks where they are, and what it sees of others is left out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from birefnet_video.backends.base import MattingBackend, check_mattes
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.choosing import Choice, choose
from birefnet_video.matting.guidance.figure import Carried, Figure, Sight
from birefnet_video.matting.guidance.losing import Fate, Watch
from birefnet_video.matting.guidance.places import places_of
from birefnet_video.matting.guidance.region import WHOLE, Region, box_around, next_region, region_around
from birefnet_video.matting.guidance.shot import Shot, begin, carry, corrected, find_again
from birefnet_video.matting.tiles.joining import enlarged
from birefnet_video.options.guidance import Prompt
from birefnet_video.types import Batch, FrameMeta, Matte, MediaInfo, Motion

#: Shares below this are nobody's.
_FAINT = 1 / 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to be followed."""

    prompts: tuple[Prompt, ...]
    """In the order of time."""
    masks: Mapping[Path, np.ndarray] = field(default_factory=dict)
    """Of prompts by mask, uint8 (H, W)."""
    start: Fraction = Fraction(0)
    """When the first frame is shown, on the clock of prompts, in seconds."""
    on_fate: Callable[[FrameMeta, Fate], None] = lambda meta, fate: None
    """Is told what becomes of subjects."""


class Follower:
    """Makes the mattes of subjects through a video, frame after frame; remembers one frame and how subjects look."""

    def __init__(
        self, network: MattingBackend, info: MediaInfo, grid: tuple[int, int], wanted: Wanted, *, zooms: bool = True
    ) -> None:
        """
        Args:
            network: whose input a part of the view is brought to.
            info: of the input.
            grid: height and width of the field of motion, on which figures are carried.
            wanted: who is to be followed.
            zooms: the network looks at parts of the picture; otherwise always at all of it.
        """
        self._network, self._info, self._grid, self._wanted, self._zooms = network, info, grid, wanted, zooms
        self._waiting = list(wanted.prompts)
        self._region, self._shot = WHOLE, Shot()
        self._watch = Watch(float(info.frame_rate))

    def follow(self, batches: Iterable[Batch]) -> Iterator[list[Matte]]:
        """One matte for each frame, of the views' size.

        Args:
            batches: with motions.
        """
        for batch in batches:
            for part in self._parts(batch):
                yield self._mattes(batch, part)

    def _parts(self, batch: Batch) -> Iterator[slice]:
        """Frames that the network may look at together: those with a prompt, or after a cut, stand alone."""
        begin_at = 0
        for index, (frame, motion) in enumerate(zip(batch.frames, batch.motions, strict=True)):
            if self._is_due(frame.meta) or _begins(motion):
                if begin_at < index:
                    yield slice(begin_at, index)
                yield slice(index, index + 1)
                begin_at = index + 1
        if begin_at < len(batch.frames):
            yield slice(begin_at, len(batch.frames))

    def _mattes(self, batch: Batch, part: slice) -> list[Matte]:
        frames, views, motions = batch.frames[part], batch.rgb[part], batch.motions[part]
        if due := self._due(frames[0].meta):
            alpha = self._chosen(due, views[0], frames[0].meta, motions[0])
            self._look_ahead(len(batch.frames))
            return [Matte(frames[0], self._of_subjects(alpha, views[0]), views[0], motions[0])]
        if _begins(motions[0]):
            self._region = WHOLE
        alphas = self._seen(views, self._region)
        made = []
        for frame, view, alpha, motion in zip(frames, views, alphas, motions, strict=True):
            self._carry(alpha, view, motion, frame.meta)
            made.append(Matte(frame, self._of_subjects(alpha, view), view, motion))
        self._look_ahead(len(batch.frames))
        return made

    def _seen(self, views: np.ndarray, region: Region) -> list[np.ndarray]:
        """What the network sees in a region, in mattes of the views' size; nothing outside."""
        rows, columns = region.of(views.shape[1:3])
        size = self._network.info.input_size
        looked = np.stack([resized(np.ascontiguousarray(view[rows, columns]), size) for view in views])
        alphas = []
        for view, alpha in zip(views, check_mattes(self._network.begin(looked)(), self._network.info), strict=True):
            part = view[rows, columns]
            made = enlarged(alpha, part) if self._zooms else resized(alpha, part.shape[:2])
            if not region.is_whole:
                whole = np.zeros(view.shape[:2], np.float32)
                whole[rows, columns] = made
                made = whole
            alphas.append(made)
        return alphas

    def _carry(self, alpha: np.ndarray, view: np.ndarray, motion: Motion | None, meta: FrameMeta) -> None:
        sight, is_cut = self._sight(alpha, view), _begins(motion)
        if is_cut:
            self._shot = find_again(self._shot, sight)
        else:
            assert motion is not None
            self._shot = carry(self._shot, sight, Carried.of(motion))
        self._tell(meta, self._watch.see(self._shot, is_cut=is_cut))

    def _sight(self, alpha: np.ndarray, view: np.ndarray) -> Sight:
        return Sight.of(resized(alpha, self._grid), resized(view, self._grid))

    def _of_subjects(self, alpha: np.ndarray, view: np.ndarray) -> np.ndarray:
        """The alpha that belongs to subjects, float32 (H, W)."""
        subjects = [figure.name is not None for figure in self._shot.figures]
        if not any(subjects):
            # Before anybody has been chosen everything counts.
            return alpha if self._waiting else np.zeros_like(alpha)
        if all(subjects):
            return alpha
        share = np.sum([share for share, own in zip(self._shot.shares, subjects, strict=True) if own], axis=0)
        large = enlarged(share, view) if self._shot.met else resized(share, alpha.shape)
        return np.where(large > _FAINT, alpha * np.minimum(large, 1), 0).astype(np.float32)

    def _look_ahead(self, frames: int) -> None:
        """Where the network looks next."""
        if not self._zooms or not (subjects := [each for each in self._shot.figures if each.name is not None]):
            return
        if any(each.hidden_for and not each.is_known_behind for each in subjects):
            self._region = WHOLE
            return
        box = box_around(np.maximum.reduce([_expected(each) for each in subjects]))
        if box is not None:
            speed = np.max([np.abs(each.speed) for each in subjects], axis=0) * (frames + 1)
            more = (float(speed[1]) / self._grid[0], float(speed[0]) / self._grid[1])
            self._region = next_region(self._region, box, more)

    def _chosen(self, due: list[Prompt], view: np.ndarray, meta: FrameMeta, motion: Motion | None) -> np.ndarray:
        """Choose by prompts in one frame, looking closer where nothing is seen; the frame's whole alpha."""
        if self._shot.figures:
            self._carry(self._seen(view[None], self._region)[0], view, motion, meta)
        size = (self._info.width, self._info.height)
        alpha = self._seen(view[None], WHOLE)[0]
        choice = self._choice(due, alpha, view)
        for prompt in choice.missed if self._zooms else ():
            for region in places_of(prompt, size, self._wanted.masks):
                closer = self._seen(view[None], region)[0]
                rows, columns = region.of(closer.shape)
                joined = alpha.copy()
                joined[rows, columns] = np.maximum(joined[rows, columns], closer[rows, columns])
                again = self._choice(due, joined, view)
                if prompt not in again.missed:
                    alpha, choice = joined, again
                    break
        for prompt in choice.missed:
            self._tell(meta, [self._watch.missed(prompt.subject, f"nothing is seen at {prompt}")])
        alpha = self._closer(alpha, choice, view)
        sight = self._sight(alpha, view)
        mattes = self._choice(due, alpha, view).mattes
        self._shot = corrected(self._shot, mattes, sight) if self._shot.figures else begin(mattes, sight)
        self._tell(meta, self._watch.see(self._shot))
        return alpha

    def _closer(self, alpha: np.ndarray, choice: Choice, view: np.ndarray) -> np.ndarray:
        """With what the network sees where the chosen subjects are."""
        mattes = [each for name, group in choice.mattes.items() if name is not None for each in group]
        box = box_around(np.maximum.reduce(mattes)) if mattes and self._zooms else None
        if box is None or (region := region_around(box)).is_whole:
            return alpha
        rows, columns = region.of(alpha.shape)
        joined = alpha.copy()
        joined[rows, columns] = self._seen(view[None], region)[0][rows, columns]
        return joined

    def _choice(self, due: Sequence[Prompt], alpha: np.ndarray, view: np.ndarray) -> Choice:
        size = (self._info.width, self._info.height)
        return choose(due, self._sight(alpha, view), size, self._wanted.masks)

    def _is_due(self, meta: FrameMeta) -> bool:
        return bool(self._waiting) and self._is_past(self._waiting[0], meta)

    def _due(self, meta: FrameMeta) -> list[Prompt]:
        """The prompts about a frame, once."""
        due = [prompt for prompt in self._waiting if self._is_past(prompt, meta)]
        self._waiting = self._waiting[len(due) :]
        return due

    def _is_past(self, prompt: Prompt, meta: FrameMeta) -> bool:
        """Whether a prompt is about this frame, or one before it that was not shown."""
        if prompt.time is None:
            return True
        shown = self._wanted.start + meta.pts * meta.time_base
        return prompt.time < shown + 1 / self._info.frame_rate / 2

    def _tell(self, meta: FrameMeta, fates: Iterable[Fate]) -> None:
        for fate in fates:
            self._wanted.on_fate(meta, fate)


def _begins(motion: Motion | None) -> bool:
    """Whether a frame has nothing to do with the one before it."""
    return motion is None or not motion.continues


def _expected(figure: Figure) -> np.ndarray:
    """Where a figure is, or would be seen if nothing were before it."""
    return np.maximum(figure.matte, figure.shape) if figure.is_behind else figure.matte
