"""From prompts to who is followed, with the masks that they name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from attrs import evolve

from birefnet_video.backends.base import MattingBackend
from birefnet_video.backends.trackers import open_tracker
from birefnet_video.backends.wide import WideBackend, wide_size
from birefnet_video.errors import UsageError
from birefnet_video.events import SubjectNoted
from birefnet_video.matting.guidance.losing import Fate
from birefnet_video.matting.temporal.motion import MotionEstimator
from birefnet_video.options.network import BackendSpec
from birefnet_video.options.prompts import MaskPicture, Prompt
from birefnet_video.pipeline.continuing import FrameSource
from birefnet_video.pipeline.following import Follower, Wanted
from birefnet_video.pipeline.memory import Memory
from birefnet_video.pipeline.picking import Eyes
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.tracking import Tracking
from birefnet_video.types import Frame, FrameMeta


def network_of(plan: Plan) -> BackendSpec:
    """As what the network is opened: where it looks depends on what it saw, so a follower waits for each batch."""
    return evolve(plan.spec.backend, one_at_a_time=True) if plan.guidance.said else plan.spec.backend


def seen_wider(backend: MattingBackend, plan: Plan) -> MattingBackend:
    """A network whose views hold more than it sees at once, if somebody is to be followed; otherwise as it is."""
    if not plan.guidance.said or plan.spec.backend.detail != "off":
        return backend
    return WideBackend(backend, wide_size(backend.info.input_size, plan.info.width, plan.info.height))


def motion_estimator(plan: Plan) -> MotionEstimator:
    """Of the pictures of a plan."""
    return MotionEstimator(plan.info.width, plan.info.height, thorough=plan.spec.matte.smooth == "high")


def follower_of(
    plan: Plan,
    backend: MattingBackend,
    masks: Mapping[Path, np.ndarray],
    on_subject: Callable[[SubjectNoted], None],
    memory: Memory | None = None,
) -> Follower | None:
    """Who follows the subjects of a plan; ``None``: nobody is to be followed.

    Args:
        plan: of the render.
        backend: the network, as :func:`seen_wider` gives it.
        masks: see :func:`read_masks`.
        on_subject: takes what becomes of subjects.
        memory: what an earlier run knew, and what a later one must know.

    Raises:
        BackendUnavailable: if a tracker is asked for that cannot be loaded.
        CheckpointError: if its weights are not here.
    """
    if not plan.guidance.said:
        return None
    start = plan.spec.input.start
    if memory is not None:
        on_subject = memory.noting(on_subject)

    def note(meta: FrameMeta, fate: Fate) -> None:
        time_s = float(start + meta.pts * meta.time_base)
        on_subject(SubjectNoted(meta, fate.subject, fate.finding, fate.why, time_s))

    zooms = isinstance(backend, WideBackend)
    network = backend.narrow if isinstance(backend, WideBackend) else backend
    size = (plan.info.width, plan.info.height)
    eyes = Eyes(network, size, motion_estimator(plan).grid, zooms, masks)
    wanted = Wanted(plan.guidance.said, start, note, plan.lanes)
    return Follower(eyes, plan.info.frame_rate, wanted, _tracking(plan, eyes), memory)


def _tracking(plan: Plan, eyes: Eyes) -> Tracking | None:
    matte = plan.spec.matte
    if matte.tracker == "none":
        return None
    device = eyes.network.info.device
    tracker = open_tracker(matte.tracker, device if device.startswith("cuda") else "cpu", eyes.grid)
    return Tracking(tracker, eyes.size, eyes.masks, matte.tracker_margin / 100)


def frames_of(
    plan: Plan, reader: FrameSource, read_ahead: Callable[[], FrameSource], follower: Follower | None
) -> Iterator[Frame]:
    """All frames; before them those up to the last prompt, if who follows must see them first.

    Args:
        plan: of the render.
        reader: of all frames.
        read_ahead: gives another one of the same input, whose notices are told by the first.
        follower: who follows.
    """
    times = [prompt.time for prompt in plan.guidance.said if prompt.time is not None]
    start = plan.spec.input.start
    if follower is not None and follower.looks_ahead:
        frames = read_ahead().frames()
        for frame in frames:
            yield frame
            if start + frame.meta.pts * frame.meta.time_base > max(times):
                break
        frames.close()  # type: ignore[attr-defined]  # a generator: its file is closed now, and not some time
    yield from reader.frames()


def read_masks(prompts: Iterable[Prompt]) -> dict[Path, np.ndarray]:
    """The masks that prompts name, uint8 (H, W), by their paths.

    Raises:
        UsageError: if one is no picture.
    """
    from birefnet_video.pictures.files import PictureError, read_matte

    masks: dict[Path, np.ndarray] = {}
    for prompt in prompts:
        if isinstance(prompt, MaskPicture) and prompt.path not in masks:
            try:
                masks[prompt.path] = read_matte(prompt.path)
            except PictureError as error:
                raise UsageError(f"--subject: {error}") from None
    return masks
