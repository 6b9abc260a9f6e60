"""Tensors that depend on nothing but sizes, kept for the sizes that were met last."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor


class Kept:
    """Makes a tensor once for a key and a device; with many keys it forgets the oldest."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: how many tensors are kept, beside those that a CUDA graph reads.
        """
        self._most = most
        self._tensors: dict[tuple[Hashable, torch.device], Tensor] = {}
        self._captured: set[tuple[Hashable, torch.device]] = set()

    def get(self, key: Hashable, device: torch.device, make: Callable[[], Tensor]) -> Tensor:
        """The tensor of ``key`` on ``device``, which ``make`` gives if there is none."""
        place = (key, device)
        # What is made while a graph is traced is no tensor of its own.
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
            return self._tensors[place] if place in self._tensors else make()
        is_captured = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        if place not in self._tensors:
            # A capture computes nothing: what it makes has values when the graph runs, and for the graph alone.
            if is_captured:
                return make()
            free = [old for old in self._tensors if old not in self._captured]
            for old in free[: len(free) + 1 - self._most]:
                del self._tensors[old]
            # Also of use to those who are not in inference mode.
            with torch.inference_mode(mode=False), torch.no_grad():
                self._tensors[place] = make()
        if is_captured:
            # The graph knows its address for good.
            self._captured.add(place)
        return self._tensors[place]
