"""Tensors that stay on the device that they were made on, from the thread that makes them to those that read them."""

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Union, overload

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Lying(Protocol):
    """Values that may lie on a device."""

    def home(self) -> np.ndarray:
        """They in the CPU's memory, once they are there. Nobody writes to them."""
        ...

    def there(self, device: "torch.device") -> "Tensor":
        """They on a device, for what the current thread's stream is given from now on. Nobody writes to them."""
        ...


class DeviceTensor:
    """A tensor on a device, which nobody writes to.

    Threads have streams of their own. What a stream has made is handed over here and nowhere else: whoever made it
    says when it is there (:func:`made_now`); whoever reads it (:meth:`here`) lets its own stream wait for that, and
    keeps the memory from others until that stream is done with it.
    """

    __slots__ = ("_fetching", "_home", "_ready", "_tensor")

    def __init__(self, tensor: "Tensor", ready: Any = None) -> None:
        """
        Args:
            tensor: the values.
            ready: the event of CUDA after which they are there; ``None``: they are.
        """
        self._tensor, self._ready = tensor, ready
        self._fetching = threading.Lock()
        self._home: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return tuple(self._tensor.shape)

    @property
    def dtype(self) -> np.dtype:
        """As of an array."""
        return np.dtype(str(self._tensor.dtype).removeprefix("torch."))

    def lies_on(self, device: "torch.device") -> bool:
        """Whether that is its device; one without a number is any of its kind."""
        own = self._tensor.device
        return own.type == device.type and device.index in (None, own.index)

    def here(self) -> "Tensor":
        """The tensor on its device, for what the current thread's stream is given from now on."""
        if self._ready is not None:
            import torch

            now = torch.cuda.current_stream(self._tensor.device)
            now.wait_event(self._ready)
            self._tensor.record_stream(now)
        return self._tensor

    def home(self) -> np.ndarray:
        """See :class:`Lying`; fetched once, whoever asks."""
        with self._fetching:
            if self._home is None:
                from birefnet_video.matting.upload import fetched

                self._home = fetched([self.here()])[0]
            return self._home

    def there(self, device: "torch.device") -> "Tensor":
        """See :class:`Lying`."""
        return self.here() if self.lies_on(device) else on_device(self.home(), device)


class Gathered:
    """Values of one shape and type, some of which lie on a device: read as the array that they would be together."""

    __slots__ = ("_values",)

    def __init__(self, values: Sequence[np.ndarray | DeviceTensor]) -> None:
        """
        Args:
            values: at least one.

        Raises:
            ValueError: if they are of several shapes or types.
        """
        self._values = tuple(values)
        if len({(each.shape, each.dtype) for each in self._values}) != 1:
            raise ValueError(f"expected one shape and type, got {[(each.shape, each.dtype) for each in self._values]}")

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return len(self._values), *self._values[0].shape

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """As of an array."""
        return self._values[0].dtype

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[np.ndarray | DeviceTensor]:
        return iter(self._values)

    @overload
    def __getitem__(self, index: int) -> np.ndarray | DeviceTensor: ...
    @overload
    def __getitem__(self, index: slice) -> "Gathered": ...
    def __getitem__(self, index: int | slice) -> Union[np.ndarray, DeviceTensor, "Gathered"]:
        return Gathered(self._values[index]) if isinstance(index, slice) else self._values[index]

    def home(self) -> np.ndarray:
        """See :class:`Lying`; each is fetched once."""
        return np.stack([at_home(each) for each in self._values])

    def there(self, device: "torch.device") -> "Tensor":
        """See :class:`Lying`."""
        import torch

        return torch.stack([on_device(each, device) for each in self._values])


def gathered(values: Sequence[np.ndarray | DeviceTensor]) -> np.ndarray | Gathered:
    """Values of one shape and type together: an array, unless one of them lies on a device."""
    at_hand = [each for each in values if isinstance(each, np.ndarray)]
    return np.stack(at_hand) if len(at_hand) == len(values) else Gathered(values)


def made_now(device: "torch.device") -> Any:
    """An event of what the current stream was given so far; ``None`` where there are no streams."""
    if device.type != "cuda":
        return None
    import torch

    ready = torch.cuda.Event()
    ready.record(torch.cuda.current_stream(device))
    return ready


def at_home(values: np.ndarray | Lying) -> np.ndarray:
    """Values in the CPU's memory, wherever they lie."""
    return values if isinstance(values, np.ndarray) else values.home()


def on_device(values: np.ndarray | Lying, device: "torch.device") -> "Tensor":
    """Values uint8 or float32 on a device, for the current thread's stream; they may not be written to."""
    if not isinstance(values, np.ndarray):
        return values.there(device)
    from birefnet_video.matting.upload import as_it_is

    return as_it_is(values, device)
