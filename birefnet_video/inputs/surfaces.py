"""Pictures that a GPU has decoded and that lie in its memory: used there, or brought home."""

from collections.abc import Callable

import av
import av.video.codeccontext

#: Formats whose planes others can read there: luma, and chroma of half its sides with both components side by side.
SEMI_PLANAR = ("nv12", "p010le", "p016le")


class Surfaces:
    """What becomes of the pictures of a decoder that was asked to be a GPU's. Never run on one."""

    def __init__(self, decode_on: str, tell: Callable[[str, str], None], *, stay: bool) -> None:
        """
        Args:
            decode_on: ``cpu``, or the GPU that was asked for.
            tell: takes what a user should know: a key, by which it is said once, and the message.
            stay: all that reads pictures can read them on that GPU.
        """
        self._decode_on, self._tell, self._stay = decode_on, tell, stay

    def taken(self, decoder: "av.video.codeccontext.VideoCodecContext", picture: av.VideoFrame) -> av.VideoFrame:
        """The picture as it is to be used; says where a decoder has fallen back and what cannot stay."""
        if self._decode_on == "cpu":
            return picture
        if not (decoder.is_hwaccel and is_on_device(picture)):
            self._tell("decoder", f"this {decoder.name} is not decoded on {self._decode_on}: the CPU does")
            return picture
        if self._stay and (reason := _why_not_there(picture)) is None:
            return picture
        if self._stay:
            self._tell("surface", f"pictures of this {decoder.name} come from {self._decode_on} to the CPU: {reason}")
        return brought_home(picture)


def is_on_device(picture: av.VideoFrame) -> bool:
    """Whether a picture lies in the memory of a CUDA GPU: its samples can be read there only."""
    return picture.format.name == "cuda"


def brought_home(picture: av.VideoFrame) -> av.VideoFrame:
    """A picture on a device in the CPU's memory, in the format that it has there; any other one as it is."""
    if not is_on_device(picture) or picture.sw_format is None:
        return picture
    return picture.reformat(format=picture.sw_format.name)


def _why_not_there(picture: av.VideoFrame) -> str | None:
    stored = picture.sw_format
    if stored is None or stored.name not in SEMI_PLANAR:
        return f"its samples are {'unknown' if stored is None else stored.name}"
    if picture.width % 2 or picture.height % 2:
        # PyAV leaves out the last line and column of chroma.
        return "its sides are odd"
    return "it is interlaced" if picture.interlaced_frame else None
