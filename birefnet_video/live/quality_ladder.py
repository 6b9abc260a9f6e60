"""The networks that a session may use, the wanted one first: what keeps a latency is found on the way down."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from attrs import evolve

from birefnet_video.backends.base import MattingBackend
from birefnet_video.options.live import LiveSpec
from birefnet_video.options.network import BackendSpec
from birefnet_video.zoo.known import BUNDLED
from birefnet_video.zoo.sizes import input_size

#: Shares of a network's own size that are tried to keep a latency.
_SHARES = (1.0, 0.75, 0.5)
_STRIDE, _LEAST_SIDE = 32, 128
#: Runs that tell what a network takes by itself; the first takes longest.
_TRIALS = 3

#: Loads the network of a spec, whose size is given, for pictures of a width and height.
OpenBackend = Callable[[BackendSpec, int, int], MattingBackend]


@dataclass(frozen=True, slots=True)
class _Rung:
    model: str
    share: float


class QualityLadder:
    """One network at a time. One thread; closed by whoever made it."""

    def __init__(self, spec: LiveSpec, open_backend: OpenBackend, notify: Callable[[str], None]) -> None:
        """
        Args:
            spec: of the session.
            open_backend: loads a network.
            notify: takes what a user should know.
        """
        self._spec = spec
        self._open = open_backend
        self._notify = notify
        models = dict.fromkeys((spec.backend.model, BUNDLED))
        self._rungs = [_Rung(model, share) for model in models for share in _SHARES]
        self._at = 0
        self.backend: MattingBackend | None = None
        """The network in use."""
        self.size: tuple[int, int] | None = None
        """Height and width of its input, or of the last one's."""

    def warm(self, width: int, height: int) -> MattingBackend:
        """A network for pictures of ``width`` x ``height`` that has worked already: the first picture takes longest.

        One that takes longer than the latency by itself is not taken, unless it is the last.
        """
        rung = self._rungs[self._at]
        size = self._size(rung, width, height)
        # What was said of the wanted network's file is not said of another.
        order = self._spec.backend.patch_order if rung.model == self._spec.backend.model else "auto"
        spec = evolve(BackendSpec.for_one(self._spec.backend), model=rung.model, size=size, patch_order=order)
        fresh = self._open(spec, width, height)
        try:
            took_s = _least_time(fresh, _TRIALS if self._spec.pace.latency is not None else 1)
        except BaseException:
            fresh.close()
            raise
        self.close()
        self.backend, self.size = fresh, fresh.info.input_size
        if self._is_too_long(took_s) and self._step(width, height):
            return self.warm(width, height)
        return fresh

    def fits(self, width: int, height: int) -> bool:
        """Whether the network in use is the one for such pictures."""
        rung = self._rungs[self._at]
        return self.backend is not None and self.backend.info.input_size == self._size(rung, width, height)

    def step_down(self, width: int, height: int, latency_s: float) -> MattingBackend | None:
        """A smaller network if pictures come out later than they should, as far as there is one."""
        if not self._is_too_long(latency_s) or not self._step(width, height):
            return None
        return self.warm(width, height)

    def close(self) -> None:
        """Release the network in use."""
        if self.backend is not None:
            self.backend.close()
            self.backend = None

    def _is_too_long(self, seconds: float) -> bool:
        return self._spec.pace.latency is not None and 1000 * seconds > self._spec.pace.latency

    def _step(self, width: int, height: int) -> bool:
        """Go on to the next network that differs."""
        now = self._described(self._rungs[self._at], width, height)
        for index in range(self._at + 1, len(self._rungs)):
            model, (rows, columns) = then = self._described(self._rungs[index], width, height)
            if then != now:
                self._at = index
                name = "the network" if model == now[0] else model
                self._notify(f"too slow for {self._spec.pace.latency:.0f} ms: {name} now sees {columns}x{rows}")
                return True
        return False

    def _described(self, rung: _Rung, width: int, height: int) -> tuple[str, tuple[int, int]]:
        return rung.model, self._size(rung, width, height)

    def _size(self, rung: _Rung, width: int, height: int) -> tuple[int, int]:
        """Height and width of the network's input."""
        is_wanted = rung.model == self._spec.backend.model
        full = (is_wanted and self._spec.backend.size) or input_size(rung.model, width, height)
        rows, columns = (min(side, max(_LEAST_SIDE, round(side * rung.share / _STRIDE) * _STRIDE)) for side in full)
        return rows, columns


def _least_time(backend: MattingBackend, runs: int) -> float:
    """Seconds that a picture takes: the least of some runs."""
    picture = np.zeros((1, *backend.info.input_size, 3), np.uint8)
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        backend.infer(picture)
        times.append(time.perf_counter() - started)
    return min(times)
