"""``birefnet-video show-frames``: what the terminal interface has others decode for it."""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from birefnet_video.errors import BirefnetVideoError
from birefnet_video.options.group import FLAT, OnceFlag
from birefnet_video.options.input import InputSpec


def show_frames(
    source: Annotated[Path, Parameter(name="INPUT")],
    /,
    *,
    read: Annotated[InputSpec, FLAT] = InputSpec(),
    matte: OnceFlag = False,
) -> int:
    """Answer lines of standard input with pictures of INPUT, until it ends.

    A line is {"time": "62/5", "width": 80, "height": 48}: the time in seconds, and what the picture must fit in. The
    answer is a line with the picture's width and height and the time at which its frame begins, then RGB samples; or a
    line with an error.

    Parameters
    ----------
    source
        Video file or image sequence (shot_%04d.png).
    matte
        The alpha of its frames, or their brightness where it has none.
    """
    from birefnet_video.pipeline.showing import Showing

    showing: Showing | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            showing = showing or Showing(source, read, matte=matte)
            rgb, begins = showing.picture(Fraction(asked["time"]), asked["width"], asked["height"])
        except BirefnetVideoError as error:
            _answer({"error": str(error)})
            continue
        _answer({"width": rgb.shape[1], "height": rgb.shape[0], "time": str(begins)}, rgb.tobytes())
    return 0


def _answer(header: dict[str, Any], samples: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + samples)
    sys.stdout.buffer.flush()
