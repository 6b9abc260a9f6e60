"""Saying now and then that something long is still being built."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from birefnet_video.types import Step

#: Seconds after which it is said for the first time; each time it is said after twice as many.
_FIRST_S = 15.0


@contextmanager
def building(
    what: str, tell: Callable[[str], None], *, is_kept: bool = True, first_s: float = _FIRST_S
) -> Iterator[None]:
    """Say that something is being built, now and then that it still is, and at last how long it took.

    Builders of engines do not say how far they are, so what is told is the time: after 15 s, 30 s, 1 min and so on.

    Args:
        what: the engine and what it does, such as ``tensorrt: building the engine``.
        tell: takes what a user should know; called from another thread, too.
        is_kept: the next start need not do it again.
        first_s: seconds until the first word; what is done earlier needs no more.
    """
    done, began = threading.Event(), time.monotonic()

    def report() -> None:
        wait = first_s
        while not done.wait(wait):
            passed = time.monotonic() - began
            tell(Step(f"{what}: still at it after {_duration(passed)}"))
            wait = passed

    reporter = threading.Thread(target=report, name="birefnet-video building", daemon=True)
    tell(Step(f"{what}, once; the next start finds it" if is_kept else what))
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()
    if (passed := time.monotonic() - began) > first_s:
        tell(Step(f"{what}: done in {_duration(passed)}"))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
