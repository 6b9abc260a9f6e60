"""Whoever is meant in one picture: the network looks at all of it, and closer where that is not enough."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from birefnet_video.backends.base import MattingBackend, check_mattes
from birefnet_video.backends.wide import wide_size
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.choosing import Choice, choose
from birefnet_video.matting.guidance.clear import is_confirmed
from birefnet_video.matting.guidance.places import places_of
from birefnet_video.matting.guidance.region import WHOLE, Region, box_around, least_side, region_around
from birefnet_video.matting.guidance.sight import Sight
from birefnet_video.matting.tiles.joining import enlarged
from birefnet_video.options.prompts import Largest, Prompt

#: Closer looks at most, and share of the side before from which another one is not worth it.
_MOST_LOOKS, _NEARER = 2, 0.85


@dataclass(frozen=True, slots=True)
class Eyes:
    """A network that looks at parts of pictures, and what is known of those."""

    network: MattingBackend
    size: tuple[int, int]
    """Width and height of the upright pictures."""
    grid: tuple[int, int]
    """Height and width of what figures are told apart on."""
    zooms: bool = True
    """It looks at parts; otherwise always at all of a picture."""
    masks: Mapping[Path, np.ndarray] = field(default_factory=dict)
    """Of prompts by mask, uint8 (H, W)."""
    view: tuple[int, int] | None = None
    """Height and width of views; ``None``: as a :class:`WideBackend` has them."""

    @property
    def least(self) -> float:
        """The least side of a part that the network looks at, as a share of the picture's."""
        (width, height), seen = self.size, self.network.info.input_size
        view = self.view or wide_size(seen, width, height)
        return least_side(seen, (min(view[0], height), min(view[1], width)))

    def see(self, views: np.ndarray, region: Region) -> list[np.ndarray]:
        """What the network sees in a region, in mattes of the views' size; nothing outside.

        Args:
            views: uint8 (N, H, W, 3).
            region: of all of them.

        Returns:
            float32 (H, W) each.
        """
        return self.see_all(views, (region,))[0]

    def see_all(self, views: np.ndarray, regions: Sequence[Region]) -> list[list[np.ndarray]]:
        """The same for several regions, a list for each, in as few batches as they fit into."""
        parts = [(view, region.of(view.shape)) for region in regions for view in views]
        info, alphas = self.network.info, []
        for first in range(0, len(parts), info.batch_size):
            some = parts[first : first + info.batch_size]
            looked = [resized(np.ascontiguousarray(view[place]), info.input_size) for view, place in some]
            made = check_mattes(self.network.begin(np.stack(looked))(), info)
            alphas += [self._placed(alpha, view, place) for alpha, (view, place) in zip(made, some, strict=True)]
        return [alphas[first : first + len(views)] for first in range(0, len(alphas), len(views))]

    def _placed(self, alpha: np.ndarray, view: np.ndarray, place: tuple[slice, slice]) -> np.ndarray:
        """What was seen in a part of a view, in a matte of its size; nothing outside."""
        part = view[place]
        made = enlarged(alpha, part) if self.zooms else resized(alpha, part.shape[:2])
        if part.shape == view.shape:
            return made
        whole = np.zeros(view.shape[:2], np.float32)
        whole[place] = made
        return whole

    def sight(self, alpha: np.ndarray, view: np.ndarray) -> Sight:
        """A frame as figures are told apart on it."""
        return Sight.of(resized(alpha, self.grid), resized(view, self.grid))

    def pick(self, prompts: Sequence[Prompt], view: np.ndarray, *, patient: bool = False) -> tuple[np.ndarray, Choice]:
        """Whom prompts mean in a picture.

        Args:
            prompts: about it.
            view: uint8 (H, W, 3).
            patient: the largest one is missed where none is clearly seen, and seen in a closer look as well.

        Returns:
            everything that is seen, float32 (H, W), and who of it is meant.
        """
        choice_of = partial(self._choice, prompts, patient=patient)
        alpha = self.see(view[None], WHOLE)[0]
        choice = choice_of(alpha, view)
        for prompt in choice.missed if self.zooms else ():
            for region in places_of(prompt, self.size, self.masks, self.least):
                joined = self._joined(alpha, view, region)
                again = choice_of(joined, view)
                if prompt not in again.missed:
                    alpha, choice = joined, again
                    break
        side = _NEARER
        for _ in range(_MOST_LOOKS):
            nearer = self._region_of(choice.mattes)
            if nearer is None or nearer.side > side:
                break
            gone: set[str] = set()
            for region in nearer.widened_to(side):
                closer = self._closer(alpha, view, region)
                again = choice_of(closer, view)
                # What is cut out of its surroundings may mean nothing to the network.
                if not (gone := _gone(choice, again)):
                    break
            else:
                largest = [each for each in prompts if isinstance(each, Largest) and each.subject in gone]
                return alpha, choice.without(largest) if patient else choice
            alpha, choice, side = closer, again, _NEARER * region.side
        return alpha, choice

    def confirms(self, view: np.ndarray, matte: np.ndarray) -> bool:
        """Whether a closer look shows a figure float32 (h, w) as well."""
        region = self._region_of({"": [matte]})
        if region is None or region.side > _NEARER:
            return True
        return is_confirmed(matte, resized(self.see(view[None], region)[0], self.grid))

    def _closer(self, alpha: np.ndarray, view: np.ndarray, region: Region) -> np.ndarray:
        """With what is seen in a region in its place."""
        rows, columns = region.of(alpha.shape)
        closer = alpha.copy()
        closer[rows, columns] = self.see(view[None], region)[0][rows, columns]
        return closer

    def _joined(self, alpha: np.ndarray, view: np.ndarray, region: Region) -> np.ndarray:
        """With what is seen in a region as well."""
        return np.maximum(alpha, self.see(view[None], region)[0])

    def _region_of(self, mattes: Mapping[str | None, Iterable[np.ndarray]]) -> Region | None:
        """The part of the picture that the chosen subjects are in; ``None``: nobody is chosen."""
        chosen = [each for name, group in mattes.items() if name is not None for each in group]
        box = box_around(np.maximum.reduce(chosen)) if chosen and self.zooms else None
        return None if box is None else region_around(box, least=self.least)

    def _choice(self, prompts: Sequence[Prompt], alpha: np.ndarray, view: np.ndarray, *, patient: bool) -> Choice:
        return choose(prompts, self.sight(alpha, view), self.size, self.masks, patient=patient)


def _gone(before: Choice, after: Choice) -> set[str]:
    """Names of those of whom a closer look does not show what was seen before it."""
    return {
        name
        for name, group in before.mattes.items()
        if name is not None
        and not is_confirmed(np.max(group, axis=0), np.max(after.mattes.get(name) or [np.zeros_like(group[0])], axis=0))
    }


def several_at(prompt: Prompt) -> str:
    """What to say of a point that may mean more than one."""
    return f"more than one seem to touch at {prompt}: give a box, or say with --not who is not meant"
