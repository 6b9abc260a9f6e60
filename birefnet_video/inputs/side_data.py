"""What a frame brings along beside its samples."""

from collections.abc import Iterable
from enum import Enum

import av
from av.sidedata.sidedata import SideData, Type

#: Decoders that give names to side data. PyAV frees such a name together with its own object, and the frame frees it
#: once more: the process ends, now or later.
_NAMED = {"png", "apng"}


def side_data(frame: av.VideoFrame, codec: str) -> dict[str, bytes]:
    """Side data of a frame by FFmpeg's name of its kind; kinds that PyAV does not know are called by their number.

    Args:
        frame: as decoded.
        codec: FFmpeg's name of what it was decoded from; of PNG none can be had.
    """
    if codec in _NAMED:
        return {}
    # Its stub says that it is a mapping, of which this would be the keys.
    found: Iterable[SideData] = frame.side_data  # type: ignore[assignment]
    return {data.type.name: bytes(data) for data in found}


def _name_unknown(cls: type[Enum], value: object) -> Enum:
    member = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return member


# PyAV's table ends at what its FFmpeg headers knew, and a frame with one kind beyond it (31: EXIF) shows none of its
# side data: github.com/PyAV-Org/PyAV/issues/2392.
Type._missing_ = classmethod(_name_unknown)  # type: ignore[method-assign,assignment]
