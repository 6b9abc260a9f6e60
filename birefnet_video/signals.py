"""What a run does when somebody asks it to end."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def exit_on_signals() -> None:
    """Leave on signals that end a process at once by default, as after an error: what is temporary is removed."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda received, frame: sys.exit(128 + received))


def stop_on_signals(stop: Callable[[], None]) -> list[int]:
    """Call ``stop`` on the first signal, leave at once on the second; returns those received."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(128 + number)
        stop()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Whoever ignores a signal, as nohup does, has a reason.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
    return received
