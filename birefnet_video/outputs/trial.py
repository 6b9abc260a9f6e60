"""Whether an encoder opens: a few frames are encoded."""

from fractions import Fraction

import av
import av.codec
import av.error
from av.video.codeccontext import VideoCodecContext

from birefnet_video.errors import first_line
from birefnet_video.outputs.encoding import Encoding
from birefnet_video.outputs.scheduling import scheduling_kept

#: Above the least that NVIDIA's encoders take.
_WIDTH, _HEIGHT = 320, 192
_FRAMES = 2
_RATE = 25


def why_not(encoding: Encoding, bits: int) -> str | None:
    """Why the encoder for sources of ``bits`` does not open or encode, found by trying; ``None`` if it does."""
    try:
        encode_frames(encoding, bits)
    except (ValueError, OSError, av.error.FFmpegError) as error:
        return getattr(error, "strerror", None) or first_line(error)
    return None


def encode_frames(encoding: Encoding, bits: int) -> int:
    """Encode a few black frames.

    Args:
        encoding: of a row of outputs.
        bits: of the source.

    Returns:
        the bytes that came out.

    Raises:
        ValueError: if there is no such encoder.
        av.error.FFmpegError: if it does not open, or does not encode.
    """
    if encoding.codec == "rawvideo":
        return 0
    context = av.codec.CodecContext.create(encoding.codec, "w")
    assert isinstance(context, VideoCodecContext)
    pixel_format = encoding.pixel_format(bits)
    if encoding.semi_planar and bits > 8:
        pixel_format = "p010le"
    context.width, context.height, context.pix_fmt = _WIDTH, _HEIGHT, pixel_format
    context.framerate, context.time_base = Fraction(_RATE), Fraction(1, _RATE)
    context.options = dict(encoding.options)
    with scheduling_kept():
        context.open()
    size = 0
    for index in range(_FRAMES):
        frame = av.VideoFrame(_WIDTH, _HEIGHT, pixel_format)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts, frame.time_base = index, Fraction(1, _RATE)
        size += sum(packet.size for packet in context.encode(frame))
    size += sum(packet.size for packet in context.encode(None))
    if not size:
        raise ValueError("nothing came out")
    return size
