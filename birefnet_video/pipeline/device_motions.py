"""Motion from each frame to the next, found on a device beside what else is done there."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

from birefnet_video.backends.captured import Captured, Recorder
from birefnet_video.backends.cuda_recorder import CudaRecorder
from birefnet_video.backends.growing import Growing
from birefnet_video.backends.memory import is_memory
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import DeviceMotionEstimator, Picture, Work
from birefnet_video.matting.temporal.warp import DeviceMotion
from birefnet_video.types import Motion

T = TypeVar("T")
M = TypeVar("M")
#: Items by which is tried where motion is found sooner: a pair to warm up, and one to measure.
TRIED = 3


@contextmanager
def recorded_estimator(
    shape: tuple[int, int],
    device: torch.device,
    tell: Callable[[str], None],
    *,
    thorough: bool,
    recorder: Callable[[torch.device], Recorder] = CudaRecorder,
) -> Iterator[DeviceMotionEstimator]:
    """What finds motion on a device by one recording of a pair's 2,000 launches, made with the first pair.

    Its memory is given back at the end; what was found is whoever's has it.

    Args:
        shape: width and height of the pictures as they are shown.
        device: a GPU.
        tell: takes what a user should know.
        thorough: see :class:`DeviceMotionEstimator`.
        recorder: gives what makes the recordings.
    """
    made: list[Captured] = []

    def recorded(work: Work) -> Captured:
        made.append(Captured(work, recorder(device), tell, "optical flow"))
        return made[-1]

    try:
        yield DeviceMotionEstimator(*shape, device, thorough=thorough, recorded=recorded)
    finally:
        for each in made:
            each.close()


def is_sooner_there(
    pictures: Sequence[Picture],
    estimator: DeviceMotionEstimator,
    on_cpu: MotionEstimator,
    workers: int,
    clock: Callable[[], float] = time.perf_counter,
) -> bool:
    """Whether a device finds motion sooner than threads on the CPU, beside all else that both do.

    Both may be slow or busy with other things: nobody knows but by trying.

    Args:
        pictures: :data:`TRIED` neighbours uint8 (h, w, 3); with fewer it is not worth its start.
        estimator: of the device.
        on_cpu: the other.
        workers: pairs of which it finds the motion at once.
        clock: gives seconds.
    """
    if len(pictures) < TRIED:
        return False
    seconds = []
    try:
        looks = [estimator.look(rgb) for rgb in pictures]
        for find, greys in (
            (lambda one, two: estimator.begin(one, two)(), looks),
            (on_cpu.between, [at_home(grey) for grey in looks]),
        ):
            find(*greys[:2])
            began = clock()
            find(*greys[1:])
            seconds.append(clock() - began)
    except RuntimeError as error:
        if not is_memory(error):
            raise
        return False
    return seconds[0] <= seconds[1] / workers


def with_motion_there(
    items: Iterable[T],
    see: Callable[[T], Picture],
    estimator: DeviceMotionEstimator,
    on_cpu: MotionEstimator,
    tell: Callable[[str], None],
) -> Iterator[tuple[T, Motion | DeviceMotion | None]]:
    """Items with the motion from the item before each, found on a device; one is begun before another is waited for.

    After its memory has run out it is tried again after some pairs, and then less and less often; see :class:`Growing`.

    Args:
        items: in the order of display.
        see: gives an item's picture uint8 (h, w, 3), wherever it lies.
        estimator: finds it, on the stream of the caller's thread.
        on_cpu: does so where the device has no memory left.
        tell: takes what a user should know.
    """
    before: Picture | None = None
    begun: tuple[T, Callable[[], Motion | DeviceMotion] | None] | None = None
    has_room, growing, is_told = True, Growing(), False
    for item in items:
        picture = see(item)
        if before is not None and not has_room and growing.is_due:
            growing.tried()
            has_room = True
        there = _or_none(partial(estimator.look, picture)) if has_room else None
        now = on_cpu.look(at_home(picture)) if there is None else there
        pending: Callable[[], Motion | DeviceMotion] | None = None
        if before is not None and there is not None:
            pending = _or_none(partial(estimator.begin, before, now))
        if has_room and (there is None or (before is not None and pending is None)):
            has_room = False
            growing.failed()
        if before is not None:
            growing.good()
        if before is not None and pending is None:
            if not is_told:
                is_told = True
                tell(f"{estimator.device}: out of memory for motion: some of it is found on the CPU")
            found = on_cpu.between(at_home(before), at_home(now))
            pending = lambda found=found: found  # noqa: E731 - a motion that is there already
        if begun is not None:
            yield begun[0], begun[1] and begun[1]()
        begun, before = (item, pending), now
    if begun is not None:
        yield begun[0], begun[1] and begun[1]()


def _or_none(work: Callable[[], M]) -> M | None:
    """What ``work`` gives; ``None`` if the device is out of memory."""
    try:
        return work()
    except RuntimeError as error:
        if not is_memory(error):
            raise
        return None
