"""Which of two ways to compute something: measured on the first tensors of each kind, then kept.

A kernel of Triton is taken where it gives what PyTorch's operators give and is not slower. Nothing else can tell: that
depends on the card, its driver, Triton's version and the size of the map.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Protocol

import torch
from torch import Tensor

from birefnet_video.errors import first_line

#: Greatest difference of two correct ways, as a share of the greatest value.
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}
#: Runs of either way that are timed, in turns, and runs before them: the first ones load and compile.
_TIMED, _BEFORE = 5, 2

#: Computes it: one tensor or several.
Way = Callable[[], "Tensor | tuple[Tensor, ...]"]
#: How long a way takes on a device, in milliseconds.
Clock = Callable[[Way, torch.device], float]


class Case(Protocol):
    """What one choice holds for: values that can be compared and hashed."""

    @property
    def device(self) -> torch.device:
        """That the tensors lie on."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Of what is computed."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for a case."""

    takes_kernel: bool
    why: str
    """In words, with the times where there are any."""


def _nobody(message: str) -> None:
    pass


class KernelChoice:
    """Remembers a :class:`Verdict` for each :class:`Case`; all modules of a kind in a network share one."""

    def __init__(self, what: str, clock: Clock | None = None) -> None:
        """
        Args:
            what: the kernel computes, in words.
            clock: measures a way; ``None``: by CUDA's events.
        """
        self._what = what
        self._clock = time_on_cuda if clock is None else clock
        self.verdicts: dict[Case, Verdict] = {}
        self.tell: Callable[[str], None] = _nobody
        """Takes what a user should know: that the kernel does not run or is wrong, once each."""
        self._told: set[str] = set()

    def takes_kernel(self, case: Case, operators: Way, kernel: Way) -> bool:
        """Whether to compute ``case`` by the kernel; measures both ways if nothing is known of it.

        Inside the capture of a CUDA graph nothing is measured, because that waits for the device: what was not met
        before takes the operators there, and the question stays open.

        Raises:
            torch.OutOfMemoryError: as the ways do; then the question stays open.
        """
        known = self.verdicts.get(case)
        if known is None:
            if case.device.type == "cuda" and torch.cuda.is_current_stream_capturing():
                return False
            known = self.verdicts[case] = self._judge(case, operators, kernel)
        return known.takes_kernel

    def _judge(self, case: Case, operators: Way, kernel: Way) -> Verdict:
        if find_spec("triton") is None:
            return self._refuse(case, "Triton is not installed")
        try:
            error = _error(kernel(), operators())
        except torch.OutOfMemoryError:
            raise
        except Exception as problem:  # noqa: BLE001 - the border to a compiler that raises whatever its layers raise
            return self._refuse(case, first_line(problem))
        # Not a number is no small error.
        if not error <= _TOLERANCE[case.dtype]:
            return self._refuse(case, f"its results are wrong by {error:.1e}")
        for way in (operators, kernel) * _BEFORE:
            way()
        # In turns, so that what else the machine does slows both.
        times = [(self._clock(operators, case.device), self._clock(kernel, case.device)) for _ in range(_TIMED)]
        by_operators, by_kernel = (median(column) for column in zip(*times, strict=True))
        return Verdict(by_kernel <= by_operators, f"kernel {by_kernel:.3g} ms, operators {by_operators:.3g} ms")

    def _refuse(self, case: Case, reason: str) -> Verdict:
        if reason not in self._told:
            self._told.add(reason)
            self.tell(f"Triton's {self._what} is not used on {case.device} ({reason}): standard operators are")
        return Verdict(False, reason)


def _error(found: "Tensor | tuple[Tensor, ...]", expected: "Tensor | tuple[Tensor, ...]") -> float:
    """The greatest difference, as a share of the greatest value; of several tensors the greatest of all."""
    if isinstance(found, Tensor) and isinstance(expected, Tensor):
        return difference(found, expected)
    errors = [difference(*pair) for pair in zip(found, expected, strict=True)]
    # A comparison would pass over what is no number.
    return sum(errors) if math.isnan(sum(errors)) else max(errors)


def difference(found: Tensor, expected: Tensor) -> float:
    """The greatest difference, as a share of the greatest value; waits for the device."""
    return float((found - expected).abs_().max()) / max(float(expected.abs().max()), 1e-6)


def time_on_cuda(way: Way, device: torch.device) -> float:
    """See :data:`Clock`: by CUDA's events."""
    with torch.cuda.device(device):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        way()
        end.record()
        end.synchronize()
    return begin.elapsed_time(end)
