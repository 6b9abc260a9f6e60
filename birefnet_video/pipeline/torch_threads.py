"""What the operators of one thread use: cores, and on a GPU a stream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def use_one_core() -> None:
    """Let torch's operators on the CPU use this thread alone, whatever other threads do.

    Small operators gain nothing from more, and where cores are taken already they wait for each other and burn time.
    Other threads keep their number only if they have used torch before or begin after this has returned.
    """
    others = torch.get_num_threads()
    if others == 1:
        return
    torch.set_num_threads(1)
    # That call also sets what later threads begin with; another thread sets it back.
    restore = threading.Thread(target=torch.set_num_threads, args=(others,))
    restore.start()
    restore.join()


def use_own_stream(device: str) -> None:
    """Let this thread's operators on ``device``, if that is a CUDA GPU, wait for nobody else's.

    Only for threads whose tensors no other thread uses.
    """
    if device.startswith("cuda"):
        torch.cuda.set_stream(torch.cuda.Stream(device))


class ThreadStreams:
    """A stream for every thread: one frame's copies go beside another's arithmetic, and beside the network."""

    def __init__(self, device: torch.device) -> None:
        """
        Args:
            device: if it is no CUDA GPU there are no streams.
        """
        self._device = device
        self._threads = threading.local()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Let this thread's operators use its own, which is made the first time."""
        if self._device.type != "cuda":
            yield
            return
        if not hasattr(self._threads, "stream"):
            self._threads.stream = torch.cuda.Stream(self._device)
        with torch.cuda.device(self._device), torch.cuda.stream(self._threads.stream):
            yield
