"""Mattes of chosen subjects: the network looks where they are, and what it sees of others is left out."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.guidance.losing import Fate
from birefnet_video.matting.guidance.region import WHOLE
from birefnet_video.options.prompts import Prompt
from birefnet_video.pipeline.hindsight import FirstLook
from birefnet_video.pipeline.memory import Memory
from birefnet_video.pipeline.picking import Eyes
from birefnet_video.pipeline.pursuit import Outcome, Pursuit, Shown, begins
from birefnet_video.pipeline.reach import HINDSIGHT_S
from birefnet_video.pipeline.tracking import Tracking
from birefnet_video.types import Batch, FrameMeta, Matte


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

    def looks_ahead(self, rate: Fraction, before: FrameMeta | None = None) -> bool:
        """Whether prompts are about later frames than the first one of all, or than ``before``."""
        shown = self.start + (0 if before is None else before.pts * before.time_base)
        return any(not self._is_before(prompt, shown, rate) for prompt in self.prompts)

    def is_reached(self, meta: FrameMeta, rate: Fraction) -> bool:
        """Whether a prompt about a later frame may say something of a frame."""
        shown = self.start + meta.pts * meta.time_base
        return any(
            0 <= prompt.time - shown <= HINDSIGHT_S + 1 / rate for prompt in self.prompts if prompt.time is not None
        )

    def _is_before(self, prompt: Prompt, shown: Fraction, rate: Fraction) -> bool:
        return prompt.time is None or prompt.time < shown + 1 / rate / 2


class Follower:
    """Makes the mattes of subjects through a video, frame after frame; remembers one frame and how subjects look.

    Where prompts are about later frames, those up to the last of them come twice: a first look carries subjects back to
    the frames before.
    """

    def __init__(
        self,
        eyes: Eyes,
        rate: Fraction,
        wanted: Wanted,
        tracking: Tracking | None = None,
        memory: Memory | None = None,
    ) -> None:
        """
        Args:
            eyes: of the network; figures are carried on its grid, which is that of motion.
            rate: frames a second.
            wanted: who is to be followed.
            tracking: says better where they are.
            memory: what an earlier run knew, and what a later one must know; ``None``: there are none.
        """
        self._eyes, self._rate, self._wanted, self._memory = eyes, rate, wanted, memory
        self._due_next = list(wanted.prompts)
        self._pursuit = Pursuit(eyes, lanes=wanted.lanes, tracking=tracking)
        known = memory.followed if memory is not None else None
        self._followed = known if known is not None else self._pursuit.beginning()
        looked = memory is not None and memory.has_hindsight
        self.looks_ahead = not looked and wanted.looks_ahead(rate, memory.before if memory is not None else None)
        """Whether frames up to the last prompt must come before all frames."""

    def follow(self, batches: Iterable[Batch]) -> Iterator[list[Matte]]:
        """One matte for each frame, of the views' size.

        Args:
            batches: with motions.
        """
        looks_first, last, begin = self.looks_ahead, None, self._memory.begin if self._memory is not None else 0
        with ExitStack() as open_files:
            first = open_files.enter_context(closing(FirstLook(self._eyes.grid)))
            if self._memory is not None and self._memory.has_hindsight:
                known = open_files.enter_context(closing(self._memory.hindsight(self._eyes.grid)))
                self._pursuit.hindsight = known
            for batch in batches:
                head = batch.frames[0].meta.index
                if looks_first and last is not None and head <= last.index:
                    looks_first = False
                    self._begin_rendering(first)
                last = batch.frames[-1].meta
                if looks_first:
                    for part in self._parts(batch, 0):
                        self._look_first(batch, part, first)
                    continue
                for frame in batch.frames[: max(0, begin - head)]:
                    # It was read for the motion from it alone.
                    self._due(frame.meta)
                if last.index < begin:
                    continue
                if self._memory is not None:
                    self._memory.note(max(head, begin), self._followed)
                for part in self._parts(batch, max(0, begin - head)):
                    yield self._mattes(batch, part)
        if last is not None:
            self._tell(last, self._followed.waiting.ended())

    def _look_first(self, batch: Batch, part: slice, first: FirstLook) -> None:
        """Keep what is seen of all of the picture, and what prompts say of it."""
        steps = zip(batch.frames[part], at_home(batch.rgb[part]), batch.motions[part], strict=True)
        wanted = [
            each for each in steps if self._wanted.is_reached(each[0].meta, self._rate) or self._is_due(each[0].meta)
        ]
        if not wanted:
            return
        alphas = self._eyes.see(np.stack([view for _, view, _ in wanted]), WHOLE)
        for (frame, view, motion), alpha in zip(wanted, alphas, strict=True):
            first.keep(frame.meta, self._eyes.sight(alpha, view), None if begins(motion) else motion)
            if due := self._due(frame.meta):
                closer, choice = self._eyes.pick(due, view, patient=True)
                first.choose(choice, self._eyes.sight(closer, view))

    def _begin_rendering(self, first: FirstLook) -> None:
        self._pursuit.hindsight = first.hindsight()
        if self._memory is not None:
            self._memory.keep(self._pursuit.hindsight)
        self._due_next = list(self._wanted.prompts)

    def _parts(self, batch: Batch, begin_at: int) -> Iterator[slice]:
        """Frames that the network may look at together: those with a prompt, or after a cut, stand alone."""
        steps = [*zip(batch.frames, batch.motions, strict=True)]
        for index, (frame, motion) in enumerate(steps[begin_at:], begin_at):
            if self._is_due(frame.meta) or begins(motion):
                if begin_at < index:
                    yield slice(begin_at, index)
                yield slice(index, index + 1)
                begin_at = index + 1
        if begin_at < len(batch.frames):
            yield slice(begin_at, len(batch.frames))

    def _mattes(self, batch: Batch, part: slice) -> list[Matte]:
        pursuit, rate, count = self._pursuit, float(self._rate), len(batch.frames)
        frames, views = batch.frames[part], at_home(batch.rgb[part])
        shown = [
            Shown(frame.meta, view, motion, rate)
            for frame, view, motion in zip(frames, views, batch.motions[part], strict=True)
        ]
        if shown[0].begins:
            self._followed = self._followed.anywhere()
        outcomes: list[Outcome] = []
        if due := self._due(shown[0].meta):
            outcomes.append(self._note(shown[0], pursuit.choose(self._followed, due, shown[0], count)))
        else:
            for each, seen in zip(shown, pursuit.see(self._followed, views), strict=True):
                outcomes.append(self._note(each, pursuit.follow(self._followed, each, seen)))
            self._followed = pursuit.ahead(self._followed, frames[-1].meta.index + 1, count)
        return [
            Matte(frame, outcome.alphas[0], each.view, each.motion, outcome.alphas[1:])
            for frame, each, outcome in zip(frames, shown, outcomes, strict=True)
        ]

    def _note(self, shown: Shown, outcome: Outcome) -> Outcome:
        self._followed = outcome.followed
        self._tell(shown.meta, outcome.fates)
        return outcome

    def _is_due(self, meta: FrameMeta) -> bool:
        return bool(self._due_next) and self._wanted.is_past(self._due_next[0], meta, self._rate)

    def _due(self, meta: FrameMeta) -> list[Prompt]:
        """The prompts about a frame, once."""
        due = [prompt for prompt in self._due_next if self._wanted.is_past(prompt, meta, self._rate)]
        self._due_next = self._due_next[len(due) :]
        return due

    def _tell(self, meta: FrameMeta, fates: Iterable[Fate]) -> None:
        for fate in fates:
            self._wanted.on_fate(meta, fate)
