"""The times of all frames of a render, known before any of them is made."""

from dataclasses import dataclass
from pathlib import Path

from birefnet_video.inputs.opening import demux, open_input, seek_before
from birefnet_video.inputs.reader import Reader
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.pipeline.plan import Plan
from birefnet_video.types import FrameMeta


@dataclass(frozen=True, slots=True)
class Timeline:
    """Frames in the order of display, by the clock of the outputs."""

    frames: tuple[FrameMeta, ...]
    """Their lengths are not known."""
    is_plain: bool
    """Nothing had to be mended to know them: each can be decoded from the keyframe before."""


def listed(plan: Plan) -> Timeline | None:
    """What packets say, without decoding any; ``None``: they do not say it. Whoever decodes must compare.

    Args:
        plan: of the render.
    """
    info, cut = plan.info, plan.cut
    keys = None
    if info.sequence is None:
        times, keys = _packets(plan)
    else:
        times = [info.sequence.tick_of(each) for each in info.sequence.numbers]
    if plan.decode_on != "cpu" or not times or len(set(times)) < len(times):
        return None
    shift = cut.shift(info.time_base) if cut is not None else 0
    held = [pts for pts in times if cut is None or cut.holds(pts * info.time_base)]
    frames = (
        FrameMeta(index, pts - shift, info.time_base, is_key=keys is None or pts in keys)
        for index, pts in enumerate(held)
    )
    return Timeline(tuple(frames), is_plain=True)


def decoded(plan: Plan) -> Timeline:
    """What a reader gives, mended as in a render. Decodes all of it.

    Args:
        plan: of the render.
    """
    reader = Reader(plan.info, lambda message: None, plan.cut, decode_on=plan.decode_on)
    return Timeline(tuple(frame.meta for frame in reader.frames()), is_plain=False)


def _packets(plan: Plan) -> tuple[list[int], set[int]]:
    """Times of all pictures, rising, and which of them are keyframes; none if one is not known."""
    info, limits = plan.info, plan.spec.input.limits
    path = Path(info.path)
    with open_input(path, limits, "cpu") as container:
        stream = video_stream(container, path, limits, info.video_track)
        if plan.cut is not None:
            seek_before(container, plan.cut)
        # Without the packets themselves: all of them are the file.
        packets = (packet for packet in demux(container, stream) if packet.size and not packet.is_discard)
        times = [(packet.pts, packet.is_keyframe) for packet in packets]
    known = sorted(pts for pts, _ in times if pts is not None)
    return known if len(known) == len(times) else [], {pts for pts, is_key in times if is_key and pts is not None}
