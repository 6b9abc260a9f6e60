"""What is said of subjects whose size changes."""

from dataclasses import replace

import numpy as np
import pytest

from birefnet_video.matting.guidance.figure import Figure
from birefnet_video.matting.guidance.losing import Watch
from birefnet_video.matting.guidance.shot import Shot
from birefnet_video.matting.guidance.sight import Sight

GRID = (60, 100)


def shot_of(first: int, last: int, *, behind: bool = False) -> Shot:
    """One subject between two columns."""
    matte = np.zeros(GRID, np.float32)
    matte[10:50, first:last] = 1
    figure = Figure.new("anna", matte, Sight.of(matte, np.full((*GRID, 3), 90, np.uint8)))
    return Shot((replace(figure, is_behind=behind),), (matte,))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # Half of it is gone, or somebody else has come to it.
        (shot_of(30, 60), shot_of(30, 42), True),
        (shot_of(30, 42), shot_of(30, 60), True),
        (shot_of(0, 12), shot_of(0, 40), True),
        # It leaves, at the left and at the right.
        (shot_of(0, 30), shot_of(0, 12), False),
        (shot_of(70, 100), shot_of(90, 100), False),
        # It walks, and others hide it.
        (shot_of(30, 60), shot_of(32, 60), False),
        (shot_of(30, 60), shot_of(30, 42, behind=True), False),
    ],
    ids=["halved", "doubled", "doubled at the side", "left", "right", "walks", "behind"],
)
def test_a_size_that_no_figure_changes_to_is_told(before: Shot, after: Shot, told: bool) -> None:
    watch, fates = Watch().see(before, 25.0)
    assert not fates
    _, fates = watch.see(after, 25.0)
    assert [(fate.subject, fate.finding) for fate in fates] == ([("anna", "unsure")] if told else [])
