"""Work on a device whose launches are recorded once for each number of pictures, and played again for every batch."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from birefnet_video.backends.engine import Run
from birefnet_video.backends.memory import is_memory
from birefnet_video.errors import first_line

#: Recordings that are kept: the sizes that are tried, and two more.
_MOST_KEPT = 6
#: One at a time in a process: making a recording waits for the whole device, and none may be waited for as it is made.
_RECORDING = threading.Lock()


class Recorder(Protocol):
    """Records what is launched for one input: CUDA graphs, or a stand-in."""

    def record(self, work: Run, example: Tensor) -> Run:
        """Run ``work`` until it makes nothing new, and then once more for the record.

        Args:
            work: a network, for example; see :class:`birefnet_video.backends.engine.Run`.
            example: an input; what is returned takes others of its shape and type, from any thread, one at a time.

        Raises:
            RuntimeError: if it cannot be recorded, or memory runs out.
        """
        ...

    def forget(self) -> None:
        """Give back the memory of recordings that nobody holds any more."""
        ...


class Captured:
    """A :class:`birefnet_video.backends.engine.Run` that plays recordings. May be called from any thread.

    A batch of a size that was not recorded is filled up to a larger one that was. Only when its size comes a second
    time in a row does it get a recording of its own: so the last batch of a clip costs none, and a new batch size one.
    """

    def __init__(self, plain: Run, recorder: Recorder, tell: Callable[[str], None], what: str = "the network") -> None:
        """
        Args:
            plain: does the same without recordings.
            recorder: makes them, for nobody else: no two of its recordings are played at once.
            tell: takes what a user should know.
            what: it is, for messages.
        """
        self._plain, self._recorder, self._tell, self._what = plain, recorder, tell, what
        self._recordings: OrderedDict[tuple[torch.Size, torch.dtype], Run] = OrderedDict()
        self._last: tuple[torch.Size, torch.dtype] | None = None
        self._can_record = True
        self._lock = threading.Lock()

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """See :class:`birefnet_video.backends.engine.Run`.

        Raises:
            RuntimeError: if memory runs out; no recording is left then.
        """
        with self._lock:
            key, came_before = (x.shape, x.dtype), self._last
            self._last = key
            if not self._can_record:
                return self._plain(x)
            if key not in self._recordings:
                larger = self._larger(x)
                if larger is not None and came_before != key:
                    return self._filled(x, larger)
                if not self._record(x):
                    return self._plain(x)
            self._recordings.move_to_end(key)
            return self._recordings[key](x)

    def close(self) -> None:
        """Free the memory of all recordings. May be called twice."""
        with self._lock:
            self._drop()

    def _larger(self, x: Tensor) -> tuple[torch.Size, torch.dtype] | None:
        """The smallest recorded input that differs from ``x`` in having more pictures only."""
        fits = [
            key for key in self._recordings if key[1] == x.dtype and key[0][1:] == x.shape[1:] and key[0][0] > len(x)
        ]
        return min(fits, key=lambda key: key[0][0], default=None)

    def _filled(self, x: Tensor, key: tuple[torch.Size, torch.dtype]) -> Tensor:
        missing = key[0][0] - len(x)
        self._recordings.move_to_end(key)
        return self._recordings[key](torch.cat((x, x[-1:].expand(missing, *x.shape[1:]))))[: len(x)]

    def _record(self, x: Tensor) -> bool:
        """Record for inputs like ``x``; returns whether that can be done at all.

        Raises:
            RuntimeError: if memory runs out.
        """
        while len(self._recordings) >= _MOST_KEPT:
            self._recordings.popitem(last=False)
        failure: RuntimeError | None = None
        try:
            with _RECORDING:
                self._recordings[(x.shape, x.dtype)] = self._recorder.record(self._plain, x)
        except RuntimeError as error:
            # Without its traceback, which holds what fills the memory.
            failure = _cause(error).with_traceback(None)
        if failure is None:
            return True
        self._drop()
        if is_memory(failure):
            raise failure
        self._can_record = False
        self._tell(f"{self._what}'s launches cannot be recorded ({first_line(failure)}): going on without")
        return False

    def _drop(self) -> None:
        self._recordings.clear()
        self._recorder.forget()


def _cause(error: RuntimeError) -> RuntimeError:
    """What went wrong first: a recording that is cut off fails once more when it is ended."""
    first: BaseException | None = error
    while first is not None:
        if isinstance(first, RuntimeError) and is_memory(first):
            return first
        first = first.__context__
    return error
