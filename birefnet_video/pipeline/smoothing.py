"""Smoothing as a stage: frames and mattes in, the same frames and steady mattes out, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch

from birefnet_video.matting.agreement import make_view
from birefnet_video.matting.flicker import FlickerGauge
from birefnet_video.matting.motion import Motion, MotionEstimator
from birefnet_video.matting.smoothing import make_smoother
from birefnet_video.matting.warp import Step, make_step
from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.pipeline.threads import use_one_core
from birefnet_video.spec import Smoothing
from birefnet_video.types import Frame, Matte

T = TypeVar("T")
#: A picture uint8 (h, w, 3) and its alpha float32 (H, W).
Seen = tuple[np.ndarray, np.ndarray]


@dataclass(slots=True)
class SmoothingRecord:
    """What the stage finds on its way."""

    on_cut: Callable[[Frame], None] = lambda frame: None
    """Called with the first frame of every new shot."""
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
    device: str = "cpu",
    workers: int = 1,
) -> Iterator[list[Matte]]:
    """Mattes made steady, at the network's size.

    Args:
        batches: mattes in the order of display.
        shape: width and height of the pictures as they are shown.
        mode: other than ``off``.
        record: takes cuts and flicker.
        device: where mattes are worked on; flow is found on the CPU.
        workers: pairs of frames whose motion is found at once.
    """
    mattes = _gathered(batches)
    steady = steady_alphas(
        mattes,
        lambda matte: (matte.view, matte.alpha),
        shape,
        mode,
        device=device,
        workers=workers,
        on_cut=lambda matte: record.on_cut(matte.frame),
        gauges=(record.before, record.after),
    )
    for matte, alpha in steady:
        yield [replace(matte, alpha=alpha)]


def _gathered(batches: Iterable[list[Matte]]) -> Iterator[Matte]:
    for index, batch in enumerate(batches):
        if index == 0:
            # Now the network's thread has used torch.
            use_one_core()
        yield from batch


def steady_alphas(
    items: Iterable[T],
    see: Callable[[T], Seen],
    shape: tuple[int, int],
    mode: Smoothing,
    *,
    device: str = "cpu",
    workers: int = 1,
    on_cut: Callable[[T], None] = lambda item: None,
    gauges: tuple[FlickerGauge, FlickerGauge] | None = None,
) -> Iterator[tuple[T, np.ndarray]]:
    """Items with their steady alphas float32 (H, W), in order; see :func:`smooth`."""
    where = torch.device(device)
    smoother = make_smoother(mode)
    state = smoother.start()
    waiting: deque[tuple[T, Step | None]] = deque()

    def give(alphas: list[torch.Tensor]) -> Iterator[tuple[T, np.ndarray]]:
        for alpha in alphas:
            item, step = waiting.popleft()
            if gauges is not None:
                gauges[1].add(alpha, step)
            # A copy: the smoother goes on with its own.
            yield item, alpha[0, 0].cpu().numpy().copy()

    for item, motion in _with_motion(items, see, MotionEstimator(*shape, thorough=mode == "high"), workers):
        if motion is not None and motion.is_cut:
            on_cut(item)
        rgb, alpha = see(item)
        view = make_view(rgb, alpha, where)
        step = make_step(motion, alpha.shape, where) if motion is not None and motion.continues else None
        if gauges is not None:
            gauges[0].add(view.alpha, step)
        waiting.append((item, step))
        state, ready = smoother.push(state, view, step)
        yield from give(ready)
    yield from give(smoother.finish(state))


def _with_motion(
    items: Iterable[T], see: Callable[[T], Seen], estimator: MotionEstimator, workers: int
) -> Iterator[tuple[T, Motion | None]]:
    """Items with the motion from the item before each."""

    def pairs() -> Iterator[tuple[T, np.ndarray | None, np.ndarray]]:
        before: np.ndarray | None = None
        for item in items:
            now = estimator.look(see(item)[0])
            yield item, before, now
            before = now

    def find(pair: tuple[T, np.ndarray | None, np.ndarray]) -> tuple[T, Motion | None]:
        item, before, now = pair
        return item, None if before is None else estimator.between(before, now)

    return ordered_map(find, pairs(), workers, "birefnet-video motion")
