"""Motion from each frame to the next, found on a device beside what else is done there."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from birefnet_video.backends.memory import is_memory
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator
from birefnet_video.matting.temporal.warp import DeviceMotion
from birefnet_video.types import Motion

T = TypeVar("T")
#: Items by which is tried where motion is found sooner: a pair to warm up, and one to measure.
TRIED = 3


def is_sooner_there(
    pictures: Sequence[np.ndarray],
    estimator: DeviceMotionEstimator,
    on_cpu: MotionEstimator,
    workers: int,
    clock: Callable[[], float] = time.perf_counter,
) -> bool:
    """Whether a device finds motion sooner than threads on the CPU, beside all else that both do.

    A pair takes some 2,000 small launches, which a slow processor or a busy device may draw out.

    Args:
        pictures: :data:`TRIED` neighbours uint8 (h, w, 3); with fewer it is not worth its start.
        estimator: of the device.
        on_cpu: the other.
        workers: pairs of which it finds the motion at once.
        clock: gives seconds.
    """
    if len(pictures) < TRIED:
        return False
    looks = [estimator.look(rgb) for rgb in pictures]
    seconds = []
    try:
        for find in (lambda one, two: estimator.begin(one, two)(), on_cpu.between):
            find(*looks[:2])
            began = clock()
            find(*looks[1:])
            seconds.append(clock() - began)
    except RuntimeError as error:
        if not is_memory(error):
            raise
        return False
    return seconds[0] <= seconds[1] / workers


def with_motion_there(
    items: Iterable[T],
    see: Callable[[T], np.ndarray],
    estimator: DeviceMotionEstimator,
    on_cpu: MotionEstimator,
    tell: Callable[[str], None],
) -> Iterator[tuple[T, Motion | DeviceMotion | None]]:
    """Items with the motion from the item before each, found on a device; one is begun before another is waited for.

    Args:
        items: in the order of display.
        see: gives an item's picture uint8 (h, w, 3).
        estimator: finds it, on the stream of the caller's thread.
        on_cpu: does so where the device has no memory left.
        tell: takes what a user should know.
    """
    before: np.ndarray | None = None
    begun: tuple[T, Callable[[], Motion | DeviceMotion] | None] | None = None
    is_told = False
    for item in items:
        now = estimator.look(see(item))
        pending = None if before is None else _begun(estimator, before, now)
        if before is not None and pending is None:
            if not is_told:
                is_told = True
                tell(f"{estimator.device}: out of memory for motion: some of it is found on the CPU")
            found = on_cpu.between(before, now)
            pending = lambda found=found: found  # noqa: E731 - a motion that is there already
        if begun is not None:
            yield begun[0], begun[1] and begun[1]()
        begun, before = (item, pending), now
    if begun is not None:
        yield begun[0], begun[1] and begun[1]()


def _begun(
    estimator: DeviceMotionEstimator, before: np.ndarray, now: np.ndarray
) -> Callable[[], Motion | DeviceMotion] | None:
    """``None`` if the device is out of memory."""
    try:
        return estimator.begin(before, now)
    except RuntimeError as error:
        if not is_memory(error):
            raise
        return None
