"""A Ray cluster."""

import logging
import threading

from birefnet_video.errors import BackendUnavailable, first_line


class Cluster:
    """A connection to a Ray cluster, for as long as somebody uses it. From any thread."""

    def __init__(self, address: str) -> None:
        """
        Args:
            address: of its head, or ``auto``.

        Raises:
            BackendUnavailable: if the extra is missing or there is no such cluster.
        """
        try:
            import ray
        except ImportError:
            raise BackendUnavailable("--ray: Ray is not installed", hint="pip install 'birefnet-video[ray]'") from None
        self.ray, self.address = ray, address
        self._users, self._lock = 0, threading.Lock()
        self._is_ours = not ray.is_initialized()
        if not self._is_ours:
            return
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            why = first_line(error)
            raise BackendUnavailable(f"--ray {address}: {why}", hint="ray start --head begins a cluster") from None

    @property
    def gpus(self) -> int:
        """In all nodes."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    @property
    def nodes(self) -> int:
        """That are alive."""
        return sum(1 for node in self.ray.nodes() if node["Alive"])

    def enter(self) -> "Cluster":
        """Somebody uses it."""
        with self._lock:
            self._users += 1
        return self

    def leave(self) -> None:
        """Somebody does not any more; the last one disconnects."""
        with self._lock:
            self._users -= 1
            if not self._users and self._is_ours:
                self.ray.shutdown()
