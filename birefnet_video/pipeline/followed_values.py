"""What is known of subjects after a frame, as JSON values and back, to the last bit."""

import base64
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from birefnet_video.matting.guidance.region import Region
from birefnet_video.pipeline.pursuit import Followed

#: Regions by whom they are around: JSON has no such keys.
_Regions = Mapping[frozenset[str], Region]


def values_of(followed: Followed) -> dict[str, Any]:
    """As JSON values."""
    made: dict[str, Any] = _converter().unstructure(followed)
    return made


def followed_from(values: Any) -> Followed:
    """What :func:`values_of` gave.

    Raises:
        ValueError: if they mean nothing.
    """
    from cattrs.errors import BaseValidationError

    try:
        made: Followed = _converter().structure(values, Followed)
    except (BaseValidationError, KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"nothing that is known of subjects: {error}") from None
    return made


@cache
def _converter() -> Any:
    from cattrs.preconf.json import make_converter

    made = make_converter(forbid_extra_keys=True)
    made.register_unstructure_hook(np.ndarray, _packed)
    made.register_structure_hook(np.ndarray, lambda value, _: _unpacked(value))
    made.register_unstructure_hook_func(
        lambda cls: cls == _Regions,
        lambda regions: [[sorted(names), made.unstructure(each)] for names, each in regions.items()],
    )
    made.register_structure_hook_func(
        lambda cls: cls == _Regions,
        lambda value, _: {frozenset(names): made.structure(each, Region) for names, each in value},
    )
    return made


def _packed(array: np.ndarray) -> list[Any]:
    raw = zlib.compress(np.ascontiguousarray(array).tobytes(), 1)
    return [array.dtype.str, list(array.shape), base64.b64encode(raw).decode()]


def _unpacked(value: Any) -> np.ndarray:
    kind, shape, text = value
    array = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.dtype(kind)).reshape(shape)
    # As arrays that were computed are: they can be written to.
    return array.copy()
