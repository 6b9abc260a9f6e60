"""Where the network looks for whom, and what it sees there."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.region import WHOLE, Box, Region, box_around, next_region, region_around
from birefnet_video.pipeline.hindsight import joined_box
from birefnet_video.pipeline.picking import Eyes

#: Share of the smaller of two regions up to which one around both is looked at in their place.
_TOGETHER = 1.3


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a frame, in mattes of its view's size."""

    alpha: np.ndarray
    """float32 (H, W): wherever the network has looked."""
    near: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name of a subject -> the same where it looked for that one."""

    def of(self, name: str | None) -> np.ndarray:
        """What a subject's matte is a part of; ``None``: everybody's."""
        return self.alpha if name is None else self.near.get(name, self.alpha)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be looked at next."""

    names: frozenset[str]
    box: Box
    more: tuple[float, float]
    """Room for its way until then, down and across."""

    @property
    def side(self) -> float:
        return region_around(self.box, self.more).side

    def joined(self, other: "_Wish") -> "_Wish":
        more = (max(self.more[0], other.more[0]), max(self.more[1], other.more[1]))
        return _Wish(self.names | other.names, joined_box((self.box, other.box)), more)


class Glances:
    """One region around all subjects; where they are told apart, one each, but those that nearly coincide are one."""

    def __init__(self, eyes: Eyes, *, apart: bool) -> None:
        """
        Args:
            eyes: of the network.
            apart: subjects have mattes of their own.
        """
        self._eyes, self._apart = eyes, apart
        self._regions: dict[frozenset[str], Region] = {}

    def look_everywhere(self) -> None:
        """Nobody knows where subjects are."""
        self._regions = {}

    def see(self, views: np.ndarray) -> list[Seen]:
        """What the network sees in frames, all regions in batches together.

        Args:
            views: uint8 (N, H, W, 3).
        """
        regions = [*dict.fromkeys(self._regions.values())] or [WHOLE]
        found = self._eyes.see_all(views, regions)
        if len(regions) == 1:
            return [Seen(alpha) for alpha in found[0]]
        place = {name: regions.index(region) for names, region in self._regions.items() for name in names}
        return [
            Seen(np.maximum.reduce(alphas), {name: alphas[index] for name, index in place.items()})
            for alphas in zip(*found, strict=True)
        ]

    def nearer(self, view: np.ndarray) -> Mapping[str, np.ndarray]:
        """What is seen of each subject that has a look of its own, by name.

        Args:
            view: uint8 (1, H, W, 3).
        """
        return self.see(view)[0].near if len(self._regions) > 1 else {}

    def look_ahead(
        self,
        figures: Iterable[Figure],
        behind: Mapping[str, Sequence[Box]],
        frames: int,
        anywhere: Set[str] = frozenset(),
    ) -> None:
        """Where to look in the next frames.

        Args:
            figures: all that are known.
            behind: boxes around subjects that prompts about later frames show in those frames.
            frames: how many.
            anywhere: names of subjects that may be anywhere.
        """
        subjects = [each for each in figures if each.name is not None]
        names = {each.name for each in subjects if each.name is not None} | behind.keys() | anywhere
        if not self._eyes.zooms or not names:
            return
        wishes: list[_Wish] = []
        everywhere: frozenset[str] = frozenset()
        for group in [frozenset((name,)) for name in sorted(names)] if self._apart else [frozenset(names)]:
            boxes = [box for name in group for box in behind.get(name, ())]
            of_group = [each for each in subjects if each.name in group]
            wish = None if group & anywhere else self._wish(group, of_group, boxes, frames)
            if wish is None:
                everywhere |= group
            else:
                wishes.append(wish)
        before = self._regions
        self._regions = {everywhere: WHOLE} if everywhere else {}
        for wish in _merged(wishes):
            self._regions[wish.names] = next_region(before.get(wish.names, WHOLE), wish.box, wish.more)

    def _wish(self, names: frozenset[str], subjects: list[Figure], boxes: list[Box], frames: int) -> _Wish | None:
        """``None``: all of the picture is to be looked at."""
        is_lost = any(each.hidden_for and not each.is_known_behind for each in subjects)
        expected = None if not subjects else box_around(np.maximum.reduce([_expected(each) for each in subjects]))
        around = [*boxes, *([expected] if expected is not None else [])]
        if is_lost or not around:
            return None
        speeds = [np.abs(each.speed) for each in subjects] or [np.zeros(2, np.float32)]
        speed = np.max(speeds, axis=0) * (frames + 1)
        more = (float(speed[1]) / self._eyes.grid[0], float(speed[0]) / self._eyes.grid[1])
        return _Wish(names, joined_box(around), more)


def _merged(wishes: list[_Wish]) -> list[_Wish]:
    """Those that nearly coincide joined: a second look would see little more."""
    for index, one in enumerate(wishes):
        for other in wishes[index + 1 :]:
            both = one.joined(other)
            if both.side <= _TOGETHER * min(one.side, other.side):
                return _merged([*(each for each in wishes if each is not one and each is not other), both])
    return wishes


def _expected(figure: Figure) -> np.ndarray:
    """Where a figure is, or would be seen if nothing were before it."""
    return np.maximum(figure.matte, figure.shape) if figure.is_behind else figure.matte
