"""``birefnet-video INPUT --estimate``: the plan of a render, and how long it would take."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from birefnet_video.errors import UsageError
from birefnet_video.json_lines import say_json
from birefnet_video.options.input import STDIN
from birefnet_video.options.request import RenderRequest
from birefnet_video.report import notifier
from birefnet_video.signals import exit_on_signals
from birefnet_video.tui.text import clock, pace, size
from birefnet_video.words import printable

if TYPE_CHECKING:
    from birefnet_video.estimate import Estimate, Range


def say_estimate(request: RenderRequest) -> int:
    """Say the plan, render short parts of it into temporary files, and say what is to be expected.

    Returns:
        the exit code.

    Raises:
        UsageError: if the input or an output is a pipe.
        BirefnetVideoError: whatever would end the render.
    """
    from birefnet_video.pipeline.plan import Plan

    run = request.run
    if request.spec.source == STDIN:
        raise UsageError("--estimate looks into a file here and there: standard input is read only once")
    exit_on_signals()
    plan = Plan.of(request.spec)
    is_json = run.style == "json"
    if is_json:
        say_json(plan.to_json())
    else:
        print("\n".join(printable(line) for line in plan.lines()), flush=True)
    notify = notifier(run)
    from birefnet_video.estimate import estimate, room_left

    found = estimate(plan, notify)
    paths = [output.spec.path for output in plan.outputs]
    for path, needed in zip(paths, found.sizes or (), strict=False):
        free = room_left(path)
        if free is not None and needed.most > free:
            notify(f"{path}: may need {size(needed.most)}, and {size(free)} are free there")
    if is_json:
        say_json(_record(found, paths))
    else:
        print("\n".join(printable(line) for line in _lines(found, paths)))
    return 0


def _lines(found: "Estimate", paths: Sequence[Path]) -> list[str]:
    """In words."""
    paces = pace(1 / found.frame_s.about) if found.frame_s.about else pace(0)
    measured = f"{paces} on {found.measured} frames of it, after {found.loading_s:.1f} s of loading"
    if (took := found.seconds) is None:
        lines = [f"time    its length is not known; {measured}"]
    else:
        lines = [f"time    about {clock(took.about)} ({clock(took.least)} to {clock(took.most)}): {measured}"]
    each = "" if found.frames is not None else " a frame"
    for path, one in zip(paths, found.sizes or found.frame_bytes, strict=True):
        lines.append(f"size    {path}: about {size(one.about)}{each} ({size(one.least)} to {size(one.most)})")
    if not isnan(found.memory_mb):
        lines.append(f"memory  about {size(found.memory_mb * 2**20)}, whatever the length")
    return lines


def _record(found: "Estimate", paths: Sequence[Path]) -> dict[str, object]:
    """As JSON values: ranges are [about, least, most]."""
    took = found.seconds
    return {
        "event": "estimate",
        "frames": found.frames,
        "measured": found.measured,
        "loading": round(found.loading_s, 3),
        "seconds": None if took is None else _rounded(took, 3),
        "seconds_a_frame": _rounded(found.frame_s, 6),
        "outputs": [
            {
                "path": str(path),
                "bytes": None if found.frames is None else _rounded(a_frame.times(found.frames), 0),
                "bytes_a_frame": _rounded(a_frame, 1),
            }
            for path, a_frame in zip(paths, found.frame_bytes, strict=True)
        ],
        "memory_mb": None if isnan(found.memory_mb) else round(found.memory_mb, 1),
    }


def _rounded(values: "Range", digits: int) -> list[float]:
    return [round(value, digits or None) for value in (values.about, values.least, values.most)]
