"""Mattes of chosen subjects: the network looks where they are, and what it sees of others is left out."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from birefnet_video.matting.guidance.figure import Carried, Sight
from birefnet_video.matting.guidance.losing import Fate, Watch
from birefnet_video.matting.guidance.region import WHOLE
from birefnet_video.matting.guidance.shot import (
    Shot,
    begin,
    carry,
    corrected,
    find_again,
    of_subjects,
    shared,
    shares_of,
)
from birefnet_video.options.prompts import Largest, Prompt
from birefnet_video.pipeline.glances import Glances, Seen
from birefnet_video.pipeline.hindsight import FirstLook, Hindsight
from birefnet_video.pipeline.picking import Eyes, several_at
from birefnet_video.pipeline.tracking import Tracking
from birefnet_video.pipeline.waiting import Waiting
from birefnet_video.types import Batch, Frame, FrameMeta, Matte, Motion


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to be followed."""

    prompts: tuple[Prompt, ...]
    """In the order of time."""
    start: Fraction = Fraction(0)
    """When the first frame is shown, on the clock of prompts, in seconds."""
    on_fate: Callable[[FrameMeta, Fate], None] = lambda meta, fate: None
    """Is told what becomes of subjects."""
    lanes: tuple[str | None, ...] = (None,)
    """Whose mattes are made; ``None``: everybody's together."""

    def is_past(self, prompt: Prompt, meta: FrameMeta, rate: Fraction) -> bool:
        """Whether a prompt is about a frame, or one before it that was not shown."""
        return self._is_before(prompt, self.start + meta.pts * meta.time_base, rate)

    def looks_ahead(self, rate: Fraction) -> bool:
        """Whether prompts are about later frames than the first."""
        return any(not self._is_before(prompt, self.start, rate) for prompt in self.prompts)

    def _is_before(self, prompt: Prompt, shown: Fraction, rate: Fraction) -> bool:
        return prompt.time is None or prompt.time < shown + 1 / rate / 2


