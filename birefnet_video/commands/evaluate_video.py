"""One video of mattes compared with another for ``birefnet-video eval``."""

import json
import sys
from itertools import zip_longest
from pathlib import Path

from birefnet_video.errors import DamagedInput, UsageError


def evaluate_video(video: Path, truth: Path, *, json_lines: bool) -> int:
    """Compare frame by frame, and print the means.

    Args:
        video: of mattes, or with alpha.
        truth: the same.
        json_lines: print JSON in place of a table.

    Returns:
        the exit code.

    Raises:
        UsageError: if their pictures differ in size.
    """
    from birefnet_video.inputs.read_alpha import read_mattes
    from birefnet_video.model.evaluation.report import markdown_table, plain_scores
    from birefnet_video.model.evaluation.video import VIDEO_METRICS, VideoScores

    scores = VideoScores()
    uneven = False
    for found, meant in zip_longest(read_mattes(video), read_mattes(truth)):
        if found is None or meant is None:
            uneven = True
            break
        try:
            scores.step(found, meant)
        except ValueError as error:
            raise UsageError(f"{video}: {error}") from None
    if uneven:
        print(f"{video} and {truth} differ in length; {scores.frames} frames were compared", file=sys.stderr)
    means = scores.means()
    if json_lines:
        print(json.dumps({"video": str(video), "frames": scores.frames, **plain_scores(means)}))
    else:
        row = {video.name: {"frames": scores.frames, **means}}
        print(markdown_table(row, ("frames", *VIDEO_METRICS), first="video"), end="")
    return DamagedInput.exit_code if uneven else 0
