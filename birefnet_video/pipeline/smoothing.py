"""Smoothing as a stage: frames and mattes in, the same frames and steady mattes out, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from birefnet_video.backends.memory import is_memory
from birefnet_video.matting.device_plane import DevicePlane, staying
from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.temporal.flicker import FlickerGauge
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.matting.temporal.motion_torch import Picture
from birefnet_video.matting.temporal.smoothing import make_smoother
from birefnet_video.matting.temporal.votes import make_view
from birefnet_video.matting.temporal.warp import DeviceMotion, Step, make_step
from birefnet_video.matting.upload import fetched
from birefnet_video.options.matte import Smoothing
from birefnet_video.pipeline.device_motions import TRIED, is_sooner_there, recorded_estimator, with_motion_there
from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.pipeline.torch_threads import use_one_core, use_own_stream
from birefnet_video.types import Frame, Matte, Motion

T = TypeVar("T")
#: Alpha float32 (H, W) and a picture uint8 (h, w, 3) with its alpha, wherever they lie.
Alpha = np.ndarray | DevicePlane
Seen = tuple[Picture, Alpha]
#: Times that a device is gone back to after its memory ran out: each one that fails costs frames their smoothing.
_MOST_RETURNS = 2


@dataclass(frozen=True, slots=True)
class Where:
    """Where mattes are smoothed."""

    device: str = "cpu"
    """That works on them; on CUDA flow is found there, too, if mattes do not know it and that is sooner."""
    stay: bool = False
    """Steady mattes stay on the device, but for those that had no room there."""
    workers: int = 1
    """Pairs of frames whose motion is found at once on the CPU."""


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """Who hears what :func:`steady_alphas` finds on its way."""

    on_cut: Callable[[T], None] = lambda item: None
    gauges: tuple[FlickerGauge, FlickerGauge] | None = None
    """Of flicker, before and after."""
    tell: Callable[[str], None] = lambda message: None
    motion: Callable[[T], Motion | None] | None = None
    """Gives the motion to an item from the one before it, where it is known; ``None``: it is found here."""


@dataclass(slots=True)
class SmoothingRecord:
    """What the stage finds on its way."""

    on_cut: Callable[[Frame], None] = lambda frame: None
    """Called with the first frame of every new shot."""
    tell: Callable[[str], None] = lambda message: None
    """Takes what a user should know."""
    before: FlickerGauge = field(default_factory=FlickerGauge)
    after: FlickerGauge = field(default_factory=FlickerGauge)

    def flicker(self) -> tuple[float, float] | None:
        """Before and after smoothing, so far."""
        before, after = self.before.value, self.after.value
        return None if before is None or after is None else (before, after)


def smooth(
    batches: Iterable[list[Matte]],
    shape: tuple[int, int],
    mode: Smoothing,
    record: SmoothingRecord,
    *,
    where: Where,
    has_motion: bool = False,
    lane: int = 0,
) -> Iterator[list[Matte]]:
    """Mattes made steady, at the network's size.

    Args:
        batches: mattes in the order of display.
        shape: width and height of the pictures as they are shown.
        mode: other than ``off``.
        record: takes cuts and flicker.
        where: they are smoothed.
        has_motion: mattes know it.
        lane: which of a frame's mattes; the others pass as they are. What the first finds is recorded.
    """
    motion: Callable[[Matte], Motion | None] | None = (lambda matte: matte.motion) if has_motion else None
    is_first = lane == 0
    # The thread is made ready once.
    mattes = _gathered(batches, where.device) if is_first else (matte for batch in batches for matte in batch)
    found: Heard[Matte] = Heard(lambda matte: record.on_cut(matte.frame), (record.before, record.after))
    steady = steady_alphas(
        mattes,
        lambda matte: (matte.view, matte.lanes[lane]),
        shape,
        mode,
        where=where,
        heard=replace(found if is_first else Heard(), tell=record.tell, motion=motion),
    )
    for matte, alpha in steady:
        yield [matte.with_lane(lane, alpha)]


def _gathered(batches: Iterable[list[Matte]], device: str) -> Iterator[Matte]:
    for index, batch in enumerate(batches):
        if index == 0:
            # Now the network's thread has used torch.
            use_one_core()
            use_own_stream(device)
        yield from batch


def steady_alphas(
    items: Iterable[T],
    see: Callable[[T], Seen],
    shape: tuple[int, int],
    mode: Smoothing,
    *,
    where: Where | None = None,
    heard: Heard[T] | None = None,
) -> Iterator[tuple[T, Alpha]]:
    """Items with their steady alphas, in order; see :func:`smooth`."""
    heard, where = heard or Heard(), where or Where()
    run = _Run(see, mode, where, heard.gauges)
    moved: Iterable[tuple[T, Motion | DeviceMotion | None]]
    if (known := heard.motion) is not None:
        moved = ((item, known(item)) for item in items)
    elif run.device.type == "cuda":
        moved = _found_on_device(items, lambda item: see(item)[0], shape, mode, where, heard.tell)
    else:
        moved = _found_on_cpu(items, lambda item: see(item)[0], _estimator(shape, mode), where.workers)
    for item, motion in moved:
        if motion is not None and motion.is_cut:
            heard.on_cut(item)
            yield from run.come_back(heard.tell)
        yield from _or_on_cpu(run, partial(run.push, item, motion), heard.tell)
    yield from _or_on_cpu(run, run.finish, heard.tell)


class _Run(Generic[T]):
    """A smoother, what it remembers and what it still has."""

    def __init__(
        self,
        see: Callable[[T], Seen],
        mode: Smoothing,
        where: Where,
        gauges: tuple[FlickerGauge, FlickerGauge] | None,
    ) -> None:
        self._see, self._gauges, self._stay = see, gauges, where.stay
        self.device = self._wanted = torch.device(where.device)
        self._returns = 0
        self._smoother = make_smoother(mode)
        self._state: Any = self._smoother.start()
        self._begins = True
        self._waiting: deque[tuple[T, Step | None]] = deque()

    def push(self, item: T, motion: Motion | DeviceMotion | None) -> list[tuple[T, Alpha]]:
        """Take one item, and give those that are ready."""
        rgb, alpha = self._see(item)
        self._waiting.append((item, None))
        view = make_view(rgb, alpha, self.device)
        step = None
        if motion is not None and motion.continues and not self._begins:
            step = make_step(motion, alpha.shape, self.device)
            self._waiting[-1] = item, step
        if self._gauges is not None:
            self._gauges[0].add(view.alpha, step)
        self._state, ready = self._smoother.push(self._state, view, step)
        self._begins = False
        return self._given(ready)

    def finish(self) -> list[tuple[T, Alpha]]:
        """The items that are left."""
        return self._given(self._smoother.finish(self._state))

    def move_to_cpu(self) -> list[tuple[T, Alpha]]:
        """Begin anew on the CPU; the items that are left, as they came."""
        left = [(item, self._see(item)[1]) for item, _ in self._waiting]
        self._waiting.clear()
        self._state, self._begins, self.device = self._smoother.start(), True, torch.device("cpu")
        return left

    def come_back(self, tell: Callable[[str], None]) -> list[tuple[T, Alpha]]:
        """At a cut, before its first item: the items that are left, and on to the device if that has been given up.

        Nothing that is remembered reaches over a cut, so that nothing of it is needed there.
        """
        if self.device == self._wanted or not self.may_come_back:
            return []
        left = self.finish()
        self._returns += 1
        self._state, self._begins, self.device = self._smoother.start(), True, self._wanted
        tell(f"{self.device}: mattes are smoothed there again")
        return left

    @property
    def may_come_back(self) -> bool:
        """Whether the device is worth another try."""
        return self._returns < _MOST_RETURNS

    def _given(self, alphas: list[torch.Tensor]) -> list[tuple[T, Alpha]]:
        if not alphas:
            return []
        planes: list[Alpha] = [*self._planes([alpha[0, 0] for alpha in alphas])]
        given = []
        for (item, step), alpha, plane in zip(self._waiting, alphas, planes, strict=False):
            if self._gauges is not None:
                self._gauges[1].add(alpha, step)
            given.append((item, plane))
        for _ in given:
            self._waiting.popleft()
        return given

    def _planes(self, alphas: list[torch.Tensor]) -> Sequence[Alpha]:
        """For whoever comes next: where they are, if they stay and have not had to leave."""
        if self._stay and self.device == self._wanted:
            return staying(alphas)
        # All of them at once, waited for once. Copies on the CPU, too: the smoother goes on with its own.
        return fetched(alphas)


def _or_on_cpu(
    run: _Run[T], work: Callable[[], list[tuple[T, Alpha]]], tell: Callable[[str], None]
) -> list[tuple[T, Alpha]]:
    """What ``work`` gives; if the device has no memory left, what is waiting as it came, and on with the CPU."""
    device = run.device
    try:
        return work()
    except RuntimeError as error:
        if device.type == "cpu" or not is_memory(error):
            raise
    # Not while the error is handled: its traceback holds what fills the memory.
    until = "up to the next cut they are" if run.may_come_back else "the rest is"
    tell(f"{device}: out of memory for mattes: {until} smoothed on the CPU")
    return run.move_to_cpu()


def _estimator(shape: tuple[int, int], mode: Smoothing) -> MotionEstimator:
    return MotionEstimator(*shape, thorough=mode == "high")


def _found_on_device(
    items: Iterable[T],
    see: Callable[[T], Picture],
    shape: tuple[int, int],
    mode: Smoothing,
    where: Where,
    tell: Callable[[str], None],
) -> Iterator[tuple[T, Motion | DeviceMotion | None]]:
    """Items with the motion from the item before each, found on the device if that is sooner than on the CPU."""
    items, on_cpu = iter(items), _estimator(shape, mode)
    first = list(islice(items, TRIED))
    items = chain(first, items)
    with recorded_estimator(shape, torch.device(where.device), tell, thorough=mode == "high") as there:
        if is_sooner_there([see(item) for item in first], there, on_cpu, where.workers):
            yield from with_motion_there(items, see, there, on_cpu, tell)
            return
    yield from _found_on_cpu(items, see, on_cpu, where.workers)


def _found_on_cpu(
    items: Iterable[T], see: Callable[[T], Picture], estimator: MotionEstimator, workers: int
) -> Iterator[tuple[T, Motion | None]]:
    """Items with the motion from the item before each."""

    def pairs() -> Iterator[tuple[T, np.ndarray | None, np.ndarray]]:
        before: np.ndarray | None = None
        for item in items:
            now = estimator.look(at_home(see(item)))
            yield item, before, now
            before = now

    def find(pair: tuple[T, np.ndarray | None, np.ndarray]) -> tuple[T, Motion | None]:
        item, before, now = pair
        return item, None if before is None else estimator.between(before, now)

    return ordered_map(find, pairs(), workers, "birefnet-video motion")
