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
    """Loads a network on the first call that needs more than what is remembered of it. From any thread."""

    def __init__(
        self, load: Callable[[], "BiRefNet"], *, judge: Callable[["BiRefNet"], str] = lambda net: "", note: Note | None
    ) -> None:
        """
        Args:
            load: gives the network in evaluation mode, another one each time; who asks gets what it raises.
            judge: what a user should know of its weights.
            note: remembers the facts; ``None``: nothing does.
        """
        self._load, self._judge, self._note = load, judge, note
        self._net: BiRefNet | None = None
        self._facts: NetworkFacts | None = None
        self._lock = threading.RLock()

    @property
    def net(self) -> "BiRefNet":
        """The network as it was loaded."""
        with self._lock:
            if self._net is None:
                self._net = self._load()
            return self._net

    def take(self) -> "BiRefNet":
        """The network, for whoever changes it: nobody else gets it, who asks later has it loaded anew."""
        with self._lock:
            # What is asked of it later is found out now, and not by loading it again.
            _ = self.facts
            net, self._net = self.net, None
            return net

    @property
    def facts(self) -> NetworkFacts:
        """What is known of it: remembered, or found by loading it."""
        with self._lock:
            if self._facts is None:
                self._facts = self._recall() or self._find_out()
            return self._facts

    def prefetch(self) -> None:
        """Load it, on a thread beside the one that will ask for it."""
        # Who asks loads it again and gets the error.
        with suppress(Exception):
            _ = self.net

    def _recall(self) -> NetworkFacts | None:
        said = self._note.read() if self._note is not None and self._net is None else None
        if not isinstance(said, dict) or set(said) != set(NetworkFacts.__slots__):
            return None
        return NetworkFacts(**said) if all(isinstance(value, str) for value in said.values()) else None

    def _find_out(self) -> NetworkFacts:
        net = self.net
        order = net.patch_order.taken if net.patch_order is not None else "current"
        facts = NetworkFacts(net.config.backbone, order, self._judge(net))
        if self._note is not None:
            self._note.write(asdict(facts))
        return facts
