"""Whoever is to be the largest subject, while nobody is clearly seen: what is kept meanwhile, and who is picked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from birefnet_video.matting.guidance.choosing import Choice
from birefnet_video.matting.guidance.clear import is_clear, largest
from birefnet_video.matting.guidance.look import Look
from birefnet_video.matting.guidance.losing import Fate
from birefnet_video.matting.guidance.shot import Shot, corrected
from birefnet_video.matting.guidance.sight import Sight, parts
from birefnet_video.options.prompts import Largest, Prompt
from birefnet_video.pipeline.picking import Eyes

#: Likeness from which a figure is one that is not meant.
_SAME = 0.9


@dataclass(frozen=True, slots=True)
class Waiting:
    """Subjects that are the largest that is seen: each is picked in the first frame that shows one clearly."""

    asked: frozenset[str] = frozenset()
    """Names of those of whom that was said."""
    open: Mapping[str, str] = field(default_factory=dict)
    """Names of those of whom nobody is picked now, and what is said when somebody is."""
    refused: tuple[Look, ...] = ()
    """Looks of figures that are not meant."""

    @property
    def names(self) -> Set[str]:
        """Of whom nobody is picked now."""
        return self.open.keys()

    def ask(self, due: Sequence[Prompt], choice: Choice, sight: Sight) -> tuple["Waiting", list[Fate]]:
        """Prompts about a frame, and what was seen of them there."""
        asked, still, fates = set(self.asked), dict(self.open), []
        for prompt in due:
            if prompt.excluded:
                continue
            still.pop(prompt.subject, None)
            if isinstance(prompt, Largest):
                asked.add(prompt.subject)
                if prompt in choice.missed:
                    still[prompt.subject] = "clearly seen"
                    why = "nobody is clearly seen yet, so everything is kept"
                    fates.append(Fate(prompt.subject, "waiting", why))
        refused = (*self.refused, *(Look.of(sight.coded, matte) for matte in choice.refused))
        return Waiting(frozenset(asked), still, refused), fates

    def heed(self, fates: Iterable[Fate]) -> "Waiting":
        """What has become of subjects: who is lost is picked anew."""
        still = dict(self.open)
        for fate in fates:
            if fate.finding == "found":
                still.pop(fate.subject, None)
            elif fate.finding in ("lost", "left") and fate.subject in self.asked:
                still[fate.subject] = "another one, clearly seen"
        return replace(self, open=still)

    def pick(self, eyes: Eyes, shot: Shot, sight: Sight, view: np.ndarray) -> tuple["Waiting", Shot, list[Fate]]:
        """With those who are clearly seen in a frame, and seen in a closer look as well.

        Args:
            eyes: of the network.
            shot: after it.
            sight: the frame.
            view: uint8 (H, W, 3).
        """
        still, fates = dict(self.open), []
        for name in self.open:
            matte = self._clearest(shot, sight, name)
            if matte is not None and eyes.confirms(view, matte):
                # What was seen before of whoever comes in may have been limbs: those are nobody any more.
                shot = corrected(shot, {name: [matte]}, sight)
                fates.append(Fate(name, "found", still.pop(name)))
        return replace(self, open=still), shot, fates

    def _clearest(self, shot: Shot, sight: Sight, name: str) -> np.ndarray | None:
        """The largest part of a frame that is clearly seen and nobody else's, float32 (h, w)."""
        others = [each.matte for each in shot.figures if each.name not in (None, name)]
        rest = np.clip(sight.alpha - np.sum(others, axis=0), 0, 1) if others else sight.alpha
        clear = [part for part in parts(rest) if self._may_be_picked(np.where(part, rest, 0).astype(np.float32), sight)]
        return np.where(largest(clear, sight), rest, 0).astype(np.float32) if clear else None

    def _may_be_picked(self, matte: np.ndarray, sight: Sight) -> bool:
        return is_clear(matte) and not self._is_refused(Look.of(sight.coded, matte))

    def ended(self) -> Iterator[Fate]:
        """There are no more frames."""
        for name in self.open:
            yield Fate(name, "lost", "nobody was clearly seen up to the end")

    def share(self, shot: Shot, name: str | None) -> np.ndarray | None:
        """What is kept for whom nobody is picked, float32 (h, w): all that is not somebody else's; ``None``: all.

        Args:
            shot: after a frame.
            name: of the subject; ``None``: everybody's matte is meant, and others have their part in it.
        """
        others = [
            share
            for figure, share in zip(shot.figures, shot.shares, strict=True)
            if (figure.name is None and self._is_refused(figure.look))
            or (name is not None and figure.name not in (None, name))
        ]
        return np.clip(1 - np.sum(others, axis=0), 0, 1) if others else None

    def _is_refused(self, look: Look) -> bool:
        return any(look.likeness(each) > _SAME for each in self.refused)
