"""The one interface between the pipeline and whatever computes mattes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from birefnet_video.errors import NoNumbers
from birefnet_video.matting.device_plane import DevicePlane
from birefnet_video.matting.device_tensor import Gathered, at_home


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What runs."""

    name: str
    model: str
    device: str
    precision: str
    input_size: tuple[int, int]
    """Height and width of what :meth:`MattingBackend.infer` takes."""
    batch_size: int
    note: str = ""
    """Why this and not something faster, if there is a reason to give."""
    overlaps: bool = False
    """A batch can be begun before the one before it has been collected, and that saves time."""

    def describe(self) -> str:
        """In words, for a log."""
        height, width = self.input_size
        words = (
            f"{self.model} at {width}x{height}, {self.name} on {self.device}, {self.precision}, batch {self.batch_size}"
        )
        return f"{words} ({self.note})" if self.note else words


#: Waits for what has been begun: alpha float32 (N, h, w) in [0, 1]. Called once; raises what ``infer`` raises.
Pending = Callable[[], np.ndarray]
#: Of a batch: uint8 (N, h, w, 3) RGB, wherever it lies.
Views = np.ndarray | Gathered
#: Of a batch: alpha float32 (N, h, w) in the CPU's memory, or a plane (h, w) for each picture on the device.
Mattes = np.ndarray | list[DevicePlane]


class MattingBackend(Protocol):
    """Computes mattes. Used by one thread at a time."""

    @property
    def info(self) -> BackendInfo:
        """What runs."""
        ...

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        """
        Args:
            rgb: uint8 (N, h, w, 3) RGB, with (h, w) = ``info.input_size`` and 1 <= N <= ``info.batch_size``.

        Returns:
            alpha float32 (N, h, w) in [0, 1].

        Raises:
            ValueError: if shape or type differ.
            OutOfMemory: if the device is out of memory.
            NoNumbers: if mattes are none; on CUDA every backend looks itself, where that costs least.
        """
        ...

    def begin(self, rgb: np.ndarray) -> Pending:
        """Like :meth:`infer`, but may return before the result is there."""
        ...

    def close(self) -> None:
        """Free the device. May be called twice."""
        ...


@runtime_checkable
class Staying(MattingBackend, Protocol):
    """One that takes views that lie on its device, and whose mattes may stay there."""

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`MattingBackend`."""
        ...

    def begin(self, rgb: Views) -> Pending:
        """See :class:`MattingBackend`."""
        ...

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """Like :meth:`MattingBackend.begin`, but mattes that are on the device stay there."""
        ...


def inferred(backend: MattingBackend, rgb: Views) -> np.ndarray:
    """Mattes of a batch; see :meth:`MattingBackend.infer`. Views come home for those that are not :class:`Staying`."""
    return backend.infer(rgb) if isinstance(backend, Staying) else backend.infer(at_home(rgb))


def begun_home(backend: MattingBackend, rgb: Views) -> Pending:
    """Begin a batch; see :meth:`MattingBackend.begin` and :func:`inferred`."""
    return backend.begin(rgb) if isinstance(backend, Staying) else backend.begin(at_home(rgb))


def begun_there(backend: MattingBackend, rgb: Views) -> Callable[[], Mattes]:
    """Begin a batch; see :class:`Staying`. Views for other backends come home, and so do their mattes."""
    return backend.begin_there(rgb) if isinstance(backend, Staying) else backend.begin(at_home(rgb))


class Lent:
    """A :class:`MattingBackend` that outlives who uses it: whoever has opened it closes it."""

    def __init__(self, backend: MattingBackend) -> None:
        """
        Args:
            backend: does the work.
        """
        self._backend = backend

    @property
    def info(self) -> BackendInfo:
        """See :class:`MattingBackend`."""
        return self._backend.info

    def infer(self, rgb: Views) -> np.ndarray:
        """See :class:`MattingBackend`."""
        return inferred(self._backend, rgb)

    def begin(self, rgb: Views) -> Pending:
        """See :class:`MattingBackend`."""
        return begun_home(self._backend, rgb)

    def begin_there(self, rgb: Views) -> Callable[[], Mattes]:
        """See :class:`Staying`."""
        return begun_there(self._backend, rgb)

    def close(self) -> None:
        """See :class:`MattingBackend`; it stays open."""


def check_mattes(alpha: np.ndarray, info: BackendInfo) -> np.ndarray:
    """Mattes as they came from the network, float32 in the CPU's memory, unless they are no numbers.

    Raises:
        NoNumbers: if a value is not finite.
    """
    # The sum of finite values in [0, 1] is finite, and one that is not makes it so.
    if not np.isfinite(alpha.sum(dtype=np.float64)):
        raise no_numbers(info)
    return alpha


def no_numbers(info: BackendInfo) -> NoNumbers:
    """The error of a network whose mattes are none."""
    damaged = "the weights are damaged"
    return NoNumbers(
        f"{info.model}: its mattes are no numbers in {info.precision}",
        hint=damaged if info.precision == "fp32" else f"use --precision fp32; if that fails too, {damaged}",
    )


def check_input(rgb: Views, info: BackendInfo) -> None:
    """The checks that every backend makes.

    Raises:
        ValueError: if ``rgb`` is not what ``info`` asks for.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
        raise ValueError(f"expected uint8 (N, h, w, 3), got {rgb.dtype} {rgb.shape}")
    if rgb.shape[1:3] != info.input_size:
        raise ValueError(f"expected pictures of {info.input_size}, got {rgb.shape[1:3]}")
    if not 1 <= len(rgb) <= info.batch_size:
        raise ValueError(f"expected 1 to {info.batch_size} pictures, got {len(rgb)}")
