"""A network that is loaded when somebody needs its weights, and what is known of it before."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from birefnet_video.backends.cache import Note

if TYPE_CHECKING:
    from birefnet_video.model import BiRefNet


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What is asked of a network by those who do not run it."""

    backbone: str
    """Key of :data:`birefnet_video.model.backbones.BACKBONES`."""
    patch_order: str
    """The order that its weights were read in."""
    note: str
    """What a user should know of its weights; nothing, if there is nothing."""


class LazyNetwork:
    """Loads a network on the first call that needs more than what is remembered of it. From any thread.

    It is loaded where that call wants it, and moves if a later one wants it elsewhere.
    """

    def __init__(
        self,
        load: Callable[[str], "BiRefNet"],
        *,
        judge: Callable[["BiRefNet"], str] = lambda net: "",
        note: Note | None,
    ) -> None:
        """
        Args:
            load: gives the network on a device, in evaluation mode, another one each time; who asks gets what it
                raises.
            judge: what a user should know of its weights.
            note: remembers the facts; ``None``: nothing does.
        """
        self._load, self._judge, self._note = load, judge, note
        self._net: BiRefNet | None = None
        self._facts: NetworkFacts | None = None
        self._lock = threading.RLock()

    @property
    def net(self) -> "BiRefNet":
        """The network as it was loaded, on the CPU."""
        return self._on("cpu")

    def take(self, device: str = "cpu") -> "BiRefNet":
        """The network, for whoever changes it: nobody else gets it, who asks later has it loaded anew.

        Args:
            device: where it is to lie.

        Raises:
            RuntimeError: if the device does not work or has no room.
        """
        with self._lock:
            # What is asked of it later is found out now, and not by loading it again.
            self._find_facts(device)
            net, self._net = self._on(device), None
            return net

    @property
    def facts(self) -> NetworkFacts:
        """What is known of it: remembered, or found by loading it."""
        return self._find_facts("cpu")

    def prefetch(self, device: str = "cpu") -> None:
        """Load it on a device, on a thread beside the one that will ask for it."""
        # Who asks loads it again and gets the error.
        with suppress(Exception):
            self._on(device)

    def bytes_on(self, device: str) -> int:
        """Bytes of a GPU's memory that it takes now; none if it lies elsewhere."""
        with self._lock:
            held = [] if self._net is None else [*self._net.parameters(), *self._net.buffers()]
        return sum(each.nbytes for each in held if each.device.type == device.split(":")[0])

    def _on(self, device: str) -> "BiRefNet":
        with self._lock:
            # One that moves only in part, because there is no room, is nobody's.
            net, self._net = self._net, None
            self._net = self._load(device) if net is None else net.to(device)
            return self._net

    def _find_facts(self, device: str) -> NetworkFacts:
        """The facts; a network that must be loaded for them is loaded on the device."""
        with self._lock:
            if self._facts is None:
                self._facts = self._recall() or self._find_out(device)
            return self._facts

    def _recall(self) -> NetworkFacts | None:
        said = self._note.read() if self._note is not None and self._net is None else None
        if not isinstance(said, dict) or set(said) != set(NetworkFacts.__slots__):
            return None
        return NetworkFacts(**said) if all(isinstance(value, str) for value in said.values()) else None

    def _find_out(self, device: str) -> NetworkFacts:
        net = self._net if self._net is not None else self._on(device)
        order = net.patch_order.taken if net.patch_order is not None else "current"
        facts = NetworkFacts(net.config.backbone, order, self._judge(net))
        if self._note is not None:
            self._note.write(asdict(facts))
        return facts
