"""Clips with figures and a network that sees all of them."""

from fractions import Fraction
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
from guided_clips import HEIGHT, RATE, WIDTH, Clip, drawn_figures, drawn_scene, make_clip, not_blue, scenarios

from birefnet_video.backends.base import BackendInfo, Pending
from birefnet_video.backends.wide import wide_size
from birefnet_video.matting.filters.opencv import resized
from birefnet_video.matting.guidance.losing import Fate
from birefnet_video.matting.guidance.tracker import Tracker
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.prompts import Box, Prompt
from birefnet_video.pipeline.following import Follower, Wanted
from birefnet_video.pipeline.motions import with_motion
from birefnet_video.pipeline.picking import Eyes
from birefnet_video.pipeline.tracking import Tracking
from birefnet_video.types import Batch, Frame, FrameMeta, Motion


class SeesFigures:
    """Finds everything before a drawn scene, whatever part of it it looks at."""

    def __init__(self, size: tuple[int, int] = (144, 256), batch_size: int = 1) -> None:
        self.info = BackendInfo("stub", "stub", "cpu", "none", size, batch_size)
        self.asked = 0
        self.is_closed = False

    def infer(self, rgb: np.ndarray) -> np.ndarray:
        self.asked += len(rgb)
        return np.stack([not_blue(view) for view in rgb])

    def begin(self, rgb: np.ndarray) -> Pending:
        alpha = self.infer(rgb)
        return lambda: alpha

    def close(self) -> None:
        self.is_closed = True


class RemembersMotion(MotionEstimator):
    """Finds the motion between the same two pictures once, whoever asks: the clips here are few, and followed often."""

    _found: ClassVar[dict[tuple[str, str], Motion]] = {}

    def between(self, earlier: np.ndarray, later: np.ndarray) -> Motion:
        pair = (sha256(earlier).hexdigest(), sha256(later).hexdigest())
        if pair not in self._found:
            motion = super().between(earlier, later)
            # It is everybody's now.
            motion.forward.flags.writeable = motion.backward.flags.writeable = False
            self._found[pair] = motion
        return self._found[pair]


@cache
def clip_of(name: str) -> Clip:
    """A scenario with drawn figures."""
    scenario = next(each for each in scenarios() if each.name == name)
    return make_clip(scenario, drawn_figures(), [drawn_scene(seed) for seed in range(3)])


def box_around(clip: Clip, name: str | None = None) -> Box:
    """A box around a figure in the first frame."""
    rows, columns = np.nonzero(clip.mattes[name or clip.scenario.subject][0] > 0.5)
    left, top = int(columns.min()) - 2, int(rows.min()) - 2
    return Box(box=(left, top, int(columns.max()) + 2 - left, int(rows.max()) + 2 - top))


def write_beginning(name: str, path: Path, frames: int) -> Path:
    """The first frames of a scenario, lossless."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for rgb in clip_of(name).frames[:frames]:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        file.mux(stream.encode(None))
    return path


def follow(
    clip: Clip, prompts: list[Prompt], batch_size: int = 1, network: SeesFigures | None = None
) -> tuple[np.ndarray, list[Fate], SeesFigures]:
    """Mattes float32 (N, H, W) of a clip, what was said, and the network."""
    (mattes,), fates, network = follow_each(clip, prompts, batch_size, network)
    return mattes, fates, network


def follow_each(
    clip: Clip,
    prompts: list[Prompt],
    batch_size: int = 1,
    network: SeesFigures | None = None,
    lanes: tuple[str | None, ...] = (None,),
    tracker: Tracker | None = None,
) -> tuple[list[np.ndarray], list[Fate], SeesFigures]:
    """The same of each whose mattes are made."""
    network = network or SeesFigures(batch_size=batch_size)
    size = wide_size(network.info.input_size, WIDTH, HEIGHT)
    fates: list[Fate] = []
    wanted = Wanted(tuple(prompts), on_fate=lambda meta, fate: fates.append(fate), lanes=lanes)
    estimator = RemembersMotion(WIDTH, HEIGHT)
    tracking = None if tracker is None else Tracking(tracker, (WIDTH, HEIGHT), {}, 0.02)
    follower = Follower(Eyes(network, (WIDTH, HEIGHT), estimator.grid), Fraction(RATE), wanted, tracking)

    def batches() -> list[Batch]:
        made = []
        for first in range(0, len(clip.frames), batch_size):
            part = clip.frames[first : first + batch_size]
            frames = tuple(
                Frame(FrameMeta(first + index, first + index, Fraction(1, RATE)), av.VideoFrame(16, 16))
                for index in range(len(part))
            )
            made.append(Batch(frames, np.stack([resized(frame, size) for frame in part])))
        return made

    ahead = batches() if wanted.looks_ahead(Fraction(RATE)) else []
    mattes = [matte for group in follower.follow(with_motion([*ahead, *batches()], estimator)) for matte in group]
    made = [np.stack([resized(each.lanes[lane], (HEIGHT, WIDTH)) for each in mattes]) for lane in range(len(lanes))]
    return made, fates, network
