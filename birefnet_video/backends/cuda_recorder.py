"""CUDA graphs of one device, and the memory that they share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birefnet_video.backends.engine import Run

#: Runs before a recording: libraries choose their kernels, and Triton's are compiled.
_WARM_UP = 3


class CudaRecorder:
    """CUDA graphs of one device, their intermediate results in memory that all of them share.

    See :class:`birefnet_video.backends.captured.Recorder`. Sharing is safe because no two of them run at once and no
    result is left in what is shared when a recording returns.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        #: Its type has no public name.
        self._pool: Any = None
        #: When the buffers of all recordings are free again.
        self._free = torch.cuda.Event()

    def record(self, work: Run, example: Tensor) -> Run:
        """See :class:`birefnet_video.backends.captured.Recorder`."""
        with torch.cuda.device(self._device):
            given = example.clone()
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UP):
                    work(given)
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            graph = torch.cuda.CUDAGraph()
            # Other threads allocate and copy meanwhile: what they do is no part of it, and no fault.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                made = work(given)
            torch.cuda.current_stream().wait_stream(self._stream)
            self._free.record()
        return self._player(graph.replay, given, made)

    def forget(self) -> None:
        """See :class:`birefnet_video.backends.captured.Recorder`."""
        self._pool = None
        torch.cuda.empty_cache()

    def _player(self, replay: Callable[[], None], given: Tensor, made: Tensor) -> Run:
        def play(x: Tensor) -> Tensor:
            with torch.cuda.device(self._device):
                now = torch.cuda.current_stream()
                # The batch before may have come on another thread's stream.
                now.wait_event(self._free)
                given.copy_(x)
                replay()
                result = made.clone()
                self._free.record(now)
            return result

        return play
