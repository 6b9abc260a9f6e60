"""What an engine is given and what it gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from birefnet_video.backends.base import BackendInfo
from birefnet_video.backends.cache import EngineCache
from birefnet_video.backends.calibration import Calibration
from birefnet_video.backends.lazy_network import LazyNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from birefnet_video.model import BiRefNet


@dataclass(frozen=True, slots=True)
class Request:
    """What is to run where."""

    network: LazyNetwork
    """Engines make copies of what it loads."""
    info: BackendInfo
    weights: Path
    """Where the network came from."""
    cache: EngineCache
    tell: Callable[[str], None]
    """Takes what a user should know: that something is being built, and that it was found."""
    calibration: Calibration | None = None
    """Pictures for engines that count in whole numbers."""
    one_at_a_time: bool = False
    """A batch is begun when the one before is done."""

    @property
    def net(self) -> "BiRefNet":
        """The network as it was loaded, on the CPU; loads it if nobody has."""
        return self.network.net


class Run(Protocol):
    """A network ready to run."""

    def __call__(self, x: "Tensor") -> "Tensor":
        """Normalised float32 (N, 3, h, w) on the device -> logits (N, 1, h, w) there."""
        ...


class Start(Protocol):
    """A network that computes on threads of its own."""

    def __call__(self, x: "Tensor") -> "Callable[[], Tensor]":
        """Begin what :class:`Run` does, and return what waits for it."""
        ...


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an engine makes of a request."""

    run: Run
    is_fixed: bool = False
    """Takes exactly ``info.batch_size`` pictures; a short batch must be filled up."""
    start: Start | None = None
    """Set if a batch can be begun before the one before it is done."""
    close: Callable[[], None] = field(default=_nothing)
