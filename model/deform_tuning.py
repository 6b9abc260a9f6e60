"""In which blocks the kernel of deformable convolution computes: tried on the first map of each kind, then kept.

A sample belongs to one tap and one pixel, whose place the network has predicted: taps share no corners that could be
known before. What can be shared is a sample among output channels, by blocks as wide as the output, which need more
registers; whether that pays depends on the card.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import torch
from birefnet_video.model.kernel_choice import Clock, difference, time_on_cuda
from torch import Tensor

#: Greatest difference of two correct ones, as a share of the greatest value.
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}
#: Runs of each that are timed, in turns, and runs before them: the first ones load and compile.
_TIMED, _BEFORE = 3, 2


class Configuration(NamedTuple):
    """How the kernel is cut into programs."""

    block_pixels: int
    """Output pixels of a program."""
    block_out: int
    """Output channels of a program."""
    block_in: int
    """Input channels of a step."""
    num_warps: int


#: The first ones are what is taken where nothing can be tried.
HALF = (Configuration(64, 128, 32, 4), Configuration(64, 256, 32, 8), Configuration(128, 128, 32, 8))
FULL = (Configuration(64, 128, 32, 4), Configuration(64, 128, 32, 8), Configuration(64, 64, 32, 4))


@dataclass(frozen=True, slots=True)
class DeformCase:
    """Maps for which one configuration is the fastest."""

    device: torch.device
    dtype: torch.dtype
    channels: int
    out_channels: int
    taps: int
    magnitude: int
    """Binary digits of the number of output pixels."""

    @property
    def name(self) -> str:
        """For a note that is kept for one kind of device."""
        kind = str(self.dtype).removeprefix("torch.")
        return f"{kind} {self.channels} to {self.out_channels}, {self.taps} taps, 2^{self.magnitude} pixels"


def configurations(dtype: torch.dtype, out_channels: int) -> tuple[Configuration, ...]:
    """Those that are worth a try; the first one is the usual one."""
    usual, *others = FULL if dtype == torch.float32 else HALF
    # A block that is mostly empty only takes registers.
    return usual, *(each for each in others if each.block_out < 2 * out_channels)


def _keep_nothing(known: Mapping[str, list[int]]) -> None:
    pass


class DeformTuning:
    """Remembers a :class:`Configuration` for each :class:`DeformCase`; all convolutions of a network share one."""

    def __init__(self, clock: Clock | None = None) -> None:
        """
        Args:
            clock: measures a run; ``None``: by CUDA's events.
        """
        self._clock = time_on_cuda if clock is None else clock
        self.known: dict[str, list[int]] = {}
        """What was found, by :attr:`DeformCase.name`: here, or by whoever ran on such a device before."""
        self.keep: Callable[[Mapping[str, list[int]]], None] = _keep_nothing
        """Takes all that is known when something has been found."""

    def pick(self, case: DeformCase, run: Callable[[Configuration], Tensor]) -> Configuration:
        """The fastest configuration for a case; tries them if nothing is known.

        Inside the capture of a CUDA graph nothing is tried, because that waits for the device.

        Args:
            case: what is to be computed.
            run: computes it.

        Raises:
            torch.OutOfMemoryError: as ``run`` does; then the question stays open.
        """
        among = configurations(case.dtype, case.out_channels)
        for each in among:
            if self.known.get(case.name) == list(each):
                return each
        if len(among) == 1 or (case.device.type == "cuda" and torch.cuda.is_current_stream_capturing()):
            return among[0]
        fastest = self._fastest(case, among, run)
        self.known[case.name] = list(fastest)
        self.keep(self.known)
        return fastest

    def _fastest(
        self, case: DeformCase, among: tuple[Configuration, ...], run: Callable[[Configuration], Tensor]
    ) -> Configuration:
        expected = run(among[0])
        able = [among[0]]
        for each in among[1:]:
            try:
                found = run(each)
            except torch.OutOfMemoryError:
                raise
            except Exception:  # noqa: BLE001 - the border to a compiler: a card may not have what it asks for
                continue
            if difference(found, expected) <= _TOLERANCE[case.dtype]:
                able.append(each)
        for each in able * (_BEFORE - 1):
            run(each)
        # In turns, so that what else the machine does slows all.
        rounds = [[self._clock(lambda each=each: run(each), case.device) for each in able] for _ in range(_TIMED)]  # type: ignore[misc]
        times = [median(column) for column in zip(*rounds, strict=True)]
        return able[times.index(min(times))]
