"""Waiting until something is so: the only place in the tests that sleeps, and the only one that knows how long to."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
#: Seconds for what takes a moment, on a machine that has much other work.
PATIENCE_S = 300.0
#: Seconds from one look to the next.
_LOOK_S = 0.01


class Patience:
    """Runs out."""

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self._end = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether there is none left."""
        return time.monotonic() >= self._end


def until(condition: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """Look again and again until something is so.

    Args:
        condition: gives something true then; may act, too.
        patience_s: seconds until the test fails.

    Returns:
        what ``condition`` gave.
    """
    patience = Patience(patience_s)
    while not (found := condition()):
        assert not patience.is_over, f"still not so after {patience_s:g} s"
        time.sleep(_LOOK_S)
    return found
