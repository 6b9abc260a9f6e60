"""The matte of whoever is meant in a single picture."""

from collections.abc import Iterable

import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.tiled import TiledBackend
from birefnet_video.backends.wide import wide_size
from birefnet_video.errors import DamagedInput, UsageError
from birefnet_video.matting.guidance.shot import begin, of_subjects
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.guidance import GuidanceSpec
from birefnet_video.options.prompts import Prompt
from birefnet_video.pipeline.guiding import read_masks
from birefnet_video.pipeline.picking import Eyes, several_at
from birefnet_video.pipeline.prompt_checks import check_place


class GuidedStills:
    """Picks by the same prompts in one picture after another. One thread at a time."""

    def __init__(self, spec: GuidanceSpec) -> None:
        """
        Args:
            spec: who is meant.

        Raises:
            UsageError: if a prompt is none, has a time, or names a mask that is no picture.
        """
        self._prompts, self._is_strict = spec.prompts(), spec.strict_subject
        timed = next((prompt for prompt in self._prompts if prompt.time is not None), None)
        if timed is not None:
            raise UsageError(f"--subject: {timed}: a picture has no times")
        self._masks = read_masks(self._prompts)

    @property
    def is_asked(self) -> bool:
        """Whether anybody is meant; otherwise everything is kept."""
        return bool(self._prompts)

    def view_size(self, seen: tuple[int, int], width: int, height: int, *, in_tiles: bool) -> tuple[int, int]:
        """Height and width of the view that is needed of a picture.

        Args:
            seen: height and width of the network's input, or of what it sees in tiles.
            width: of the picture.
            height: of the picture.
            in_tiles: it is seen in tiles.
        """
        return seen if in_tiles or not self.is_asked else wide_size(seen, width, height)

    def alpha(self, network: MattingBackend, view: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
        """The matte of whoever is meant.

        Args:
            network: as it was opened.
            view: uint8 (h, w, 3), see :meth:`view_size`.
            size: width and height of the picture.

        Returns:
            float32 (h, w) in [0, 1], and what a user should know.

        Raises:
            UsageError: if a prompt lies outside of the picture.
            DamagedInput: if nothing is seen where somebody should be, or it may be more than one, and that is to be an
                error.
        """
        for prompt in self._prompts:
            check_place(prompt, *size)
        grid = MotionEstimator(*size).grid
        eyes = Eyes(network, size, grid, not isinstance(network, TiledBackend), self._masks)
        alpha, choice = eyes.pick(self._prompts, view)
        notes = [*_missing(choice.missed), *map(several_at, choice.several)]
        if notes and self._is_strict:
            raise DamagedInput(notes[0])
        return of_subjects(begin(choice.mattes, eyes.sight(alpha, view)), alpha, view), notes


def _missing(prompts: Iterable[Prompt]) -> Iterable[str]:
    return (f"nothing is seen at {prompt}" for prompt in prompts)
