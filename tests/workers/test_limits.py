"""What an input may last is judged from its first frame, wherever reading begins."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from clips import make_clip
from specs import job_spec

from birefnet_video.errors import NotAVideo
from birefnet_video.inputs.reader import Reader
from birefnet_video.limits import Limits
from birefnet_video.options.outputs import OutputSpec
from birefnet_video.pipeline.continuing import Continuation
from birefnet_video.pipeline.plan import Plan
from birefnet_video.pipeline.resuming import Resumption
from birefnet_video.pipeline.timeline import listed
from birefnet_video.workers.joining import _timeline


def test_the_length_counts_from_the_first_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=100)
    plan = Plan.of(job_spec(clip, (OutputSpec("mask", tmp_path / "m.mkv"),)))
    # As of an input whose header does not say how long it is.
    info = replace(plan.info, duration_s=None, limits=Limits(seconds=3))
    with pytest.raises(NotAVideo, match=r"in\.mp4: lasts .* \(--max-duration"):
        _timeline(replace(plan, info=info), Resumption())
    timeline = listed(plan)
    assert timeline is not None
    make = partial(Reader, info, lambda message: None)
    there = Continuation(make, None, timeline.frames[:60], 60, may_seek=True)
    with pytest.raises(NotAVideo, match="--max-duration"):
        list(there.frames())
