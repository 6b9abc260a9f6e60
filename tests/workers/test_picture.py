"""Pictures on their way from a worker."""

import json
from fractions import Fraction

import numpy as np
import pytest

from birefnet_video.types import FrameMeta, Preview
from birefnet_video.workers.picture import picture_from_json, picture_to_json


@pytest.mark.parametrize("sends", [True, False])
def test_all_of_a_picture_arrives(sends: bool) -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    meta, alpha = FrameMeta(7, 14, Fraction(1, 4)), np.arange(6, dtype=np.uint8).reshape(2, 3)
    picture = Preview(meta, rgb, alpha, 255 - rgb if sends else None, (0.25, 0.5, 0.125, 0.25))
    arrived = picture_from_json(json.loads(json.dumps(picture_to_json(picture))))
    assert (arrived.meta, arrived.part) == (picture.meta, picture.part)
    assert np.array_equal(arrived.rgb, rgb) and np.array_equal(arrived.alpha, alpha)
    assert (arrived.sent is not None) == sends and (arrived.sent is None or np.array_equal(arrived.sent, 255 - rgb))
