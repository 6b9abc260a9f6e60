"""From a matte of the network's size to the frames of all outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import av
import numpy as np

from birefnet_video.colour.convert import own_alpha
from birefnet_video.matting.adjust.opencv import edit as edited
from birefnet_video.matting.composite.id_mask import together
from birefnet_video.matting.composite.opencv import Extent, guide_of
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.edges.opencv import refine
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.options.matte import EditSpec
from birefnet_video.types import Cutout, FrameMeta, Matte, MediaInfo

#: Makes the frame of one output.
Composer = Callable[[Cutout], av.VideoFrame]


class Made(NamedTuple):
    """What came of a matte."""

    meta: FrameMeta
    extents: tuple[Extent, ...]
    """Of the mattes at the picture's size, one for each whose there are."""
    pictures: list[av.VideoFrame]
    """One an output."""
    cutout: Callable[[], Cutout]
    """Gives the picture and everybody's alpha at full size; from the thread that composed it, before the next one."""

    @property
    def extent(self) -> Extent:
        """Of the first matte."""
        return self.extents[0]


class Compositor(Protocol):
    """Makes the frames of all outputs. Called by several threads at once if no output depends on the order."""

    def compose(self, matte: Matte, edit: EditSpec) -> Made:
        """The frames of the outputs, in their order, of a matte that is changed as ``edit`` says."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What every compositor of a job is told."""

    info: MediaInfo
    """Of the input."""
    found_alpha: Callable[[], None] | None = None
    """Called where a picture brings alpha along, by which mattes are multiplied; ``None``: that is left out."""
    lanes: tuple[tuple[int, ...], ...] = ()
    """Of each output, which of a matte's lanes it is made of."""

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

    def compose(self, matte: Matte, edit: EditSpec) -> Made:
        """See :class:`Compositor`."""
        alphas = [edited(alpha, edit) for alpha in at_full_size(matte, self._task.info, edit)]
        composers = self._composers
        if (own := self._task.alpha_of(matte.frame.picture)) is not None:
            alphas, composers = [alpha * own for alpha in alphas], self._of_cutouts
        pictures = []
        for composer, (lane, *others) in zip(composers, self._task.lanes, strict=True):
            pictures.append(composer(Cutout(matte.frame, alphas[lane], tuple(alphas[other] for other in others))))
        extents = tuple(Extent.of(alpha) for alpha in alphas)
        return Made(matte.frame.meta, extents, pictures, lambda: Cutout(matte.frame, together(alphas)))


def at_full_size(matte: Matte, info: MediaInfo, spec: EditSpec) -> list[np.ndarray]:
    """Alpha float32 (H, W) in [0, 1] of the picture's size, of each whose there is."""
    size, lanes = (info.height, info.width), [at_home(alpha) for alpha in matte.lanes]
    if spec.refine and matte.alpha.shape != size:
        guide = guide_of(matte.frame.picture, info)
        return [refine(alpha, guide) for alpha in lanes]
    return [resized(alpha, size) for alpha in lanes]
