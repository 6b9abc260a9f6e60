"""From a matte of the network's size to the frames of all outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import av
import numpy as np

from birefnet_video.matting.compose import Extent, guide_of
from birefnet_video.matting.edit import edit
from birefnet_video.matting.enlarge import resized
from birefnet_video.matting.refine import refine
from birefnet_video.media.convert import own_alpha
from birefnet_video.options.matte import EditSpec
from birefnet_video.pipeline.preview import PreviewTap
from birefnet_video.types import Cutout, FrameMeta, Matte, MediaInfo

#: Makes the frame of one output.
Composer = Callable[[Cutout], av.VideoFrame]


class Made(NamedTuple):
    """What came of a matte."""

    meta: FrameMeta
    extent: Extent
    """Of the matte at the picture's size."""
    pictures: list[av.VideoFrame]
    """One an output."""


class Compositor(Protocol):
    """Makes the frames of all outputs. Called by several threads at once if no output depends on the order."""

    def compose(self, matte: Matte) -> Made:
        """The frames of the outputs, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What every compositor of a job is told."""

    info: MediaInfo
    """Of the input."""
    spec: EditSpec
    """What is done to mattes on their way."""
    tap: PreviewTap
    """Is offered every frame."""
    found_alpha: Callable[[], None] | None = None
    """Called where a picture brings alpha along, by which mattes are multiplied; ``None``: that is left out."""

    def alpha_of(self, picture: av.VideoFrame) -> np.ndarray | None:
        """The alpha by which the matte of a picture is multiplied, as of :func:`own_alpha`."""
        if self.found_alpha is None:
            return None
        alpha = own_alpha(picture, self.info)
        if alpha is not None:
            self.found_alpha()
        return alpha


class CpuCompositor:
    """By OpenCV and swscale."""

    def __init__(self, task: Task, composers: Sequence[Composer], composers_of_cutouts: Sequence[Composer]) -> None:
        """
        Args:
            task: of the job.
            composers: one an output.
            composers_of_cutouts: the same for pictures that are cut out already.
        """
        self._task, self._composers, self._of_cutouts = task, composers, composers_of_cutouts

    def compose(self, matte: Matte) -> Made:
        """See :class:`Compositor`."""
        info, spec = self._task.info, self._task.spec
        alpha = edit(at_full_size(matte, info, spec), spec)
        composers = self._composers
        if (own := self._task.alpha_of(matte.frame.picture)) is not None:
            alpha, composers = alpha * own, self._of_cutouts
        cutout = Cutout(matte.frame, alpha)
        self._task.tap.offer(lambda: cutout, info)
        return Made(matte.frame.meta, Extent.of(alpha), [composer(cutout) for composer in composers])


def at_full_size(matte: Matte, info: MediaInfo, spec: EditSpec) -> np.ndarray:
    """Alpha float32 (H, W) in [0, 1] of the picture's size."""
    size = (info.height, info.width)
    if spec.refine and matte.alpha.shape != size:
        return refine(matte.alpha, guide_of(matte.frame.picture, info))
    return resized(matte.alpha, size)