class Follower:
    """Makes the mattes of subjects through a video, frame after frame; remembers one frame and how subjects look.

    Where prompts are about later frames, those up to the last of them come twice: a first look carries subjects back to
    the frames before.
    """

    def __init__(self, eyes: Eyes, rate: Fraction, wanted: Wanted, tracking: Tracking | None = None) -> None:
        """
        Args:
            eyes: of the network; figures are carried on its grid, which is that of motion.
            rate: frames a second.
            wanted: who is to be followed.
            tracking: says better where they are.
        """
        self._eyes, self._rate, self._wanted = eyes, rate, wanted
        self._waiting = list(wanted.prompts)
        self._hindsight = Hindsight(eyes.grid)
        self._glances, self._shot = Glances(eyes, apart=wanted.lanes != (None,)), Shot()
        self._watch, self._open, self._tracking = Watch(float(rate)), Waiting(eyes), tracking

    def follow(self, batches: Iterable[Batch]) -> Iterator[list[Matte]]:
        """One matte for each frame, of the views' size.

        Args:
            batches: with motions.
        """
        ahead, looks, last = self._wanted.looks_ahead(self._rate), 0, None
        with closing(FirstLook(self._eyes.grid)) as first:
            for batch in batches:
                for part in self._parts(batch):
                    begins = batch.frames[part.start].meta.index == 0
                    looks += begins
                    if ahead and looks == 1:
                        self._look_first(batch, part, first)
                        continue
                    if ahead and begins:
                        self._begin_rendering(first)
                    yield self._mattes(batch, part)
                last = batch.frames[-1].meta
        if last is not None:
            self._tell(last, self._open.ended())

    def _look_first(self, batch: Batch, part: slice, first: FirstLook) -> None:
        """Keep what is seen of all of the picture, and what prompts say of it."""
        alphas = self._eyes.see(batch.rgb[part], WHOLE)
        for frame, view, alpha, motion in zip(
            batch.frames[part], batch.rgb[part], alphas, batch.motions[part], strict=True
        ):
            first.keep(self._eyes.sight(alpha, view), None if _begins(motion) else motion)
            if due := self._due(frame.meta):
                closer, choice = self._eyes.pick(due, view, patient=True)
                first.choose(choice, self._eyes.sight(closer, view))

    def _begin_rendering(self, first: FirstLook) -> None:
        self._hindsight = first.hindsight()
        self._waiting = list(self._wanted.prompts)

    def _parts(self, batch: Batch) -> Iterator[slice]:
        """Frames that the network may look at together: those with a prompt, or after a cut, stand alone."""
        begin_at = 0
        for index, (frame, motion) in enumerate(zip(batch.frames, batch.motions, strict=True)):
            if self._is_due(frame.meta) or _begins(motion) or frame.meta.index == 0:
                if begin_at < index:
                    yield slice(begin_at, index)
                yield slice(index, index + 1)
                begin_at = index + 1
        if begin_at < len(batch.frames):
            yield slice(begin_at, len(batch.frames))

    def _mattes(self, batch: Batch, part: slice) -> list[Matte]:
        frames, views, motions = batch.frames[part], batch.rgb[part], batch.motions[part]
        if _begins(motions[0]):
            self._glances.look_everywhere()
        if due := self._due(frames[0].meta):
            alpha = self._chosen(due, views[0], frames[0].meta, motions[0])
            self._look_ahead(frames[0].meta.index + 1, len(batch.frames))
            seen = Seen(alpha, self._glances.nearer(views[:1]))
            return [self._matte(frames[0], seen, views[0], motions[0])]
        made = []
        for frame, view, seen, motion in zip(frames, views, self._glances.see(views), motions, strict=True):
            self._carry(seen.alpha, view, motion, frame.meta)
            self._pick_again(seen.alpha, view, frame.meta)
            made.append(self._matte(frame, seen, view, motion))
        self._look_ahead(frames[-1].meta.index + 1, len(batch.frames))
        return made

    def _carry(
        self,
        alpha: np.ndarray,
        view: np.ndarray,
        motion: Motion | None,
        meta: FrameMeta,
        mended: Set[str] = frozenset(),
    ) -> None:
        sight, is_cut = self._eyes.sight(alpha, view), _begins(motion)
        if is_cut:
            self._shot = find_again(self._shot, sight)
        else:
            assert motion is not None
            self._shot = carry(self._shot, sight, Carried.of(motion))
        if self._tracking is not None:
            self._shot = self._tracking.follow(view, self._shot, sight)
        behind = {name for name, known in self._hindsight.names(meta.index).items() if known.box is not None}
        fates = self._watch.see(self._shot, is_cut=is_cut, mended=mended | behind)
        self._tell(meta, self._open.heed(fates))

    def _pick_again(self, alpha: np.ndarray, view: np.ndarray, meta: FrameMeta) -> None:
        """Of whom nobody is picked, if somebody is clearly seen now."""
        if self._open.names - self._hindsight.names(meta.index).keys():
            sight = self._eyes.sight(alpha, view)
            self._shot, fates = self._open.pick(self._shot, sight, view)
            self._inform([fate.subject for fate in fates], (), view, sight)
            self._tell(meta, map(self._watch.picked, fates))

    def _matte(self, frame: Frame, seen: Seen, view: np.ndarray, motion: Motion | None) -> Matte:
        alpha, *others = (self._of(name, seen.of(name), view, frame.meta) for name in self._wanted.lanes)
        return Matte(frame, alpha, view, motion, tuple(others))

    def _of(self, name: str | None, alpha: np.ndarray, view: np.ndarray, meta: FrameMeta) -> np.ndarray:
        """The alpha that belongs to a subject, float32 (H, W); ``None``: to all of them."""
        whose = None if name is None else {name}
        known_behind = self._hindsight.names(meta.index)
        behind = {each: known for each, known in known_behind.items() if whose is None or each in whose}
        if any(whose is None or each in whose for each in self._open.names - behind.keys()):
            share = self._open.share(self._shot, name)
            return alpha if share is None else shared(share, alpha, view, met=self._shot.met)
        tracked = {} if self._tracking is None else self._tracking.shares
        if not behind and not any(whose is None or each in whose for each in tracked):
            return of_subjects(self._shot, alpha, view, whose)
        shares = {
            each: share
            for each, share in {**shares_of(self._shot), **tracked}.items()
            if whose is None or each in whose
        }
        for name, known in behind.items():
            shares[name] = self._hindsight.share(known, shares.get(name))
        return shared(np.clip(np.sum([*shares.values()], axis=0), 0, 1), alpha, view, met=True)

    def _look_ahead(self, index: int, frames: int) -> None:
        """Where the network looks in the next frames, from ``index`` on."""
        self._glances.look_ahead(self._shot.figures, self._hindsight.boxes(index, frames), frames, self._open.names)

    def _chosen(self, due: list[Prompt], view: np.ndarray, meta: FrameMeta, motion: Motion | None) -> np.ndarray:
        """Choose by prompts in one frame; the frame's whole alpha."""
        if self._shot.figures:
            said = {prompt.subject for prompt in due}
            self._carry(self._glances.see(view[None])[0].alpha, view, motion, meta, mended=said)
        alpha, choice = self._eyes.pick(due, view, patient=True)
        for prompt in choice.missed:
            if not isinstance(prompt, Largest):
                self._tell(meta, [self._watch.missed(prompt.subject, f"nothing is seen at {prompt}")])
        self._tell(meta, (Fate(prompt.subject, "unsure", several_at(prompt)) for prompt in choice.several))
        sight = self._eyes.sight(alpha, view)
        self._tell(meta, self._open.ask(due, choice, sight))
        known = self._shot.figures
        self._shot = corrected(self._shot, choice.mattes, sight) if known else begin(choice.mattes, sight)
        self._inform([name for name in choice.mattes if name is not None], due, view, sight)
        self._tell(meta, self._watch.see(self._shot))
        return alpha

    def _inform(self, names: list[str], due: Sequence[Prompt], view: np.ndarray, sight: Sight) -> None:
        """Who is who in a frame, for a tracker."""
        if self._tracking is not None:
            self._shot = self._tracking.tell(names, due, view, self._shot, sight)

    def _is_due(self, meta: FrameMeta) -> bool:
        return bool(self._waiting) and self._wanted.is_past(self._waiting[0], meta, self._rate)

    def _due(self, meta: FrameMeta) -> list[Prompt]:
        """The prompts about a frame, once."""
        due = [prompt for prompt in self._waiting if self._wanted.is_past(prompt, meta, self._rate)]
        self._waiting = self._waiting[len(due) :]
        return due

    def _tell(self, meta: FrameMeta, fates: Iterable[Fate]) -> None:
        for fate in fates:
            self._wanted.on_fate(meta, fate)


def _begins(motion: Motion | None) -> bool:
    """Whether a frame has nothing to do with the one before it."""
    return motion is None or not motion.continues
