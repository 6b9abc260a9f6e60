"""Composing on the network's device: pictures go there once, mattes lie there, and encoders' pixels come back."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from birefnet_video.backends.memory import is_memory
from birefnet_video.inputs.reader import Notify
from birefnet_video.matting.backdrop import Canvas
from birefnet_video.matting.composite.id_mask import together
from birefnet_video.matting.composite.opencv import Extent
from birefnet_video.matting.composite.torch import DeviceComposer, DeviceCutout
from birefnet_video.matting.composite.torch import edit as edited
from birefnet_video.matting.device_tensor import on_device
from birefnet_video.matting.edges.torch import refine
from birefnet_video.matting.filters.torch import resized
from birefnet_video.matting.source import Source
from birefnet_video.matting.upload import upload
from birefnet_video.options.matte import EditSpec
from birefnet_video.pipeline.compositor import Composer, Compositor, Made, Task
from birefnet_video.pipeline.places import Places
from birefnet_video.pipeline.torch_threads import ThreadStreams
from birefnet_video.types import Cutout, Matte


class DeviceCompositor:
    """By torch. What the device has no memory for is made on the CPU: see :class:`Places`."""

    def __init__(
        self,
        task: Task,
        composers: Sequence[DeviceComposer | Composer],
        composers_of_cutouts: Sequence[DeviceComposer | Composer],
        device: str,
        on_cpu: Compositor,
        notify: Notify,
    ) -> None:
        """
        Args:
            task: of the job.
            composers: one an output.
            composers_of_cutouts: the same for pictures that are cut out already.
            device: a torch device.
            on_cpu: makes the same.
            notify: takes what a user should know.
        """
        self._task, self._composers, self._of_cutouts = task, composers, composers_of_cutouts
        self._device, self._on_cpu = torch.device(device), on_cpu
        self._places = Places(device, notify)
        info = task.info
        self._guide = Canvas(info.width, info.height, "yuv420p", info.colour.full_range)
        self._streams = ThreadStreams(self._device)

    def compose(self, matte: Matte, edit: EditSpec) -> Made:
        """See :class:`birefnet_video.pipeline.compositor.Compositor`."""
        made = self._places.run(lambda: self._try(matte, edit))
        return self._on_cpu.compose(matte, edit) if made is None else made

    def _try(self, matte: Matte, edit: EditSpec) -> Made | None:
        """``None`` if memory runs out, and again when what lay about in it is free."""
        for is_last in (False, True):
            try:
                with torch.inference_mode(), self._streams.own():
                    return self._compose(matte, edit)
            except RuntimeError as error:
                if not is_memory(error):
                    raise
            # Not while the error is handled: its traceback holds what fills the memory.
            if not is_last and self._device.type == "cuda":
                torch.cuda.empty_cache()
        return None

    def _compose(self, matte: Matte, edit: EditSpec) -> Made:
        task = self._task
        source = Source(matte.frame.picture, task.info, self._device)
        alphas = [edited(alpha, edit) for alpha in self._at_full_size(matte, source, edit)]
        composers = self._composers
        if (own := task.alpha_of(matte.frame.picture)) is not None:
            there = upload(own, self._device)
            alphas, composers = [alpha * there for alpha in alphas], self._of_cutouts
        home: dict[int, np.ndarray] = {}

        def at_home(lane: int) -> np.ndarray:
            if lane not in home:
                home[lane] = alphas[lane].cpu().numpy()
            return home[lane]

        pictures = []
        for composer, (lane, *others) in zip(composers, task.lanes, strict=True):
            if isinstance(composer, DeviceComposer):
                pictures.append(composer.make(DeviceCutout(matte.frame.meta, source, alphas[lane])))
            else:
                pictures.append(composer(Cutout(matte.frame, at_home(lane), tuple(map(at_home, others)))))
        # The device is waited for once.
        told = torch.stack([torch.stack((*torch.aminmax(alpha), alpha.mean())) for alpha in alphas]).tolist()
        extents = tuple(Extent(*each) for each in told)
        every = range(len(alphas))
        return Made(
            matte.frame.meta,
            extents,
            pictures,
            lambda: Cutout(matte.frame, together([at_home(lane) for lane in every])),
        )

    def _at_full_size(self, matte: Matte, source: Source, edit: EditSpec) -> list[Tensor]:
        alphas = [on_device(alpha, self._device) for alpha in matte.lanes]
        size = (self._guide.height, self._guide.width)
        if edit.refine and matte.alpha.shape != size:
            guide = [plane / 255 for plane in source.planes(self._guide)]
            return [refine(alpha, guide) for alpha in alphas]
        return [resized(alpha, size) for alpha in alphas]
