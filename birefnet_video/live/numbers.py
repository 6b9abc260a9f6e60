"""What a session counts: pictures, and how late they come out."""

import time
from typing import Any

from birefnet_video.live.latency import Durations

#: Pictures after which a latency is judged.
_JUDGED_AFTER = 30


class LiveNumbers:
    """Written by the session's thread, read by any."""

    def __init__(self) -> None:
        self.shown = self.reused = self.looks = 0
        self.passed_over = 0
        """Pictures that were taken and not shown: the session was frozen, or at its end."""
        self._latency, self._beyond, self._network, self._pace = Durations(), Durations(), Durations(), Durations(60)
        self._first_at = self._last_at = 0.0

    def note(self, taken_at: float, network_s: float, looks: int) -> float | None:
        """A picture has come out.

        Args:
            taken_at: when it was taken, in seconds on the monotonic clock.
            network_s: what the network took for it; 0 if it was not asked.
            looks: how often the network was asked.

        Returns:
            the median latency of the latest pictures, in seconds, when it is time to judge it.
        """
        now = time.monotonic()
        self._latency.add(now - taken_at)
        self._beyond.add(now - taken_at - network_s)
        if network_s:
            self._network.add(network_s)
        else:
            self.reused += 1
        if self._last_at:
            self._pace.add(now - self._last_at)
        self._first_at = self._first_at or now
        self._last_at = now
        self.looks += looks
        self.shown += 1
        if self.shown % _JUDGED_AFTER:
            return None
        return self._latency.percentile_s(0.5, of_latest=_JUDGED_AFTER)

    def forget_latency(self) -> None:
        """Another network works from now on."""
        self._latency.forget()
        self._beyond.forget()

    def values(self) -> dict[str, Any]:
        """Fields of :class:`birefnet_video.events.LiveSnapshot`."""
        step = self._pace.percentile_s(0.5)
        return {
            "shown": self.shown,
            "reused": self.reused,
            "looks": self.looks,
            "live_s": self._last_at - self._first_at,
            "fps": 1 / step if step else 0.0,
            "latency_p50_s": self._latency.percentile_s(0.5),
            "latency_p95_s": self._latency.percentile_s(0.95),
            "latency_max_s": self._latency.longest_s,
            "network_s": self._network.percentile_s(0.5),
            "beyond_p95_s": self._beyond.percentile_s(0.95),
        }
