"""One step of following: from what is known after one picture, and the next picture, to what is known after that."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from birefnet_video.matting.guidance.choosing import Choice
from birefnet_video.matting.guidance.losing import Fate, Watch
from birefnet_video.matting.guidance.places import place_of
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
from birefnet_video.matting.guidance.sight import Carried, Sight
from birefnet_video.options.prompts import Largest, Prompt
from birefnet_video.pipeline.glances import Glances, Seen
from birefnet_video.pipeline.hindsight import Hindsight
from birefnet_video.pipeline.picking import Eyes, several_at
from birefnet_video.pipeline.seeking import Sought
from birefnet_video.pipeline.tracking import Tracking
from birefnet_video.pipeline.waiting import Waiting
from birefnet_video.types import FrameMeta, Motion


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, as it is followed to."""

    meta: FrameMeta
    view: np.ndarray
    """uint8 (H, W, 3)."""
    motion: Motion | None
    """To it from the one before."""
    rate: float
    """Pictures a second around it."""

    @property
    def begins(self) -> bool:
        """Whether it has nothing to do with the one before it."""
        return begins(self.motion)


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known after a picture. Of any network: figures lie on the grid of motion."""

    shot: Shot = field(default_factory=Shot)
    watch: Watch = field(default_factory=Watch)
    waiting: Waiting = field(default_factory=Waiting)
    glances: Glances = field(default_factory=Glances)
    sought: tuple[Sought, ...] = ()
    """Of whom nothing was seen where they were said to be."""

    def anywhere(self) -> "Followed":
        """The same before a picture that has nothing to do with this one."""
        return replace(self, glances=self.glances.everywhere())

    def mirrored(self) -> "Followed":
        """The same where left is right from now on."""
        sought = tuple(each.mirrored() for each in self.sought)
        return replace(self, shot=self.shot.mirrored(), glances=self.glances.mirrored(), sought=sought)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one picture has come to."""

    followed: Followed
    alphas: tuple[np.ndarray, ...]
    """float32 (H, W) each, of the view's size: one for each whose mattes are made."""
    fates: tuple[Fate, ...] = ()
    """What has become of subjects."""


