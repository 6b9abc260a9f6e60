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
        "sent": None if picture.sent is None else b64encode(picture.sent.tobytes()).decode(),
        "part": list(picture.part),
    }


def picture_from_json(values: Mapping[str, Any]) -> Preview:
    """What :func:`picture_to_json` gave."""
    index, pts, ticks, of = values["frame"]
    height, width = values["size"]
    rgb, alpha, sent = (
        None if values[name] is None else np.frombuffer(b64decode(values[name]), np.uint8).reshape(height, width, -1)
        for name in ("rgb", "alpha", "sent")
    )
    assert rgb is not None and alpha is not None  # only what goes out may be missing
    left, top, across, down = values["part"]
    meta = FrameMeta(index, pts, Fraction(ticks, of))
    return Preview(meta, rgb, alpha[..., 0], sent, (left, top, across, down))
