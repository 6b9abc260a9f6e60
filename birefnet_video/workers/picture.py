"""A small picture of a render on its way from a worker, as JSON values."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from birefnet_video.types import FrameMeta, Preview


def picture_to_json(picture: Preview) -> dict[str, Any]:
    """A picture as JSON values."""
    meta = picture.meta
    tick = meta.time_base
    return {
        "frame": [meta.index, meta.pts, tick.numerator, tick.denominator],
        "size": list(picture.alpha.shape),
        "rgb": b64encode(picture.rgb.tobytes()).decode(),
        "alpha": b64encode(picture.alpha.tobytes()).decode(),
    }


def picture_from_json(values: Mapping[str, Any]) -> Preview:
    """What :func:`picture_to_json` gave."""
    index, pts, ticks, of = values["frame"]
    height, width = values["size"]
    rgb, alpha = (np.frombuffer(b64decode(values[name]), np.uint8) for name in ("rgb", "alpha"))
    meta = FrameMeta(index, pts, Fraction(ticks, of))
    return Preview(meta, rgb.reshape(height, width, 3), alpha.reshape(height, width))