class Pursuit:
    """How one network goes from picture to picture. Remembers nothing but what a tracker does. One thread at a time."""

    def __init__(
        self, eyes: Eyes, *, lanes: tuple[str | None, ...] = (None,), tracking: Tracking | None = None
    ) -> None:
        """
        Args:
            eyes: of the network; figures are carried on its grid, which is that of motion.
            lanes: whose mattes are made; ``None``: everybody's together.
            tracking: says better where subjects are.
        """
        self.eyes = eyes
        self.hindsight = Hindsight(eyes.grid)
        """What prompts about later pictures say of these; nothing, unless somebody puts another one here."""
        self._lanes, self._tracking = lanes, tracking

    def beginning(self) -> Followed:
        """Before the first picture."""
        return Followed(glances=Glances(apart=self._lanes != (None,)))

    def see(self, before: Followed, views: np.ndarray) -> list[Seen]:
        """What the network sees in the next pictures, uint8 (N, H, W, 3), where subjects should be."""
        return before.glances.see(self.eyes, views)

    def follow(self, before: Followed, shown: Shown, seen: Seen) -> Outcome:
        """A picture about which nobody has said anything.

        Args:
            before: what is known after the one before it.
            shown: the picture.
            seen: what the network sees in it, see :meth:`see`.
        """
        after, fates, sight = self._carried(before, shown, seen.alpha)
        if any(each.is_due for each in after.sought):
            after, seen, sight, found = self._sought(after, shown, seen, sight)
            fates += found
        if after.waiting.names - self.hindsight.names(shown.meta.index).keys():
            # Nobody is picked of some, and somebody may be clearly seen now.
            waiting, shot, found = after.waiting.pick(self.eyes, after.shot, sight, shown.view)
            watch = after.watch
            for fate in found:
                watch = watch.picked(fate.subject)
            shot = self._informed([fate.subject for fate in found], (), shown.view, shot, sight)
            after, fates = replace(after, shot=shot, watch=watch, waiting=waiting), [*fates, *found]
        return Outcome(after, self._alphas(after, shown, seen), tuple(fates))

    def choose(self, before: Followed, due: Sequence[Prompt], shown: Shown, frames: int = 1) -> Outcome:
        """A picture that prompts are about: the network looks at it until it is clear who is meant.

        Args:
            before: what is known after the one before it.
            due: the prompts.
            shown: the picture.
            frames: how many come before the network can be told to look elsewhere.
        """
        after, fates = before, list[Fate]()
        if before.shot.figures or before.sought:
            said = {prompt.subject for prompt in due}
            (seen,) = self.see(before, shown.view[None])
            after, fates, _ = self._carried(before, shown, seen.alpha, mended=said)
        alpha, choice = self.eyes.pick(due, shown.view, patient=True)
        watch = after.watch
        named = {prompt.subject for prompt in due}
        sought = [each for each in after.sought if each.subject not in named]
        for prompt in choice.missed:
            if not isinstance(prompt, Largest):
                watch = watch.missed(prompt.subject)
                fates.append(Fate(prompt.subject, "lost", f"nothing is seen at {prompt}"))
                place = place_of(prompt, self.eyes.size, self.eyes.masks)
                if prompt.subject not in choice.mattes and place is not None:
                    sought.append(Sought(prompt.subject, place))
        fates += [Fate(prompt.subject, "unsure", several_at(prompt)) for prompt in choice.several]
        sight = self.eyes.sight(alpha, shown.view)
        waiting, waited = after.waiting.ask(due, choice, sight)
        shot = self._chosen(after.shot, choice, due, shown.view, sight)
        watch, noticed = watch.see(shot, shown.rate)
        after = Followed(shot, watch, waiting, after.glances, tuple(sought))
        after = self.ahead(after, shown.meta.index + 1, frames)
        near = after.glances.nearer(self.eyes, shown.view)
        return Outcome(after, self._alphas(after, shown, Seen(alpha, near)), (*fates, *waited, *noticed))

    def ahead(self, after: Followed, index: int, frames: int) -> Followed:
        """Where the network looks in the next pictures, from ``index`` on."""
        behind, figures = self.hindsight.boxes(index, frames), after.shot.figures
        return replace(after, glances=after.glances.ahead(self.eyes, figures, behind, frames, after.waiting.names))

    def _carried(
        self, before: Followed, shown: Shown, alpha: np.ndarray, mended: Set[str] = frozenset()
    ) -> tuple[Followed, list[Fate], Sight]:
        """With the figures of the next picture, and what has become of subjects."""
        sight = self.eyes.sight(alpha, shown.view)
        if shown.begins:
            shot = find_again(before.shot, sight)
            # Behind black frames a shot begins that prompts about the first of them are about.
            moved = [] if before.shot.figures else [*before.sought]
        else:
            assert shown.motion is not None
            carried = Carried.of(shown.motion)
            shot = carry(before.shot, sight, carried)
            moved = [each.carried(carried) for each in before.sought]
        if self._tracking is not None:
            shot = self._tracking.follow(shown.view, shot, sight)
        known = self.hindsight.names(shown.meta.index)
        behind = {name for name, each in known.items() if each.box is not None}
        watch, fates = before.watch.see(shot, shown.rate, is_cut=shown.begins, mended=mended | behind)
        waiting = before.waiting.heed(fates)
        sought = tuple(each for place in moved if (each := place.later(shown.rate)) is not None)
        return replace(before, shot=shot, watch=watch, waiting=waiting, sought=sought), fates, sight

    def _sought(
        self, after: Followed, shown: Shown, seen: Seen, sight: Sight
    ) -> tuple[Followed, Seen, Sight, list[Fate]]:
        """With those who are seen now where they were said to be."""
        alpha, choice = self.eyes.pick([each.prompt for each in after.sought if each.is_due], shown.view)
        found = sorted(name for name in choice.mattes if name is not None)
        still = [each for each in after.sought if each.subject not in found]
        after = replace(after, sought=tuple(each.looked() if each.is_due else each for each in still))
        if not found:
            return after, seen, sight, []
        sight = self.eyes.sight(alpha, shown.view)
        shot, watch = self._chosen(after.shot, choice, (), shown.view, sight), after.watch
        for name in found:
            watch = watch.picked(name)
        fates = [Fate(name, "found", "seen where it was said to be") for name in found]
        return replace(after, shot=shot, watch=watch), Seen(alpha, seen.near), sight, fates

    def _chosen(self, shot: Shot, choice: Choice, due: Sequence[Prompt], view: np.ndarray, sight: Sight) -> Shot:
        """The figures of a picture after a choice among them."""
        made = corrected(shot, choice.mattes, sight) if shot.figures else begin(choice.mattes, sight)
        return self._informed([name for name in choice.mattes if name is not None], due, view, made, sight)

    def _informed(self, names: list[str], due: Sequence[Prompt], view: np.ndarray, shot: Shot, sight: Sight) -> Shot:
        """Who is who in a picture, for a tracker; the figures as it sees them."""
        return shot if self._tracking is None else self._tracking.tell(names, due, view, shot, sight)

    def _alphas(self, after: Followed, shown: Shown, seen: Seen) -> tuple[np.ndarray, ...]:
        return tuple(self._alpha(name, after, seen.of(name), shown) for name in self._lanes)

    def _alpha(self, name: str | None, after: Followed, alpha: np.ndarray, shown: Shown) -> np.ndarray:
        """The alpha that belongs to a subject, float32 (H, W); ``None``: to all of them."""
        shot, view = after.shot, shown.view
        whose = None if name is None else {name}
        known_behind = self.hindsight.names(shown.meta.index)
        behind = {each: known for each, known in known_behind.items() if whose is None or each in whose}
        if any(whose is None or each in whose for each in after.waiting.names - behind.keys()):
            share = after.waiting.share(shot, name)
            return alpha if share is None else shared(share, alpha, view, met=shot.met)
        tracked = {} if self._tracking is None else self._tracking.shares
        if not behind and not any(whose is None or each in whose for each in tracked):
            return of_subjects(shot, alpha, view, whose)
        shares = {
            each: share for each, share in {**shares_of(shot), **tracked}.items() if whose is None or each in whose
        }
        for each, known in behind.items():
            shares[each] = self.hindsight.share(known, shares.get(each))
        return shared(np.clip(np.sum([*shares.values()], axis=0), 0, 1), alpha, view, met=True)


def begins(motion: Motion | None) -> bool:
    """Whether a picture has nothing to do with the one before it."""
    return motion is None or not motion.continues
