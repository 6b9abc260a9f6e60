"""Whom a live session keeps to: as it was said at its beginning, or while it runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.errors import UsageError
from birefnet_video.events import SubjectNoted
from birefnet_video.live.latency import Durations
from birefnet_video.matting.guidance.losing import Fate
from birefnet_video.matting.guidance.region import WHOLE
from birefnet_video.options.prompts import Prompt, Prompts
from birefnet_video.pipeline.guiding import read_masks
from birefnet_video.pipeline.picking import Eyes
from birefnet_video.pipeline.prompt_checks import check_place
from birefnet_video.pipeline.pursuit import Followed, Outcome, Pursuit, Shown
from birefnet_video.types import FrameMeta, MediaInfo, Motion

#: Seconds, and usual steps, from one picture to the next after which motion between them says nothing: figures are
#: known by their looks alone then, as after a cut.
_GAP_S, _GAP_STEPS = 1.0, 4.0
#: Pictures whose pace counts, and pictures a second before it is known.
_PACED, _USUAL_RATE = 30, 25.0
#: What a finding makes of a subject; another one leaves it as it was.
_STATES = {"lost": "lost", "left": "left", "found": "kept", "waiting": "waiting"}


@dataclass(frozen=True, slots=True)
class _Wish:
    """Something that was said while the session ran."""

    prompts: tuple[Prompt, ...]
    keeps: bool
    """Who was named before is still meant."""


class LiveSubjects:
    """Follows subjects from picture to picture, whatever network looks. Wishes from any thread, all else on one."""

    def __init__(
        self,
        prompts: Iterable[Prompt],
        on_subject: Callable[[SubjectNoted], None],
        notify: Callable[[str], None],
    ) -> None:
        """
        Args:
            prompts: said at the beginning, in the order of time; none: everything is kept.
            on_subject: takes what becomes of subjects.
            notify: takes what a user should know.

        Raises:
            UsageError: if a mask is no picture.
        """
        self._due_next = list(prompts)
        self._masks: Mapping[Path, np.ndarray] = read_masks(self._due_next)
        self._on_subject, self._notify = on_subject, notify
        self._wishes: SimpleQueue[_Wish] = SimpleQueue()
        self._followed: Followed | None = None
        self._pursuit: Pursuit | None = None
        self._looked_everywhere = True
        self._steps = Durations(_PACED)
        self._last: FrameMeta | None = None
        self._is_broken = False
        self.states: Mapping[str, str] = {}
        """See :attr:`birefnet_video.events.LiveSnapshot.subjects`."""

    @property
    def are_wanted(self) -> bool:
        """Whether somebody is meant, now or later; otherwise everything is kept."""
        return bool(self._due_next) or self._followed is not None

    def wish(self, prompts: Prompts, *, keep: bool) -> None:
        """From the next picture on these are meant.

        Args:
            prompts: none: everything is kept again.
            keep: so is who was named before, unless the prompts name them anew.
        """
        self._wishes.put(_Wish(prompts.said, keep))

    def check(self, info: MediaInfo, until_s: Fraction | None) -> None:
        """See whether what was said at the beginning fits a camera.

        Args:
            info: of the camera.
            until_s: when the session ends, if that is known.

        Raises:
            UsageError: if a prompt lies outside of the picture or of the session.
        """
        for prompt in self._due_next:
            check_place(prompt, info.width, info.height)
            if prompt.time is not None and until_s is not None and prompt.time >= until_s:
                raise UsageError(f"--subject: {prompt}: the session ends after {float(until_s):g} s")

    def take(self, info: MediaInfo) -> bool:
        """Take what was said meanwhile; whether there is somebody to follow now and there was not, or the opposite."""
        before = self.are_wanted
        while not self._wishes.empty():
            wish = self._wishes.get()
            try:
                self._begin(wish, info)
            except UsageError as error:
                self._notify(f"{error}; nothing is changed")
        return self.are_wanted != before

    def _begin(self, wish: _Wish, info: MediaInfo) -> None:
        for prompt in wish.prompts:
            check_place(prompt, info.width, info.height)
        if wish.prompts and all(each.excluded for each in wish.prompts) and not (wish.keeps and self.are_wanted):
            raise UsageError("--not: needs --subject, which says who is meant")
        masks = read_masks(wish.prompts)
        if not wish.keeps:
            self._due_next, self.states, self._followed = [], {}, None
        self._masks = {**self._masks, **masks}
        if self._pursuit is not None:
            self._pursuit.eyes = replace(self._pursuit.eyes, masks=self._masks)
        said = [*self._due_next, *wish.prompts]
        self._due_next = sorted(said, key=lambda prompt: prompt.time or Fraction(0))

    def look_with(self, network: MattingBackend, info: MediaInfo, grid: tuple[int, int], view: tuple[int, int]) -> None:
        """Another network looks from the next picture on; what is known of subjects stays.

        Args:
            network: its input is smaller than views may be.
            info: of the camera, the same as before but for its turn.
            grid: of motion.
            view: height and width of views.
        """
        self._pursuit = Pursuit(Eyes(network, (info.width, info.height), grid, masks=self._masks, view=view))

    def mirror(self) -> None:
        """Pictures show left as right from the next one on."""
        if self._followed is not None:
            self._followed = self._followed.mirrored()

    def break_off(self) -> None:
        """The next picture has nothing to do with the one before it: the camera was away."""
        self._is_broken = True

    def rest(self, meta: FrameMeta) -> bool:
        """Whether a picture that has not changed since the one before it needs no other matte either."""
        time = meta.pts * meta.time_base
        if any(_is_due(prompt, time) for prompt in self._due_next):
            return False
        if self._followed is not None and self._followed.glances.is_everywhere and not self._looked_everywhere:
            return False
        self._last, self._is_broken = meta, False
        return True

    def alpha(self, meta: FrameMeta, view: np.ndarray, motion: Callable[[], Motion | None]) -> np.ndarray:
        """The matte of those who are meant, float32 (H, W).

        Args:
            meta: of the next picture.
            view: uint8 (H, W, 3).
            motion: gives that to it from the one before; waited for when the network has looked.
        """
        assert self._pursuit is not None  # a network looks
        pursuit, time = self._pursuit, meta.pts * meta.time_base
        due = [prompt for prompt in self._due_next if _is_due(prompt, time)]
        self._due_next = self._due_next[len(due) :]
        if not due and self._followed is None:
            # Nobody has been named yet.
            self._paced(meta)
            return pursuit.eyes.see(view[None], WHOLE)[0]
        followed = pursuit.beginning() if self._followed is None else self._followed
        seen = None if due else pursuit.see(followed, view[None])[0]
        self._looked_everywhere = bool(due) or followed.glances.is_everywhere
        is_gap, rate = self._paced(meta)
        found = motion()
        shown = Shown(meta, view, None if is_gap else found, rate)
        if shown.begins and not followed.glances.is_everywhere:
            followed, seen, self._looked_everywhere = followed.anywhere(), None, True
        if due:
            outcome = pursuit.choose(followed, due, shown)
            named = {prompt.subject: "kept" for prompt in due if not prompt.excluded}
            self.states = {**self.states, **named}
        else:
            outcome = pursuit.follow(followed, shown, pursuit.see(followed, view[None])[0] if seen is None else seen)
        self._followed = outcome.followed if due else pursuit.ahead(outcome.followed, meta.index + 1, 1)
        self._tell(shown.meta, outcome)
        return outcome.alphas[0]

    def end(self) -> None:
        """There are no more pictures."""
        if self._followed is not None and self._last is not None:
            for fate in self._followed.waiting.ended():
                self._note(self._last, fate)

    def _paced(self, now: FrameMeta) -> tuple[bool, float]:
        """Whether motion from the picture before says nothing, and pictures a second of the latest ones."""
        before, self._last = self._last, now
        usual = self._steps.percentile_s(0.5)
        step = 0.0 if before is None else now.time_s - before.time_s
        is_gap = self._is_broken or step > max(_GAP_S, _GAP_STEPS * usual)
        self._is_broken = False
        if step > 0 and not is_gap:
            self._steps.add(step)
        return is_gap, 1 / usual if usual else _USUAL_RATE

    def _tell(self, meta: FrameMeta, outcome: Outcome) -> None:
        for fate in outcome.fates:
            self._note(meta, fate)

    def _note(self, meta: FrameMeta, fate: Fate) -> None:
        if (state := _STATES.get(fate.finding)) is not None:
            self.states = {**self.states, fate.subject: state}
        self._on_subject(SubjectNoted(meta, fate.subject, fate.finding, fate.why, float(meta.pts * meta.time_base)))


def _is_due(prompt: Prompt, time_s: Fraction) -> bool:
    return prompt.time is None or prompt.time <= time_s
