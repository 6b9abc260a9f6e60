"""The mask of a stack: slices through a network as pictures, steady along their axis, and put together again."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from birefnet_video.backends.base import MattingBackend
from birefnet_video.colour.convert import to_rgb
from birefnet_video.options.stacks import StackRequest
from birefnet_video.pictures.still import still
from birefnet_video.pipeline.compositor import CpuCompositor, Task
from birefnet_video.pipeline.core import Matting
from birefnet_video.pipeline.networks import Networks
from birefnet_video.pipeline.ordered import cores, ordered_map
from birefnet_video.pipeline.steady_slices import steady_slices
from birefnet_video.stacks.slicing import Slicing
from birefnet_video.stacks.stack import Mask, Stack
from birefnet_video.stacks.window import Toner
from birefnet_video.types import Frame, Matte, MediaInfo

_MOST_WORKERS = 4


class Stopped(Exception):
    """Somebody asked the run to end."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """One slice as a picture, upright."""

    index: int
    frame: Frame
    info: MediaInfo
    view: np.ndarray
    """uint8 (h, w, 3): what the network sees."""


class StackRun:
    """Makes the mask of one stack."""

    def __init__(
        self,
        request: StackRequest,
        *,
        tell: Callable[[str], None],
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            request: how.
            tell: takes what a user should know.
            advance: called after every slice.
        """
        self._request, self._tell, self._advance = request, tell, advance
        self._workers = min(cores(), _MOST_WORKERS)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End soon, without a mask. From any thread and from signals."""
        self._stopped.set()

    def mask(self, stack: Stack, slicing: Slicing, toner: Toner) -> Mask:
        """
        Args:
            stack: open.
            slicing: how it is cut.
            toner: how its values are shown.

        Raises:
            Stopped: after :meth:`stop`.
            BirefnetVideoError: if the stack is damaged or the network fails.
        """
        matte = self._request.matte
        is_label = matte.threshold is not None
        values = np.zeros(stack.info.shape, np.uint8)
        networks = Networks(self._request.backend, frames=slicing.count(stack.info), tell=self._tell)
        proportions = slicing.proportions(stack.info)
        try:
            backend = networks.of(*proportions)
            planes = self._watched(slicing.planes(stack))
            slices = (self._slice(item, slicing, toner, backend.info.input_size) for item in enumerate(planes))
            mattes = self._with_mattes(slices, backend)
            if matte.smooth != "off":
                mattes = steady_slices(mattes, lambda each: each.view, matte.smooth)
            with closing(ordered_map(self._at_full_size, mattes, self._workers, "birefnet-video slice")) as done:
                for index, alpha in done:
                    whole = alpha >= 0.5 if is_label else np.rint(alpha * 255)
                    slicing.place(values, index)[:] = slicing.back(whole)
                    self._advance()
        finally:
            networks.close()
        return Mask(values, is_label)

    def _watched(self, planes: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for plane in planes:
            if self._stopped.is_set():
                raise Stopped
            yield plane

    def _slice(self, item: tuple[int, np.ndarray], slicing: Slicing, toner: Toner, size: tuple[int, int]) -> _Slice:
        index, plane = item
        frame, info = still(toner.apply(slicing.upright(plane)))
        return _Slice(index, frame, info, to_rgb(frame.picture, info, size))

    def _with_mattes(self, slices: Iterable[_Slice], backend: MattingBackend) -> Iterator[tuple[_Slice, np.ndarray]]:
        rest = iter(slices)
        while batch := list(islice(rest, backend.info.batch_size)):
            matting = Matting(backend, CpuCompositor(Task(batch[0].info), (), ()))
            yield from zip(batch, matting.begin(np.stack([each.view for each in batch]))(), strict=True)

    def _at_full_size(self, item: tuple[_Slice, np.ndarray]) -> tuple[int, np.ndarray]:
        each, alpha = item
        compositor = CpuCompositor(Task(each.info), (), ())
        made = compositor.compose(Matte(each.frame, alpha, each.view), self._request.matte)
        return each.index, made.cutout().alpha
