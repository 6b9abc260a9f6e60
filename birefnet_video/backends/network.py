"""A network on a torch device, by whatever engine: pixels in, mattes out."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch

from birefnet_video.backends.base import BackendInfo, Mattes, Pending, Views, check_input, check_mattes, no_numbers
from birefnet_video.backends.device_time import meter_of
from birefnet_video.backends.engine import Prepared
from birefnet_video.backends.memory import is_memory
from birefnet_video.errors import OutOfMemory
from birefnet_video.matting.device_plane import DevicePlane, staying
from birefnet_video.matting.device_tensor import on_device
from birefnet_video.model.preprocess import normalise, statistics


class NetworkBackend:
    """Uploads, normalises, runs and downloads. On CUDA one batch is copied while another is computed."""

    def __init__(self, prepared: Prepared, info: BackendInfo) -> None:
        """
        Args:
            prepared: the network, ready to run on ``info.device``.
            info: what runs.
        """
        self._prepared: Prepared | None = prepared
        self._device = torch.device(info.device)
        self._on_cuda = self._device.type == "cuda"
        # One for each direction: a download waits for its batch, and the next upload must not wait for the download.
        self._uploads, self._downloads = (torch.cuda.Stream(self._device) if self._on_cuda else None for _ in range(2))
        self._statistics = statistics(self._device)
        self.info = replace(info, overlaps=self._on_cuda or prepared.start is not None)

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return self.begin(rgb)()

    def begin(self, rgb: Views) -> Pending:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        return cast(Pending, self._begin(rgb, stay=False))

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`birefnet_video.backends.base.Staying`."""
        return self._begin(rgb, stay=True)

    def _begin(self, rgb: Views, *, stay: bool) -> Callable[[], Mattes]:
        check_input(rgb, self.info)
        if self._prepared is None:
            raise ValueError("the backend is closed")
        run = self._begin_on_cuda if self._on_cuda else self._run_now
        try:
            return run(rgb, self._prepared, stay=stay)
        except RuntimeError as error:
            if not is_memory(error):
                raise
        # Not while the error is handled: its traceback holds what fills the memory.
        raise self._out_of_memory(len(rgb))

    @torch.inference_mode()
    def _run_now(self, rgb: Views, prepared: Prepared, *, stay: bool) -> Callable[[], Mattes]:
        x = self._view(self._pixels(rgb), prepared)
        give = self._left_there if stay else self._brought_home
        if prepared.start is not None:
            collect = prepared.start(x)
            return lambda: give(_matte(collect(), len(rgb)))
        mattes = give(_matte(prepared.run(x), len(rgb)))
        return lambda: mattes

    def _brought_home(self, alpha: torch.Tensor) -> np.ndarray:
        return check_mattes(alpha.cpu().numpy(), self.info)

    def _left_there(self, alpha: torch.Tensor) -> list[DevicePlane]:
        if not are_numbers(alpha):
            raise no_numbers(self.info)
        return staying(alpha.unbind())

    @torch.inference_mode()
    def _begin_on_cuda(self, rgb: Views, prepared: Prepared, *, stay: bool) -> Callable[[], Mattes]:
        assert self._downloads is not None  # made where the device is CUDA
        with torch.cuda.device(self._device):
            now = torch.cuda.current_stream()
            pixels = self._pixels_on_cuda(rgb, now)
            with meter_of(self.info.device).batch():
                alpha = _matte(prepared.run(self._view(pixels, prepared)), len(rgb))
                verdict = are_numbers(alpha)
            mattes = staying(alpha.unbind()) if stay else []
            self._downloads.wait_stream(now)
            with torch.cuda.stream(self._downloads):
                home = [_begun_home(each) for each in ((verdict,) if stay else (verdict, alpha))]
                # Waited for without keeping a core busy.
                arrived = torch.cuda.Event(blocking=True)
                arrived.record(self._downloads)

        def collect() -> Mattes:
            arrived.synchronize()
            is_finite, *result = home
            if not is_finite:
                raise no_numbers(self.info)
            return result[0].numpy() if result else mattes

        return collect

    def _pixels(self, rgb: Views) -> torch.Tensor:
        """uint8 (n, h, w, 3) on the device."""
        if isinstance(rgb, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device)
        return on_device(rgb, self._device)

    def _pixels_on_cuda(self, rgb: Views, now: "torch.cuda.Stream") -> torch.Tensor:
        """The same, for what the stream ``now``, the current one, is given from now on."""
        assert self._uploads is not None  # made where the device is CUDA
        if not isinstance(rgb, np.ndarray):
            return on_device(rgb, self._device)
        with torch.cuda.stream(self._uploads):
            pixels = torch.from_numpy(np.ascontiguousarray(rgb)).pin_memory().to(self._device, non_blocking=True)
        now.wait_stream(self._uploads)
        pixels.record_stream(now)
        return pixels

    def _view(self, pixels: torch.Tensor, prepared: Prepared) -> torch.Tensor:
        """uint8 (n, h, w, 3) -> what the network takes, (n or the whole batch, 3, h, w)."""
        missing = self.info.batch_size - len(pixels)
        x = normalise(pixels.permute(0, 3, 1, 2), self._statistics)
        if prepared.is_fixed and missing:
            x = torch.cat((x, x[-1:].expand(missing, -1, -1, -1)))
        # One layout for all batches: compiled code is built for it.
        return x.contiguous(memory_format=torch.channels_last)

    def _out_of_memory(self, count: int) -> OutOfMemory:
        height, width = self.info.input_size
        return OutOfMemory(
            f"{self._device}: out of memory with {count} frames of {width}x{height}",
            hint="use a smaller --batch-size or --size",
        )

    def close(self) -> None:
        """See :class:`birefnet_video.backends.base.MattingBackend`."""
        if self._prepared is not None:
            self._prepared.close()
            self._prepared = None


def _begun_home(there: torch.Tensor) -> torch.Tensor:
    """A copy in the CPU's memory, which the current stream is making."""
    home = torch.empty(there.shape, dtype=there.dtype, pin_memory=True)
    home.copy_(there, non_blocking=True)
    there.record_stream(torch.cuda.current_stream())
    return home


def are_numbers(alpha: torch.Tensor) -> torch.Tensor:
    """Whether all of alpha, float32 in [0, 1], is finite: bool () on its device, which is not waited for."""
    # One reduction and no plane of bools: the sum of finite values in [0, 1] is finite.
    return torch.isfinite(alpha.sum())


def _matte(logits: torch.Tensor, count: int) -> torch.Tensor:
    """Alpha (count, h, w) of the first pictures of a batch."""
    return torch.sigmoid(logits[:count, 0].float())
