"""Motion found before the network is asked, for who follows somebody."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from birefnet_video.matting.device_tensor import at_home
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.pipeline.ordered import ordered_map
from birefnet_video.types import Batch, Motion


def with_motion(batches: Iterable[Batch], estimator: MotionEstimator, workers: int = 1) -> Iterator[Batch]:
    """Batches with the motion to each of their frames from the one before it.

    Args:
        batches: in the order of display.
        estimator: finds it.
        workers: batches whose motion is found at once.
    """

    def pairs() -> Iterator[tuple[Batch, list[tuple[np.ndarray | None, np.ndarray]]]]:
        before: np.ndarray | None = None
        index = -1
        for batch in batches:
            steps = []
            for frame, view in zip(batch.frames, at_home(batch.rgb), strict=True):
                now = estimator.look(view)
                # They may come a second time, or not from the first one on.
                steps.append((before if frame.meta.index == index + 1 else None, now))
                before, index = now, frame.meta.index
            yield batch, steps

    def find(item: tuple[Batch, list[tuple[np.ndarray | None, np.ndarray]]]) -> Batch:
        batch, steps = item
        motions: list[Motion | None] = [
            None if before is None else estimator.between(before, now) for before, now in steps
        ]
        return replace(batch, motions=tuple(motions))

    return ordered_map(find, pairs(), workers, "birefnet-video motion")
