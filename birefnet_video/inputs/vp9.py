"""The alpha of VP9 and VP8 in WebM: a second stream that FFmpeg's own decoders leave out."""

from collections.abc import Iterator

import av
import av.container
import av.video.codeccontext
import av.video.frame
import av.video.stream

from birefnet_video.limits import DEFAULT_LIMITS, Limits

#: Codec -> the decoder that knows of alpha.
_DECODERS = {"vp9": "libvpx-vp9", "vp8": "libvpx"}


def has_hidden_alpha(stream: av.video.stream.VideoStream) -> bool:
    """Whether a stream has alpha that its usual decoder does not show."""
    return stream.metadata.get("alpha_mode") == "1" and stream.codec_context.name in _DECODERS


def alpha_decoder(
    stream: av.video.stream.VideoStream, limits: Limits = DEFAULT_LIMITS
) -> av.video.codeccontext.VideoCodecContext | None:
    """A decoder for the alpha that the usual one leaves out, or ``None`` if there is none."""
    if not has_hidden_alpha(stream):
        return None
    decoder = av.CodecContext.create(_DECODERS[stream.codec_context.name], "r")
    assert isinstance(decoder, av.video.codeccontext.VideoCodecContext)
    decoder.options = {"max_pixels": str(limits.pixels)}
    decoder.extradata = stream.codec_context.extradata
    return decoder


def decode_with_alpha(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.video.frame.VideoFrame]:
    """Frames from the container's position on, with alpha wherever the file has it."""
    decoder = alpha_decoder(stream)
    if decoder is None:
        yield from container.decode(stream)
        return
    for packet in container.demux(stream):
        yield from decoder.decode(packet if packet.size else None)
