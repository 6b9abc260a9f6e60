"""Processes that work for this one and end with it."""

import os
import time

#: Seconds between two looks at who waits.
_LOOK_S = 0.5


def end_with(parent: int) -> None:
    """Do not go on for nobody, should the process that waits for this one be killed. Never returns.

    Args:
        parent: its number.
    """
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
