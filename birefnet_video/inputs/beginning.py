"""What a decoder must have seen of a stream's beginning, wherever in it it is to begin."""

from contextlib import suppress

import av
import av.error
import av.video.codeccontext

from birefnet_video.inputs.opening import demux, open_input
from birefnet_video.inputs.remote import Place
from birefnet_video.inputs.tracks import video_stream
from birefnet_video.types import MediaInfo


def show_beginning(decoder: "av.video.codeccontext.VideoCodecContext", place: Place, info: MediaInfo) -> None:
    """Let a decoder that is not yet open see the first picture of its stream, where the others need that.

    Before its version 151, x264 wrote 4:4:4 pictures in a way of its own. FFmpeg decodes both ways, and knows which one
    it is from the version, which stands before the first picture alone.

    Args:
        decoder: of the stream; nothing comes out of it that is not asked for afterwards.
        place: the file.
        info: of it.

    Raises:
        InputMissing: if the file is gone meanwhile.
    """
    shape = decoder.format
    if decoder.codec.canonical_name != "h264" or shape is None or shape.chroma_width(2) != 2:
        return
    with suppress(av.error.FFmpegError), open_input(place, info.limits) as container:
        stream = video_stream(container, place, info.limits, info.video_track)
        for packet in demux(container, stream):
            if packet.size:
                decoder.decode(packet)
                break
    decoder.flush_buffers()
