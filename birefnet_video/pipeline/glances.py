"""Where the network looks for whom, and what it sees there."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

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
    least: float
    """Side of a part."""

    @property
    def side(self) -> float:
        return region_around(self.box, self.more, least=self.least).side

    def joined(self, other: "_Wish") -> "_Wish":
        more = (max(self.more[0], other.more[0]), max(self.more[1], other.more[1]))
        return _Wish(self.names | other.names, joined_box((self.box, other.box)), more, self.least)


@dataclass(frozen=True, slots=True)
class Glances:
    """Where the network looks in the next frames: at one region around all subjects; where they are told apart, one
    each, but those that nearly coincide are one."""

    apart: bool = False
    """Subjects have mattes of their own."""
    regions: Mapping[frozenset[str], Region] = field(default_factory=dict)
    """By the names of whom they are around; none: nobody knows where subjects are."""

    @property
    def is_everywhere(self) -> bool:
        """Whether all of the picture is looked at."""
        return not self.regions or WHOLE in self.regions.values()

    def everywhere(self) -> "Glances":
        """The same where nobody knows where subjects are."""
        return replace(self, regions={})

    def see(self, eyes: Eyes, views: np.ndarray) -> list[Seen]:
        """What a network sees in frames, all regions in batches together.

        Args:
            eyes: of the network.
            views: uint8 (N, H, W, 3).
        """
        regions = [*dict.fromkeys(self.regions.values())] or [WHOLE]
        found = eyes.see_all(views, regions)
        if len(regions) == 1:
            return [Seen(alpha) for alpha in found[0]]
        place = {name: regions.index(region) for names, region in self.regions.items() for name in names}
        return [
            Seen(np.maximum.reduce(alphas), {name: alphas[index] for name, index in place.items()})
            for alphas in zip(*found, strict=True)
        ]

    def nearer(self, eyes: Eyes, view: np.ndarray) -> Mapping[str, np.ndarray]:
        """What is seen of each subject that has a look of its own, by name.

        Args:
            eyes: of the network.
            view: uint8 (H, W, 3).
        """
        return self.see(eyes, view[None])[0].near if len(self.regions) > 1 else {}

    def ahead(
        self,
        eyes: Eyes,
        figures: Iterable[Figure],
        behind: Mapping[str, Sequence[Box]],
        frames: int,
        anywhere: Set[str] = frozenset(),
    ) -> "Glances":
        """Where to look in the next frames.

        Args:
            eyes: of the network.
            figures: all that are known.
            behind: boxes around subjects that prompts about later frames show in those frames.
            frames: how many.
            anywhere: names of subjects that may be anywhere.
        """
        subjects = [each for each in figures if each.name is not None]
        names = {each.name for each in subjects if each.name is not None} | behind.keys() | anywhere
        if not eyes.zooms or not names:
            return self
        wishes: list[_Wish] = []
        everywhere: frozenset[str] = frozenset()
        for group in [frozenset((name,)) for name in sorted(names)] if self.apart else [frozenset(names)]:
            boxes = [box for name in group for box in behind.get(name, ())]
            of_group = [each for each in subjects if each.name in group]
            wish = None if group & anywhere else _wish(eyes, group, of_group, boxes, frames)
            if wish is None:
                everywhere |= group
            else:
                wishes.append(wish)
        regions = {everywhere: WHOLE} if everywhere else {}
        for wish in _merged(wishes):
            current = self.regions.get(wish.names, WHOLE)
            regions[wish.names] = next_region(current, wish.box, wish.more, least=wish.least)
        return replace(self, regions=regions)

    def mirrored(self) -> "Glances":
        """The same where left is right."""
        return replace(self, regions={names: region.mirrored() for names, region in self.regions.items()})


def _wish(eyes: Eyes, names: frozenset[str], subjects: list[Figure], boxes: list[Box], frames: int) -> _Wish | None:
    """``None``: all of the picture is to be looked at."""
    is_lost = any(each.hidden_for and not each.is_known_behind for each in subjects)
    expected = None if not subjects else box_around(np.maximum.reduce([_expected(each) for each in subjects]))
    around = [*boxes, *([expected] if expected is not None else [])]
    if is_lost or not around:
        return None
    speeds = [np.abs(each.speed) for each in subjects] or [np.zeros(2, np.float32)]
    speed = np.max(speeds, axis=0) * (frames + 1)
    more = (float(speed[1]) / eyes.grid[0], float(speed[0]) / eyes.grid[1])
    return _Wish(names, joined_box(around), more, eyes.least)


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
